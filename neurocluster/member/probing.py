"""Know the clocks of those who send to a member, for one epoch.

Who shares our clock needs no probe. All others are asked: in a burst while links are
made, so that the first packets have a bound, then twenty times a second. While few
packets come, so when there is time, another question follows as soon as the bound has
ceased to be tight. While packets keep a member busy, probes wait as they do and bound
less; they go on, twenty times a second, and are counted.

Where no datagram comes back, questions go through the controller, whom everybody
reaches: slower, so with a wider bound, which the stamps tell by themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic_ns
from typing import Any, Final, NamedTuple

from neurocluster.link.buffers import LinkBuffers
from neurocluster.member.clocks import reading_ns
from neurocluster.metrics.offset import DRIFT_PPM, Offset, Probe
from neurocluster.transport.echo import Echo, resolve
from neurocluster.wire.control import Control, Kind

SHARED, UDP, ZMQ = range(3)
"""Places in `wire.shapes.METHODS`."""
BURST: Final = 16
BURST_NS: Final = 2_000_000
PROBE_NS: Final = 50_000_000
"""Between two questions that are asked whatever happens."""
SOON_NS: Final = 10_000_000
"""Between those at least that keep a bound tight."""
AGAIN: Final = 9
"""How many follow each other at once then: processors that slept answer late."""
BUSY: Final = 2_000
"""Packets a second from which on a member has no time to keep bounds tight."""
PATIENCE: Final = 20
"""Questions that were due, without a datagram's answer, after which the controller is
asked to pass questions on; at first this takes 0.3 s."""
RELAY_EVERY: Final = 4
"""Of those that are due from then on, one in so many goes that way, too."""


class Known(NamedTuple):
    """What is known of a clock, for a link's report.

    Attributes:
        method: Index in `wire.shapes.METHODS`.
        round_trip: Shortest round trip of a probe, ns; 0 without one.
        jumps: How often that clock contradicted itself.
        probes: How many were answered.
        busy: How many of them came while packets kept us busy.
    """

    method: int = SHARED
    round_trip: int = 0
    jumps: int = 0
    probes: int = 0
    busy: int = 0

    def and_also(self, other: Known) -> Known:
        """Return this and what was known in another epoch."""
        trips = [trip for trip in (self.round_trip, other.round_trip) if trip]
        return Known(
            max(self.method, other.method), min(trips, default=0),
            self.jumps + other.jumps, self.probes + other.probes,
            self.busy + other.busy,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asking:
    """How members ask each other for their time.

    Attributes:
        clock: Nanoseconds; ours.
        secret: Of all members, for `transport.echo`; empty if they share a clock.
        send: Sends a control message, given its kind and body.
    """

    clock: Callable[[], int] = monotonic_ns
    secret: str = ""
    send: Callable[[Kind, Mapping[str, Any]], None] = lambda _kind, _body: None


ONE_CLOCK: Final = Asking()
"""All members share a clock: nobody asks."""


@dataclass(slots=True)
class Source:
    """A clock that is not ours.

    Attributes:
        number: Of this source, in questions.
        where: Socket address of who answers for it; None if that cannot be reached.
        links: Inbound links from there, by slot.
        offset: What is known of it.
        method: How the last answer came.
        busy: Answers that came while packets kept us busy.
        asked: Questions that were due.
        unanswered: How many of them since a datagram came from there.
        again: Questions asked at once since one was due.
        due_ns: When the next question is due.
        timer: Asks it.
    """

    number: int
    where: Any
    links: dict[int, int] = field(default_factory=dict)
    offset: Offset = field(default_factory=Offset)
    method: int = UDP
    busy: int = 0
    asked: int = 0
    unanswered: int = 0
    again: int = 0
    due_ns: int = 0
    timer: asyncio.TimerHandle | None = None


class Clocks:
    """Ask for the clocks of one epoch's sources; `close` ends that."""

    def __init__(self, node: LinkBuffers, echo: Echo | None, asking: Asking) -> None:
        """Take the links, and how to ask.

        Args:
            node: The links.
            echo: Asks and answers by datagrams; None where all share a clock.
            asking: How else.
        """
        self._node, self._echo = node, echo
        self._clock, self._send = asking.clock, asking.send
        self._sources: list[Source] = []
        self._looked_ns = self._packets = 0
        self._busy = False

    def connect(self, sources: Mapping[int, str]) -> None:
        """Begin to ask.

        Args:
            sources: By inbound link, ``udp://HOST:PORT`` of who answers for its
                source's clock; empty if that is ours.
        """
        slots = {link.index: k for k, link in enumerate(self._node.inbound_specs)}
        found: dict[str, Source] = {}
        for link, place in sources.items():
            if not place:
                self._node.set_clock(slots[link], 0, reading_ns())
                continue
            self._node.forget_clock(slots[link])
            if place not in found:
                found[place] = Source(len(found), resolve(place))
            found[place].links[slots[link]] = link
        self._sources = list(found.values())
        if self._echo is not None:
            self._echo.on_answer = self._answered
            for source in self._sources:
                self._ask(self._echo, source)

    def _ask(self, echo: Echo, source: Source) -> None:
        """Ask the question that is due."""
        source.asked, source.unanswered = source.asked + 1, source.unanswered + 1
        source.again, source.timer = 0, None
        if source.where is not None:
            echo.ask(source.number, source.where)
        over = source.unanswered - PATIENCE
        if over > 0 and over % RELAY_EVERY == 1:
            link = next(iter(source.links.values()))
            self._send(Kind.PROBE, {"link": link, "asked_ns": self._clock()})
        self._later(echo, source, BURST_NS if source.asked < BURST else PROBE_NS)

    def _later(self, echo: Echo, source: Source, pause_ns: int) -> None:
        """Ask after a pause, unless a question is due before."""
        due_ns = self._clock() + pause_ns
        if source.timer is not None:
            if source.due_ns <= due_ns:
                return
            source.timer.cancel()
        loop, source.due_ns = asyncio.get_running_loop(), due_ns
        source.timer = loop.call_later(pause_ns / 1e9, self._ask, echo, source)

    def _answered(self, number: int, probe: Probe) -> None:
        if number >= len(self._sources) or self._echo is None:
            return
        source = self._sources[number]
        source.unanswered = 0
        if self._is_busy(probe.back):
            source.busy += 1
            self._take(source, probe, UDP)
        elif source.asked >= BURST:
            self._keep_tight(self._echo, source, probe)
        else:
            self._take(source, probe, UDP)

    def _keep_tight(self, echo: Echo, source: Source, probe: Probe) -> None:
        """Ask again at once until the bound is good, then when it will not be tight.

        The question comes first: a processor that waits for it may fall asleep.
        """
        goes_on = source.again < AGAIN and not source.offset.is_good(probe.back)
        if goes_on:
            source.again += 1
            echo.ask(source.number, source.where)
        self._take(source, probe, UDP)
        if not goes_on:
            tight_ns = source.offset.tight_ns(probe.back)
            self._later(echo, source, min(max(tight_ns, SOON_NS), PROBE_NS))

    def _is_busy(self, now_ns: int) -> bool:
        """Tell whether packets came fast lately."""
        spent_ns = now_ns - self._looked_ns
        if spent_ns >= SOON_NS:
            packets = int(self._node.inbound["packets"].sum())
            self._busy = (packets - self._packets) * 10**9 > BUSY * spent_ns
            self._looked_ns, self._packets = now_ns, packets
        return self._busy

    def told(self, message: Control) -> None:
        """Answer a question that the controller passed on, or take such an answer."""
        now_ns, body = self._clock(), message.body
        if message.kind is Kind.PROBE:
            stamps = {"heard_ns": now_ns, "answered_ns": self._clock()}
            self._send(Kind.ECHO, {**body, **stamps})
            return
        probe = Probe(body["asked_ns"], body["heard_ns"], body["answered_ns"], now_ns)
        for source in self._sources:
            if body["link"] in source.links.values():
                self._take(source, probe, ZMQ)

    def _take(self, source: Source, probe: Probe, method: int) -> None:
        source.offset.add(probe)
        bound = source.offset.at(probe.back)
        if bound is None:
            return
        source.method = method
        for slot in source.links:
            self._node.set_clock(
                slot, bound.middle, bound.error + reading_ns(), at_ns=probe.back,
                ppm=DRIFT_PPM,
            )  # fmt: skip

    def known(self, slot: int) -> Known:
        """Return what is known of the clock of a link's source."""
        for source in self._sources:
            if slot in source.links:
                offset = source.offset
                return Known(
                    source.method, offset.best, offset.jumps, offset.probes, source.busy
                )
        return Known()

    @property
    def strangers(self) -> int:
        """Return how many datagrams of strangers were dropped."""
        return self._echo.strangers if self._echo is not None else 0

    def close(self) -> None:
        """Ask no more, answer no more; may be called twice."""
        for source in self._sources:
            if source.timer is not None:
                source.timer.cancel()
        if self._echo is not None:
            self._echo.close()
