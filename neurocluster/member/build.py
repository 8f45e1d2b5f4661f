"""Build the engine of an epoch in a thread: beats go on while kernels compile."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from neurocluster.link.buffers import LinkSpec
from neurocluster.link.tape import turn_functions
from neurocluster.member.data import EngineLike
from neurocluster.member.duties import Duties

_log = logging.getLogger(__name__)


def build_beside(
    loop: asyncio.AbstractEventLoop, duties: Duties, epoch: int,
    body: Mapping[str, Any], built: Callable[[EngineLike | Exception], None],
) -> None:  # fmt: skip
    """Build an engine; hand it, or what went wrong, to the loop.

    Args:
        loop: On which ``built`` is called.
        duties: Build it.
        epoch: Of the engine.
        body: Of PREPARE.
        built: Takes the engine.
    """
    inbound = [LinkSpec(*row) for row in body["inbound"]]
    outbound = [LinkSpec(*row) for row in body["outbound"]]

    def build() -> None:
        made: EngineLike | Exception
        try:
            made = duties.build(epoch, body, inbound, outbound)
            if body["settings"].get("trace"):
                turn_functions()  # compiles, at first
        except Exception as error:  # noqa: BLE001 - handed to the loop
            made = error
        try:
            loop.call_soon_threadsafe(built, made)
        except RuntimeError:
            _log.info("the member left while its engine was built")

    threading.Thread(target=build, daemon=True, name="build").start()
