"""Add up what links and a process did in all epochs of a session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neurocluster.dtypes import U32
from neurocluster.metrics.histogram import percentile
from neurocluster.wire.shapes import NOT_MINE

PEAKS = ("contexts_peak",)
"""Of a process's values, those of which the largest is kept."""


class Totals:
    """Hold the counters of epochs that are over, by link."""

    def __init__(self) -> None:
        """Start empty."""
        self.inbound: dict[int, list[int]] = {}
        self.outbound: dict[int, list[int]] = {}
        self.worker: dict[str, int] = {}
        self._transit: dict[int, U32] = {}
        self._wire: dict[int, U32] = {}

    def add_inbound(
        self, link: int, counts: list[int], longest: int, transit: U32, wire: U32
    ) -> None:
        """Add an inbound link's epoch.

        Args:
            link: Its number.
            counts: Spikes, negative, packets, bytes.
            longest: Longest transit, ns.
            transit: (bins,) uint32, all packets.
            wire: (bins,) uint32, packets that met an idle inbox.
        """
        old = self.inbound.get(link, [0] * (len(counts) + 1))
        sums = [a + b for a, b in zip(old, counts, strict=False)]
        self.inbound[link] = [*sums, max(old[-1], longest)]
        for histograms, new in ((self._transit, transit), (self._wire, wire)):
            known = histograms.get(link)
            histograms[link] = new.copy() if known is None else known + new

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
        inbound = []
        for link, row in self.inbound.items():
            found = [
                percentile(histogram[link], p) or 0
                for histogram in (self._transit, self._wire)
                for p in (50, 99)
            ]
            last = epoch_spikes.get(link, NOT_MINE)
            inbound.append([link, *row, *found, int(self._wire[link].sum()), last])
        outbound = [
            [link, *row, epoch_spikes.get(link, NOT_MINE)]
            for link, row in self.outbound.items()
        ]
        return {"inbound": inbound, "outbound": outbound, "worker": dict(self.worker)}
