"""Answer what anybody asks a controller, member or not; pure.

Whoever asks to stop is told twice: that it was heard, and how it ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from neurocluster.controller.events import EXIT_DONE, Action, Event, Send, StopAsked
from neurocluster.wire.control import Control, Kind


class Asked(Protocol):
    """What the desk needs of `state.Controller`."""

    def handle(self, event: Event, now_ns: int) -> list[Action]:
        """Take one event; return what to do."""

    def status(self, now_ns: int) -> dict[str, Any]:
        """Return where the cluster stands."""


class Desk:
    """Answer questions about one controller."""

    def __init__(self, state: Asked, about: Mapping[str, Any]) -> None:
        """Take what decides, and what `wire.shapes.CONTROLLER` lists."""
        self._state, self._about = state, about
        self._stopping: list[bytes] = []

    def ask(self, peer: bytes, what: str, now_ns: int) -> list[Action]:
        """Take a question; return what to do, the answer first."""
        status = self._state.status(now_ns) if what == "status" else None
        if not what.startswith("stop"):
            return [self._answer(peer, status=status)]
        if peer not in self._stopping:
            self._stopping.append(peer)
        actions: list[Action] = [self._answer(peer, "the cluster is stopping")]
        for _ in range(1 + (what == "stop now")):  # the second one does not drain
            actions += self._state.handle(StopAsked(EXIT_DONE), now_ns)
        return actions

    def ended(self, code: int, text: str) -> list[Send]:
        """Return what those who asked to stop are told at the end."""
        return [self._answer(peer, text, code) for peer in self._stopping]

    def _answer(
        self, peer: bytes, text: str = "", code: int | None = None,
        status: Mapping[str, Any] | None = None,
    ) -> Send:  # fmt: skip
        body = {
            "text": text, "code": code, "controller": self._about, "status": status,
        }  # fmt: skip
        return Send(peer, Control(Kind.ANSWER, body))
