"""Own the data sockets of one member for one epoch: bind, connect, turn, count."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, Final, Protocol

import numpy as np

from neurocluster.errors import RemoteLinkError, WireError
from neurocluster.link.buffers import Handler, LinkBuffers
from neurocluster.link.records import FAULTS
from neurocluster.member.clocking import Clocking
from neurocluster.member.counts import add_counts, counters, spikes
from neurocluster.member.hindering import Hindering
from neurocluster.member.meeting import Place
from neurocluster.member.ordering import Ordering, ordering
from neurocluster.member.probing import ONE_CLOCK, Asking, Clocks
from neurocluster.member.processor import Ran, thread_ran
from neurocluster.member.totals import Totals
from neurocluster.member.trace import Trace
from neurocluster.transport.base import Schedule
from neurocluster.transport.echo import Echo
from neurocluster.transport.pump import Pump
from neurocluster.transport.sockets import Sockets
from neurocluster.transport.timer import Timer
from neurocluster.transport.zeromq import ZmqInbox, ZmqOutlet
from neurocluster.wire.control import Control, Kind, decode_control, encode_control
from neurocluster.wire.packet import decode_packet, encode_packet

MALFORMED: Final = -100
"""Fault of a member's packet that is too large."""
HELLOS: Final = 64
"""Most messages that are read for a HELLO before others get their turn."""
_log = logging.getLogger(__name__)


class EngineLike(Protocol):
    """What worker and client engines have in common."""

    @property
    def node(self) -> LinkBuffers:
        """Return the links' buffers."""

    @property
    def handler(self) -> Handler:
        """Return what a turn calls."""

    def receive(self, size: int) -> int:
        """Handle the packet in the message buffer."""

    def fault(self, code: int) -> RemoteLinkError:
        """Translate a negative result."""


class DataPath:
    """Hold an inbox, an outlet a link, and the pump between them; `close` ends it.

    What comes to the inbox without this epoch's mark is a stranger's: it is counted and
    dropped. If a member sent it, its link's next packet is out of sequence, or the link
    stands still; both end the epoch.

    Attributes:
        endpoint: Where others connect to the inbox.
        echo: Where this process answers for its clock; empty if nobody is to ask.
        clocks: Of those who send to it.
        clocking: What puts this node under a clock.
    """

    def __init__(
        self, sockets: Sockets, engine: EngineLike, place: Place,
        settings: Mapping[str, Any], wake: Callable[[], None],
        asking: Asking = ONE_CLOCK,
    ) -> None:  # fmt: skip
        """Bind the inbox, and what answers for our clock if others read another.

        Args:
            sockets: Makes the sockets.
            engine: Of this epoch.
            place: Says where to listen.
            settings: Of PREPARE: folder, where, hwm.
            wake: Called when the inbox or an outlet may have news; see
                `ZmqInbox.watch`.
            asking: How members ask each other for their time.
        """
        self._sockets, self._engine, self._wake = sockets, engine, wake
        self._settings = settings
        self._clock, self._hwm = asking.clock, int(settings["hwm"])
        self._hindering = Hindering(engine.node, settings)
        there = place.choose(settings)
        room = len(engine.node.message)
        echo = None
        if asking.secret:
            secret = asking.secret.encode()
            echo = Echo(secret, there.host, there.ports, asking.clock)
        self.clocks = Clocks(engine.node, echo, asking)
        mark = int(engine.node.record["epoch"][0])
        with ExitStack() as undo:
            undo.callback(self.clocks.close)
            self._inbox = ZmqInbox(sockets, there.endpoints, self._hwm, room)
            undo.callback(self._inbox.close)
            self.clocking = Clocking(
                sockets, place, settings, mark, asking.clock, asking.send
            )
            undo.pop_all()
        self._inbox.watch(wake)
        self.endpoint = there.told(self._inbox.endpoint)
        self.echo = there.told_echo(echo.port) if echo is not None else ""
        self._outlets: list[ZmqOutlet] = []
        self.pump: Pump | None = None
        self._timer: Timer | None = None
        self._ordering: Ordering | None = None
        self._ran: Ran | None = None
        self._soon = asyncio.get_running_loop().call_soon

    def connect(
        self, endpoints: Sequence[tuple[int, str]], hellos: Mapping[int, Control],
        clocks: Sequence[tuple[int, str]], partners: Sequence[str] = (), *,
        schedule: Schedule, always_receive: bool,
    ) -> None:  # fmt: skip
        """Connect every outgoing link, its HELLO first; ask for the sources' clocks."""
        self.clocking.connect(partners)
        self.clocks.connect(dict(clocks))
        where, node = dict(endpoints), self._engine.node
        for link in node.outbound_specs:
            end = ZmqOutlet(self._sockets, where[link.index], self._hwm, self._room)
            end.send(encode_control(hellos[link.index]))
            self._outlets.append(end)
        if self._hindering.needs_time or node.needs_time:
            self._timer = Timer(self._clock, self._wake)
        self.pump = Pump(
            node, self._inbox, self._outlets, schedule=schedule,
            clock=self._clock, always_receive=always_receive,
            arm=self._timer.arm if self._timer is not None else None,
        )  # fmt: skip
        if not always_receive:
            self._ordering = ordering(node, self.pump, self._settings)

    def _room(self) -> None:
        """An outlet may have room again: take a turn if something waits for it.

        Its descriptor signals whenever the other side has read half of a high-water
        mark, so mostly nothing does.
        """
        if self.pump is not None and self.pump.waiting:
            self._wake()

    def read_hello(self) -> Control | None:
        """Return the next HELLO that waits, or None; drop what strangers sent.

        After a number of messages it wakes itself up again instead.
        """
        buffer = self._engine.node.message
        for _ in range(HELLOS):
            size = self._inbox.receive_into(buffer.data)
            if size < 0:
                return None
            if (hello := _hello(buffer[:size].tobytes())) is not None:
                return hello
            self.drop()
        self._soon(self._wake)
        return None

    def drop(self) -> None:
        """Count a message as a stranger's."""
        self._engine.node.record["strangers"] += 1

    @property
    def strangers(self) -> int:
        """Return how many messages of strangers were dropped, ticks, datagrams too."""
        record = self._engine.node.record
        dropped = int(record["strangers"][0]) + int(record["stale"][0])
        return dropped + self.clocks.strangers + self.clocking.strangers

    def look(self) -> None:
        """Leave what arrived where it is; the inbox calls again when more comes."""
        self._inbox.look()

    def start(
        self, on_fault: Callable[[RemoteLinkError], None],
        after_turn: Callable[[], None], hosts: Mapping[str, str],
        trace: Trace | None = None,
    ) -> None:  # fmt: skip
        """Process packets from now on; links know each other's hosts."""
        self._ran = thread_ran()
        if self.pump is not None:
            if (hindrance := self._hindering.made(hosts)) is not None:
                self.pump.hinder(hindrance)
            node = self._engine.node
            clock = self.clocking.start(self._engine, node, self.pump)
            if clock is not None:
                after_turn = _both(after_turn, clock.turned)
            handler = self._engine.handler
            if trace is not None:
                handler = trace.begin(self._engine.node, self.pump, handler)
                after_turn = _both(trace.turned, after_turn)
            self.pump.start(
                handler, on_other=self._other, after_turn=after_turn,
                on_fault=lambda code: on_fault(self._fault(code)),
            )  # fmt: skip

    def _fault(self, code: int) -> RemoteLinkError:
        if code in FAULTS:
            return self._engine.fault(code)
        names = self._engine.node.inbound_names
        return RemoteLinkError(names, "packet above the limit", None, 0, 0)

    def _other(self, data: bytes) -> int:
        """Take a packet of wider integers; drop anything else."""
        node = self._engine.node
        try:
            decoded = decode_packet(data, len(node.message))
        except WireError:
            self.drop()
            return 0
        packet = encode_packet(decoded)
        if len(packet) > int(node.record["message_size"][0]):
            if decoded.epoch != int(node.record["epoch"][0]):
                self.drop()
                return 0
            _log.error("a member's packet of %d bytes is above the limit", len(packet))
            return MALFORMED
        node.message[: len(packet)] = np.frombuffer(packet, np.uint8)
        return min(self._engine.receive(len(packet)), 0)

    def counters(self) -> dict[str, Any]:
        """Return what a BEAT carries of the links."""
        waits = self.clocking if self._ordering is None else self._ordering
        counted = counters(self._engine.node, self.pump, waits.stashed())
        return counted | {"rounds": self.clocking.progress()}

    def add_to(self, totals: Totals) -> None:
        """Add this epoch's counters to those of the session."""
        add_counts(totals, self._engine.node, self.pump, self.clocks, self._ran)
        self.clocking.add_to(totals)

    def spikes(self) -> dict[int, int]:
        """Return the spikes of this epoch by link."""
        return spikes(self._engine.node)

    def close(self) -> None:
        """Close all sockets; may be called twice."""
        if self.pump is not None:
            self.pump.close()
        if self._timer is not None:
            self._timer.close()
        self._inbox.close()
        self.clocks.close()
        self.clocking.close()
        for outlet in self._outlets:
            outlet.close()


def _both(first: Callable[[], None], second: Callable[[], None]) -> Callable[[], None]:
    def both() -> None:
        first()
        second()

    return both


def _hello(data: bytes) -> Control | None:
    """Read a HELLO; None if it is none."""
    try:
        message = decode_control(data)
    except WireError:
        return None
    return message if message.kind is Kind.HELLO else None
