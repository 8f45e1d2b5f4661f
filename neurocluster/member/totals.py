"""Add up what links and a process did in all epochs of a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neurocluster.dtypes import U32
from neurocluster.link.records import WIRE
from neurocluster.member.probing import Known
from neurocluster.metrics.histogram import percentile
from neurocluster.wire.shapes import NOT_MINE

PEAKS = ("contexts_peak",)
"""Of a process's values, those of which the largest is kept."""


@dataclass(slots=True)
class Received:
    """What one inbound link carried in some epochs, and how long that took.

    Attributes:
        counts: Spikes, negative, packets, bytes, packets without a known clock.
        longest: Longest transit, ns.
        error: Largest error of a transit, ns.
        clock: What was known of the source's clock.
        spans: (len(SPANS), bins) uint32.
    """

    counts: list[int]
    longest: int
    error: int
    clock: Known
    spans: U32

    def add(self, new: Received) -> None:
        """Add another epoch of the same link."""
        self.counts = [a + b for a, b in zip(self.counts, new.counts, strict=True)]
        self.longest = max(self.longest, new.longest)
        self.error = max(self.error, new.error)
        self.clock = self.clock.and_also(new.clock)
        self.spans = self.spans + new.spans

    def row(self) -> list[int]:
        """Return the middle of an `INBOUND_ROW`: all but the ends."""
        found = [percentile(span, p) or 0 for span in self.spans for p in (50, 99)]
        known = [self.longest, self.error, *self.clock]
        return [*self.counts, *known, *found, int(self.spans[WIRE].sum())]


class Totals:
    """Hold the counters of epochs that are over, by link."""

    def __init__(self) -> None:
        """Start empty."""
        self.inbound: dict[int, Received] = {}
        self.outbound: dict[int, list[int]] = {}
        self.worker: dict[str, int] = {}

    def add_inbound(self, link: int, new: Received) -> None:
        """Add an inbound link's epoch."""
        if link in self.inbound:
            self.inbound[link].add(new)
        else:
            self.inbound[link] = new

    def add_outbound(self, link: int, counts: list[int]) -> None:
        """Add an outbound link's epoch: spikes, negative, packets, bytes, blocked."""
        old = self.outbound.get(link, [0] * len(counts))
        self.outbound[link] = [a + b for a, b in zip(old, counts, strict=True)]

    def add_worker(self, values: Mapping[str, int]) -> None:
        """Add what the process counted in an epoch."""
        for name, value in values.items():
            old = self.worker.get(name, 0)
            self.worker[name] = max(old, value) if name in PEAKS else old + value

    def report(self, epoch_spikes: Mapping[int, int]) -> dict[str, Any]:
        """Return the rows of a member's report; see `wire.shapes`.

        Args:
            epoch_spikes: Spikes of the last epoch by link; a link that is not there,
                because this member had another part, gets `NOT_MINE`.
        """
        inbound = [
            [link, *received.row(), epoch_spikes.get(link, NOT_MINE)]
            for link, received in self.inbound.items()
        ]
        outbound = [
            [link, *row, epoch_spikes.get(link, NOT_MINE)]
            for link, row in self.outbound.items()
        ]
        return {"inbound": inbound, "outbound": outbound, "worker": dict(self.worker)}
