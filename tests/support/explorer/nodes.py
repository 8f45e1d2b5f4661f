"""The data path of one member in one epoch: links, packets, contexts, in plain Python.

It keeps the rules of the compiled one: packets are numbered, the last one of a frame
on a link carries its close and its count, a worker whose links are full receives
nothing, the client always receives. What a partition computes is linear, so that it
may send at once and a frame that got mixed up has another result.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from neurocluster.member.state import LinkFault
from neurocluster.wire.control import Control
from neurocluster.wire.shapes import INBOUND_ROW
from tests.support.explorer.network import Inbox, Network, Packet, Pipe

MODULUS = 1_000_003
NOTHING = len(INBOUND_ROW) - 2
"""Columns of a report between the link and its last epoch's spikes."""


def gain(link: int) -> int:
    """Return the factor of a link; every fifth carries no spike, only closes."""
    return 0 if link % 5 == 4 else 7 + 10 * link


@dataclass(slots=True)
class Inlet:
    """The receiving end of a link."""

    sequence: int = 1
    next_close: int = 0
    spikes: int = 0
    received: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Outlet:
    """The sending end of a link."""

    link: int
    pipe: Pipe | None = None
    sequence: int = 1
    spikes: int = 0
    sent: dict[int, int] = field(default_factory=dict)
    outbox: deque[Packet] = field(default_factory=deque)


@dataclass(slots=True)
class Context:
    """A frame that is open."""

    origin: int
    missing: int
    value: int = 0
    kept: dict[int, int] = field(default_factory=dict)


class Node:
    """Links of one member; `turn` moves packets, `close` ends it."""

    def __init__(
        self, net: Network, epoch: int, body: Mapping[str, Any], *,
        owner: Any, on_fault: Callable[[LinkFault], None],
        service_ms: tuple[float, float], window: int, client: bool,
    ) -> None:  # fmt: skip
        self.net, self.epoch, self.owner, self.window = net, epoch, owner, window
        self.client, self._service, self._on_fault = client, service_ms, on_fault
        self.inbound = {row[0]: Inlet() for row in body["inbound"]}
        self.outbound = {row[0]: Outlet(row[0]) for row in body["outbound"]}
        self.names = {row[0]: row[1] for row in (*body["inbound"], *body["outbound"])}
        self.inbox = Inbox(net, epoch, owner.host, lambda: owner.run(owner.woken))
        self.open: dict[int, Context] = {}
        self.next_frame = 0
        self.started = False
        self._busy_until = 0
        self._scheduled = False
        self.on_frame: Callable[[int, int], None] = lambda _frame, _value: None
        self.after_turn: Callable[[], None] = lambda: None
        self.on_packet: Callable[[Packet], bool] = lambda _packet: True

    def opened(self, body: Mapping[str, int]) -> None:
        """Know no clock."""

    def say_again(self) -> None:
        """Have nothing to repeat."""

    # -- sockets ---------------------------------------------------------------

    def connect(self, endpoints: Any, hellos: Mapping[int, Control]) -> None:
        """Connect each outgoing link; its HELLO goes first."""
        for link, endpoint in endpoints:
            outlet = self.outbound[link]
            outlet.pipe = self.net.connect(
                link, self.epoch, self.owner.host, endpoint, self.wake
            )
            outlet.pipe.send(hellos[link])

    def start(self) -> None:
        """Process packets from now on."""
        self.started = True
        self.wake()

    @property
    def pipes(self) -> list[Pipe]:
        """Return the pipes that are open."""
        return [o.pipe for o in self.outbound.values() if o.pipe is not None]

    @property
    def open_frames(self) -> int:
        """Return how many frames are open."""
        return len(self.open)

    def close(self) -> None:
        """Close all sockets."""
        self.started = False
        self.inbox.close()
        for outlet in self.outbound.values():
            if outlet.pipe is not None:
                outlet.pipe.close()

    @property
    def blocked(self) -> bool:
        """Tell whether a link waits for room."""
        return any(outlet.outbox for outlet in self.outbound.values())

    def counters(self) -> dict[str, Any]:
        """Return what a BEAT carries of the links."""
        received = [(k, i.spikes, i.next_close) for k, i in self.inbound.items()]
        sent = [(k, o.spikes, len(o.outbox)) for k, o in self.outbound.items()]
        pack = lambda rows: b"".join(struct.pack("<3Q", *row) for row in rows)  # noqa: E731
        return {
            "received": pack(received), "sent": pack(sent), "blocked": self.blocked,
            "open_frames": len(self.open), "frame": self.next_frame,
            "packets": sum(i.sequence - 1 for i in self.inbound.values()),
        }  # fmt: skip

    def report(self) -> dict[str, Any]:
        """Return the rows of a report."""
        inbound = [(k, *[0] * NOTHING, i.spikes) for k, i in self.inbound.items()]
        outbound = [(k, *[0] * 5, o.spikes) for k, o in self.outbound.items()]
        return {
            "inbound": tuple(inbound), "outbound": tuple(outbound),
            "worker": {"epoch": self.epoch},
        }  # fmt: skip

    # -- turns -----------------------------------------------------------------

    def wake(self) -> None:
        """Take a turn soon."""
        if not self._scheduled:
            self._scheduled = True
            delay = max(self._busy_until - self.net.loop.now, 0)
            self.net.loop.at(delay, lambda: self.owner.run(self.turn))

    def turn(self) -> None:
        """Receive one packet, if one may be received; send what waits."""
        self._scheduled = False
        if not self.started:
            return
        self._flush()
        if self.blocked and not self.client:
            return
        if self.net.loop.now < self._busy_until:
            self.wake()
            return
        item = self.inbox.take()
        if isinstance(item, Packet):
            self._busy_until = self.net.loop.now + self.net.loop.between(*self._service)
            if not self.on_packet(item):
                return
            fault = self._accept(item)
            if fault is not None:
                self.started = False
                self._on_fault(LinkFault(self.names.get(item.link, "?"), *fault))
                return
            self._flush()
        if item is not None:
            self.wake()
        self.after_turn()

    def _flush(self) -> None:
        for outlet in self.outbound.values():
            while outlet.outbox and outlet.pipe and outlet.pipe.send(outlet.outbox[0]):
                outlet.outbox.popleft()

    # -- packets ---------------------------------------------------------------

    def _accept(self, p: Packet) -> tuple[int | None, str, int, int] | None:
        """Take a packet; return a fault, or None."""
        inlet = self.inbound.get(p.link)
        if p.epoch != self.epoch:
            return None
        if inlet is None:
            return p.frame, "link", 0, p.link
        if p.sequence != inlet.sequence:
            return p.frame, "sequence", inlet.sequence, p.sequence
        if not inlet.next_close <= p.frame < self.next_frame + self.window:
            return p.frame, "frame", inlet.next_close, p.frame
        inlet.sequence += 1
        context = self.open.get(p.frame)
        if context is None:
            if self.client:
                return p.frame, "frame not started", -1, p.frame
            context = self.begin(p.frame, p.origin)
        assert context.origin == p.origin, "I3: packets of two frames are mixed"
        self.owner.world.checks.accepted(self, p)
        inlet.spikes += p.spikes
        inlet.received[p.frame] = inlet.received.get(p.frame, 0) + p.spikes
        context.value = (context.value + p.value) % MODULUS
        for outlet in () if self.client else self.outbound.values():
            self._pass(outlet, context, p)
        return self._close(inlet, context, p) if p.close else None

    def begin(self, frame: int, origin: int) -> Context:
        """Open a frame."""
        context = self.open[frame] = Context(origin, len(self.inbound))
        return context

    def _pass(self, outlet: Outlet, context: Context, p: Packet) -> None:
        """Send on what a packet causes, now or with the frame's close."""
        value = gain(outlet.link) * p.value % MODULUS
        if not value:
            return
        if self.net.loop.random.random() < 0.5:
            self.emit(outlet, p.frame, context.origin, value, last=False)
        else:
            old = context.kept.get(outlet.link, 0)
            context.kept[outlet.link] = (old + value) % MODULUS

    def _close(
        self, inlet: Inlet, context: Context, p: Packet
    ) -> tuple[int | None, str, int, int] | None:
        received = inlet.received.pop(p.frame)
        if received != p.close - 1:
            return p.frame, "count", p.close - 1, received
        if p.frame != inlet.next_close:
            return p.frame, "order", inlet.next_close, p.frame
        inlet.next_close += 1
        context.missing -= 1
        if not context.missing:
            del self.open[p.frame]
            self.next_frame = p.frame + 1
            for outlet in () if self.client else self.outbound.values():
                kept = context.kept.get(outlet.link, 0)
                self.emit(outlet, p.frame, context.origin, kept, last=True)
            self.on_frame(p.frame, context.value)
        return None

    def emit(
        self, outlet: Outlet, frame: int, origin: int, value: int, *, last: bool
    ) -> None:
        """Put a packet into a link's outbox."""
        spikes = self.net.loop.random.randint(1, 3) if value else 0
        outlet.spikes += spikes
        sent = outlet.sent[frame] = outlet.sent.get(frame, 0) + spikes
        if last:
            del outlet.sent[frame]
        outlet.outbox.append(
            Packet(
                self.epoch, outlet.link, outlet.sequence, frame, spikes,
                sent + 1 if last else 0, value, origin, self.owner,
            )
        )  # fmt: skip
        outlet.sequence += 1

    def start_frame(self, frame: int, value: int) -> None:
        """Send the client's frame on each link, in one packet or two."""
        self.begin(frame, value)
        for outlet in self.outbound.values():
            total = gain(outlet.link) * value % MODULUS
            if total and self.net.loop.random.random() < 0.5:
                part = self.net.loop.random.randrange(MODULUS)
                self.emit(outlet, frame, value, part, last=False)
                total = (total - part) % MODULUS
            self.emit(outlet, frame, value, total, last=True)
        self.wake()
