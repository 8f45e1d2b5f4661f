"""Hold what was told of every packet against the truth; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from neurocluster.dtypes import I64
from neurocluster.wire.shapes import PACKET_ROW
from tools.latency.cluster import Phase

SHARED: Final = "shared"
TIGHT: Final = 1.5
"""Halves of the shortest round trip that a bound is at most on an idle network. Without
one half a trip is some microseconds, no more than what clocks may drift meanwhile."""
BIN_SHARE: Final = 0.02
"""A histogram's bins are at most 1.6 % wide."""
SENT, RECEIVED, KNOWN, OFFSET, ERROR = (
    PACKET_ROW.index(n) for n in ("sent", "received", "known", "offset", "error")
)


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A link's packets of whose times something was told.

    Attributes:
        name: ``source->destination``.
        line: Of links.csv.
        unknown: Packets of which nothing was told: the clock was not known yet.
        at_ns: (n,) int64, when each arrived, since the first frame, by the real clock.
        truth: (n,) int64, how long it was under way, ns, by the real clock.
        told: (n,) int64, what its receiver made of the two stamps.
        error: (n,) int64, how far that may be off, as its receiver said.
    """

    name: str
    line: dict[str, Any]
    unknown: int
    at_ns: I64
    truth: I64
    told: I64
    error: I64

    @property
    def off(self) -> I64:
        """Return (n,) int64: what was told minus the truth, ns."""
        return self.told - self.truth

    @property
    def outside(self) -> int:
        """Return of how many packets the truth lies outside the bound."""
        return int((np.abs(self.off) > self.error).sum())

    @property
    def half_trip(self) -> float | None:
        """Return half the shortest round trip of a probe, ns; None without probes."""
        trip = self.line["round_trip_ns"]
        return trip / 2 if trip else None

    @property
    def tight(self) -> float | None:
        """Return the share of packets that met a tight bound; None without probes."""
        half = self.half_trip
        return float((self.error <= TIGHT * half).mean()) if half else None

    def summary(self) -> dict[str, Any]:
        """Return what the figure's text says of it; times in us."""
        half = self.half_trip
        found: dict[str, Any] = {
            "packets": len(self.truth),
            "unknown": self.unknown,
            "outside": self.outside,
            "clock": self.line["clock"],
            "truth_us_p50": float(np.median(self.truth)) / 1e3,
            "told_us_p50": float(np.median(self.told)) / 1e3,
            "off_us_largest": float(np.abs(self.off).max()) / 1e3,
            "bound_us_p50": float(np.median(self.error)) / 1e3,
            "bound_us_largest": float(self.error.max()) / 1e3,
            "half_trip_us": half / 1e3 if half else None,
            "tight_share": self.tight,
            "bound_to_half_trip_p50": None,
            "bound_to_half_trip_largest": None,
        }
        if half:
            found["bound_to_half_trip_p50"] = float(np.median(self.error)) / half
            found["bound_to_half_trip_largest"] = float(self.error.max()) / half
        return found


def judge(phase: Phase) -> list[Judged]:
    """Return what every link told, beside the truth, in plan order."""
    found = []
    for line in phase.links:
        source, to = line["source"], line["destination"]
        rows = phase.rows[line["link"]]
        known = rows[rows[:, KNOWN] != 0]
        sent, received = known[:, SENT], known[:, RECEIVED]
        arrived = phase.clocks[to].real(received)
        found.append(
            Judged(
                f"{source}->{to}", line, len(rows) - len(known),
                arrived - phase.begin_ns, arrived - phase.clocks[source].real(sent),
                received - (sent - known[:, OFFSET]), known[:, ERROR],
            )
        )  # fmt: skip
    return found


def problems(phase: Phase, links: list[Judged]) -> Iterator[str]:
    """Yield what is not as it must be."""
    for link in links:
        if not len(link.truth):
            yield f"{link.name}: nothing was told of any packet"
            continue
        if link.outside:
            yield f"{link.name}: the truth is outside in {link.outside} packets"
        if (least := int(link.truth.min())) < 0:
            yield f"{link.name}: a packet came {-least} ns before it was sent"
        yield from _table_problems(link)
        tight = link.tight
        if tight is None:
            if link.line["clock"] != SHARED:
                yield f"{link.name}: no probe was answered"
        elif phase.setting.wire_us and tight < 1:
            share = f"{100 * tight:.2f} %"
            yield f"{link.name}: the bound was tight in {share} of the packets only"


def _table_problems(link: Judged) -> Iterator[str]:
    """Yield where links.csv, made of counters, says other than the single packets."""
    line = link.line
    if line["packets"] != len(link.truth) + link.unknown:
        yield f"{link.name}: {line['packets']} packets, others were written down"
    if line["transit_error_ns"] != link.error.max():
        yield f"{link.name}: another largest bound than that of its packets"
    for percent in (50, 99):
        told = line[f"transit_ns_p{percent}"]
        value = float(np.percentile(link.told, percent, method="inverted_cdf"))
        if told is None or abs(told - value) > max(BIN_SHARE * value, 1):
            yield f"{link.name}: p{percent} is {told}, of its packets {value:.0f}"
