"""Know the clocks of those who send to a member, for one epoch.

Who shares our clock needs no probe. All others are asked: in a burst while links are
made, so that the first packets have a bound, then twenty times a second.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from time import monotonic_ns
from typing import Any, Final

import numpy as np

from neurocluster.link.buffers import LinkBuffers
from neurocluster.metrics.offset import DRIFT_PPM, Offset, Probe
from neurocluster.transport.echo import Echo, resolve

SHARED, UDP = range(2)
"""Places in `wire.shapes.METHODS`."""
READS: Final = 2001
BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
TIME_NAMESPACE: Final = Path("/proc/self/ns/time")
BURST, BURST_S, PROBE_S = 16, 0.002, 0.05


def clock_domain() -> str:
    """Return a name that two processes share only if they read the same clock.

    The host does not decide that: a time namespace has an offset of its own. Kernels
    before 5.6 have no such namespaces. Who cannot tell its boot shares with nobody.
    """
    try:
        boot = BOOT.read_text(encoding="ascii").strip()
    except OSError:
        boot = secrets.token_hex(16)
    try:
        namespace = TIME_NAMESPACE.stat().st_ino
    except OSError:
        namespace = 0
    return f"{boot}/{namespace}"


@cache
def reading_ns() -> int:
    """Measure how long a reading of our clock takes: what a stamp may be late."""
    stamps = [monotonic_ns() for _ in range(READS)]
    return max(1, int(np.median(np.diff(stamps))))


@dataclass(slots=True)
class Source:
    """A clock that is not ours.

    Attributes:
        where: Socket address of who answers for it; None if that cannot be reached.
        slots: Inbound links from there.
        offset: What is known of it.
    """

    where: Any
    slots: list[int] = field(default_factory=list)
    offset: Offset = field(default_factory=Offset)


class Clocks:
    """Ask for the clocks of one epoch's sources; `close` ends that."""

    def __init__(self, node: LinkBuffers, echo: Echo | None) -> None:
        """Take the links, and the socket that asks; None where all share a clock."""
        self._node, self._echo = node, echo
        self._sources: list[Source] = []
        self._timer: asyncio.TimerHandle | None = None
        self._asked = 0

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
                found[place] = Source(resolve(place))
            found[place].slots.append(slots[link])
        self._sources = list(found.values())
        if self._sources and self._echo is not None:
            self._echo.on_answer = self._answered
            self._ask(self._echo)

    def _ask(self, echo: Echo) -> None:
        for number, source in enumerate(self._sources):
            if source.where is not None:
                echo.ask(number, source.where)
        self._asked += 1
        pause_s = BURST_S if self._asked < BURST else PROBE_S
        self._timer = asyncio.get_running_loop().call_later(pause_s, self._ask, echo)

    def _answered(self, number: int, probe: Probe) -> None:
        if number >= len(self._sources):
            return
        source = self._sources[number]
        source.offset.add(probe)
        bound = source.offset.at(probe.back)
        if bound is None:
            return
        for slot in source.slots:
            self._node.set_clock(
                slot, bound.middle, bound.error + reading_ns(), at_ns=probe.back,
                ppm=DRIFT_PPM,
            )  # fmt: skip

    def told(self, slot: int) -> tuple[int, int, int]:
        """Return method, shortest round trip (ns) and jumps of a link's clock."""
        for source in self._sources:
            if slot in source.slots:
                return UDP, source.offset.best, source.offset.jumps
        return SHARED, 0, 0

    @property
    def strangers(self) -> int:
        """Return how many datagrams of strangers were dropped."""
        return self._echo.strangers if self._echo is not None else 0

    def close(self) -> None:
        """Ask no more, answer no more; may be called twice."""
        if self._timer is not None:
            self._timer.cancel()
        if self._echo is not None:
            self._echo.close()
