"""Own the sockets over which a node exchanges ticks with its partners, for one epoch.

They are others than those of packets: a tick then waits behind none, and what it costs
is not in the time of a turn. A tick that has no room is dropped; it is sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from neurocluster.errors import LocalLinkError
from neurocluster.member.barriers import DISSEMINATION, Disseminated
from neurocluster.member.dissemination import Dissemination, step_count
from neurocluster.member.meeting import Place
from neurocluster.transport.sockets import Sockets
from neurocluster.transport.zeromq import ZmqInbox, ZmqOutlet
from neurocluster.wire.ticks import LIMIT, Tick, read_tick, write_tick

WAITING: Final = 64
"""Ticks that may wait at each end of a connection. Two are enough; but libzmq wakes up
the sender whenever half of this number was read."""
MESSAGE_BYTES: Final = 1024
"""Most bytes of a message; libzmq holds the handshakes of CURVE to that limit, too."""
BUDGET: Final = 64
"""Ticks that are read before others on the loop get their turn."""


class Ticks:
    """Hold an inbox of ticks, and an outlet a step; `close` ends them.

    Attributes:
        endpoint: Where those whose partner this node is connect to.
        strangers: Messages that were no tick of this epoch, or of no partner.
    """

    def __init__(
        self, sockets: Sockets, place: Place, settings: Mapping[str, Any], mark: int,
        clock: Callable[[], int],
    ) -> None:  # fmt: skip
        """Bind the inbox.

        Args:
            sockets: Makes the sockets.
            place: Says where to listen.
            settings: Of PREPARE: folder, where, clock.
            mark: Of the epoch.
            clock: Nanoseconds.

        Raises:
            LocalLinkError: The endpoint cannot be bound.
        """
        there, told = place.choose(settings), settings["clock"]
        self._sockets, self._mark = sockets, mark
        self._inbox = ZmqInbox(sockets, there.endpoints, WAITING, MESSAGE_BYTES)
        self.endpoint = there.told(self._inbox.endpoint)
        self.strangers = 0
        self._outlets: list[ZmqOutlet] = []
        self._buffer = memoryview(bytearray(LIMIT))
        self._steps = step_count(told["nodes"])
        barrier = Dissemination(told["rank"], told["nodes"])
        self.barrier = Disseminated(barrier, clock, self._send)
        self._soon = asyncio.get_running_loop().call_soon
        self._open, self._scheduled = True, False

    def connect(self, partners: Sequence[str]) -> None:
        """Connect to the partner of each step.

        Raises:
            LocalLinkError: There is not one for each step.
        """
        if len(partners) != self._steps:
            message = (
                f"{len(partners)} of {self._steps} partners to tell of rounds: a "
                "member does not say where it hears of them"
            )
            raise LocalLinkError(message)
        for where in partners:
            end = ZmqOutlet(self._sockets, where, WAITING, lambda: None)
            self._outlets.append(end)

    def start(self) -> None:
        """Hear ticks from now on, those that have come first."""
        self._inbox.watch(self._arrived)
        self._again()

    def _send(self, tick: Tick) -> None:
        self._outlets[tick.step].send(write_tick(self._mark, tick))

    def _again(self) -> None:
        """Look soon; once, however often the inbox wakes us up until then."""
        if not self._scheduled:
            self._scheduled = True
            self._soon(self._arrived)

    def _arrived(self) -> None:
        self._scheduled = False
        receive, buffer = self._inbox.receive_into, self._buffer
        for _ in range(BUDGET):
            if not self._open or (size := receive(buffer)) < 0:
                return
            tick = read_tick(bytes(buffer[:size]), self._mark)
            if tick is None or not self.barrier.heard(tick):
                self.strangers += 1
        self._again()

    def close(self) -> None:
        """Close all sockets; may be called twice."""
        self._open = False
        self._inbox.close()
        for outlet in self._outlets:
            outlet.close()


def ticks_of(
    sockets: Sockets, place: Place, settings: Mapping[str, Any], mark: int,
    clock: Callable[[], int],
) -> Ticks | None:  # fmt: skip
    """Return what exchanges ticks; None where nodes do not tell each other.

    Raises:
        LocalLinkError: The endpoint cannot be bound.
    """
    if settings["clock"].get("barrier") != DISSEMINATION:
        return None
    return Ticks(sockets, place, settings, mark, clock)
