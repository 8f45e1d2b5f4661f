"""Say what a worker or a client does at each step of a member's life."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from neurocluster.link.buffers import LinkSpec
from neurocluster.member.data import EngineLike
from neurocluster.wire.control import Control


class Duties(Protocol):
    """What a worker or a client does at each step; the member calls it."""

    @property
    def always_receive(self) -> bool:
        """Tell whether to receive while a link is blocked (the client's rule)."""

    def build(
        self, epoch: int, body: Mapping[str, Any], inbound: list[LinkSpec],
        outbound: list[LinkSpec],
    ) -> EngineLike:  # fmt: skip
        """Build the engine of an epoch; runs in a thread, for it may compile."""

    def bound(self, body: Mapping[str, Any], engine: EngineLike) -> None:
        """Take the engine that was built; the epoch before is over."""

    def run(self, roster: tuple[Mapping[str, Any], ...]) -> None:
        """Start to process."""

    def after_turn(self) -> None:
        """Do what follows a turn of the pump."""

    def reports(self) -> Sequence[bytes]:
        """Return the frame reports since the last call, rows of uint64, in pieces."""

    def beat(self) -> dict[str, Any]:
        """Return the fields of BEAT that the links do not know: ``finished``."""

    def deliver(self, message: Control) -> None:
        """Take a message meant for the client."""

    def left(self, code: int, text: str) -> None:
        """Note that the member ended."""
