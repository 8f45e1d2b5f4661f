"""Hold what puts one member under a clock in one epoch: gate, barrier, ticks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from neurocluster.dtypes import I64
from neurocluster.link.buffers import LinkBuffers
from neurocluster.member.barriers import Central, Send
from neurocluster.member.clockwork import Clockwork, clockwork
from neurocluster.member.meeting import Place
from neurocluster.member.ticks import Ticks, ticks_of
from neurocluster.member.totals import Totals
from neurocluster.transport.pump import Pump
from neurocluster.transport.sockets import Sockets


class Clocking:
    """Own the ticks' sockets, if there are any; `close` ends them.

    Without a clock it does nothing.
    """

    def __init__(
        self, sockets: Sockets, place: Place, settings: Mapping[str, Any], mark: int,
        clock: Callable[[], int], send: Send,
    ) -> None:  # fmt: skip
        """Bind the ticks' inbox, if nodes tell each other.

        Args:
            sockets: Makes the sockets.
            place: Says where to listen.
            settings: Of PREPARE.
            mark: Of the epoch.
            clock: Nanoseconds.
            send: Sends to the controller.

        Raises:
            LocalLinkError: The endpoint cannot be bound.
        """
        self._settings, self._send = settings, send
        self._ticks: Ticks | None = ticks_of(sockets, place, settings, mark, clock)
        self._clockwork: Clockwork | None = None

    @property
    def endpoint(self) -> str:
        """Return where ticks are to be sent; empty if none are wanted."""
        return self._ticks.endpoint if self._ticks is not None else ""

    @property
    def strangers(self) -> int:
        """Return how many messages came that were no ticks of partners."""
        return self._ticks.strangers if self._ticks is not None else 0

    def connect(self, partners: Sequence[str]) -> None:
        """Connect to the partners' inboxes, by step."""
        if self._ticks is not None:
            self._ticks.connect(partners)

    def start(self, engine: Any, node: LinkBuffers, pump: Pump) -> Clockwork | None:
        """Return what is to look after each turn; None without a clock."""
        ticks = self._ticks
        barrier = Central(self._send) if ticks is None else ticks.barrier
        clock = clockwork(engine, node, pump, self._settings, barrier)
        if ticks is not None and clock is not None:
            ticks.barrier.opened = clock.opened
            ticks.start()
        self._clockwork = clock
        return clock

    def opened(self, body: Mapping[str, Any]) -> None:
        """Take a round that the controller opens."""
        if self._clockwork is not None:
            self._clockwork.opened(body["round"], body["started"])

    def again(self) -> None:
        """Say once more what others may not have heard."""
        if self._clockwork is not None:
            self._clockwork.again()

    def progress(self) -> bytes:
        """Return what BEAT has of rounds; see `wire.shapes.ROUNDS_ROW`."""
        if self._clockwork is None:
            return b""
        return np.array(self._clockwork.progress(), "<u8").tobytes()

    @property
    def number(self) -> int:
        """Return the present round; -1 without a clock."""
        return -1 if self._clockwork is None else self._clockwork.progress()[0]

    def stashed(self) -> I64 | None:
        """Return spikes and markers that wait for the clock; None without one."""
        return self._clockwork.stashed() if self._clockwork is not None else None

    def add_to(self, totals: Totals) -> None:
        """Add what a barrier counted to a session's counters."""
        if self._ticks is not None:
            totals.add_worker(self._ticks.barrier.counts())

    def close(self) -> None:
        """Close the ticks' sockets; may be called twice."""
        if self._ticks is not None:
            self._ticks.close()
            self._ticks.barrier.let_go()
