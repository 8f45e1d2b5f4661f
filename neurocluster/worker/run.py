"""Run a worker: join a controller, own one partition, leave when told."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Mapping
from typing import Any, Final, cast

import uvloop

from neurocluster.errors import MalformedMessage
from neurocluster.link.buffers import LinkSpec
from neurocluster.member.data import EngineLike
from neurocluster.member.run import MemberRunner
from neurocluster.member.state import EXIT_LOST, StopAsked
from neurocluster.model.spec import spec_from_wire
from neurocluster.version import VERSION
from neurocluster.wire.control import Control
from neurocluster.worker.engine import Engine

_log = logging.getLogger(__name__)
_STDIN: Final = 0


class WorkerDuties:
    """Do a worker's part of a cluster's life."""

    always_receive = False

    def __init__(self) -> None:
        """Hold no engine yet."""
        self._engine: Engine | None = None

    def build(
        self, body: Mapping[str, Any], inbound: list[LinkSpec], outbound: list[LinkSpec]
    ) -> Engine:
        """Compile or load the kernels of a partition and allocate it.

        Raises:
            MalformedMessage: PREPARE describes no partition.
        """
        try:
            spec = spec_from_wire(body["partition"])
        except (KeyError, TypeError, ValueError) as error:
            message = f"PREPARE: no partition: {error!r}"
            raise MalformedMessage(message) from error
        epoch = int(body["settings"]["epoch"])
        return Engine(spec, inbound, outbound, epoch=epoch)

    def bound(self, body: Mapping[str, Any], engine: EngineLike) -> None:
        """Take the engine that was built."""
        del body
        self._engine = cast("Engine", engine)

    def run(self, roster: tuple[Mapping[str, Any], ...]) -> None:
        """Log the roster."""
        _log.info("running with %d partitions", len(roster))

    def after_turn(self) -> None:
        """Do nothing."""

    def reports(self) -> bytes:
        """Return frame reports, rows of little-endian uint64."""
        if self._engine is None:
            return b""
        return self._engine.take_reports().astype("<u8").tobytes()

    def finished(self) -> int:
        """Return -1: only the client knows finished frames."""
        return -1

    def deliver(self, message: Control) -> None:
        """Ignore what is meant for a client."""

    def left(self, code: int, text: str) -> None:
        """Log why this worker ends."""
        _log.info("ends: exit status %d: %s", code, text)


def run_worker(endpoint: str, *, slot: int | None, leased: bool) -> int:
    """Run a worker until it is told to end; return its exit code.

    Args:
        endpoint: Of the controller.
        slot: Partition wished for, or None.
        leased: True if standard input is a pipe whose end ends this process.
    """
    return uvloop.run(_worker(endpoint, slot, leased))


async def _worker(endpoint: str, slot: int | None, leased: bool) -> int:
    loop = asyncio.get_running_loop()
    runner = MemberRunner(
        WorkerDuties(),
        "worker",
        endpoint,
        slot=slot,
        leased=leased,
        version=VERSION,
    )

    def stop(reason: str, code: int) -> None:
        runner.event(StopAsked(reason, code))

    for number in (signal.SIGTERM, signal.SIGINT):
        name = signal.Signals(number).name
        loop.add_signal_handler(number, stop, f"{name} received", 0)
    if leased:
        loop.add_reader(_STDIN, _lease, loop, stop)
    try:
        return await runner.done
    finally:
        runner.close()


def _lease(loop: asyncio.AbstractEventLoop, stop: Any) -> None:
    if not os.read(_STDIN, 4096):
        loop.remove_reader(_STDIN)
        stop("the process that started this worker is gone", EXIT_LOST)
