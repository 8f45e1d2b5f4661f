"""Take part in the barrier of a clock: say when this node has done a round.

Both kinds are a `Barrier`: central, where nodes tell the controller and it opens the
next round, and dissemination, where they tell each other and each opens it for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from neurocluster.member.dissemination import Dissemination
from neurocluster.wire.control import Kind
from neurocluster.wire.ticks import Tick

DISSEMINATION: Final = "dissemination"
Send = Callable[[Kind, Mapping[str, Any]], None]
Opened = Callable[[int, int], None]
"""Take a round that opens: its number, frames that were started before."""


class Barrier(Protocol):
    """What a node's clock needs of the barrier."""

    @property
    def told(self) -> bool:
        """Tell whether this node has said that it has done the present round."""

    def tell(self, number: int, started: int) -> None:
        """Say, once, that this node has done a round; the client has started frames."""

    def forget(self) -> None:
        """Note that the next round has opened."""

    def again(self) -> None:
        """Say once more what may have been lost."""

    def exchanged(self) -> list[int]:
        """Return how far ticks came; see `wire.shapes.ROUNDS_ROW`."""


class Central:
    """Tell the controller; it says when the next round opens."""

    def __init__(self, send: Send) -> None:
        """Take what sends to the controller."""
        self._send = send
        self._said: dict[str, int] | None = None

    @property
    def told(self) -> bool:
        """Tell whether it was said."""
        return self._said is not None

    def tell(self, number: int, started: int) -> None:
        """Say so unless it was said."""
        if self._said is None:
            self._said = {"round": number, "started": started}
            self._send(Kind.DONE, self._said)

    def forget(self) -> None:
        """Begin the next round."""
        self._said = None

    def again(self) -> None:
        """Say once more what was said last."""
        if self._said is not None:
            self._send(Kind.DONE, self._said)

    def exchanged(self) -> list[int]:
        """Return nothing: the controller knows."""
        return []


class Disseminated:
    """Tell partners, and hear from others when all have done a round.

    Attributes:
        opened: Called when a round opens; set it before the first tick is heard.
    """

    def __init__(
        self, barrier: Dissemination, clock: Callable[[], int],
        send: Callable[[Tick], None],
    ) -> None:  # fmt: skip
        """Take what decides.

        Args:
            barrier: Of this node and epoch.
            clock: Nanoseconds.
            send: Sends a tick to the partner of its step.
        """
        self._barrier, self._clock, self._send = barrier, clock, send
        self.let_go()

    def let_go(self) -> None:
        """Call nobody: who is called holds this, and so a cycle ends."""
        self.opened: Opened = lambda _number, _started: None

    @property
    def told(self) -> bool:
        """Tell whether this node has done the present round."""
        return self._barrier.arrived

    def tell(self, number: int, started: int) -> None:
        """Tell those who are to hear it first, unless they were told."""
        barrier = self._barrier
        if number == barrier.number and not barrier.arrived:
            self._act(number, barrier.done(started, self._clock()))

    def heard(self, tick: Tick) -> bool:
        """Take a tick; return False if no partner can have sent it."""
        number = self._barrier.number
        made = self._barrier.heard(tick, self._clock())
        if made is None:
            return False
        self._act(number, made)
        return True

    def _act(self, number: int, ticks: list[Tick]) -> None:
        for tick in ticks:
            self._send(tick)
        if self._barrier.number != number:
            self.opened(self._barrier.number, self._barrier.started)

    def forget(self) -> None:
        """Do nothing: the round ended here."""

    def again(self) -> None:
        """Send the last tick of each step once more."""
        for tick in self._barrier.again():
            self._send(tick)

    def exchanged(self) -> list[int]:
        """Return how far ticks came."""
        return self._barrier.exchanged()

    def counts(self) -> dict[str, int]:
        """Return what was counted; see `Dissemination.counts`."""
        return self._barrier.counts()
