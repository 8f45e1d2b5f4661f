"""Render one-way times and their bounds: tables, a drawing, a legend."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.table import Table

from neurocluster.metrics.offset import DRIFT_PPM
from neurocluster.results.layout import dense_table
from neurocluster.results.tables import INVALID
from neurocluster.wire.shapes import METHODS

UNRESOLVED: Final = "unres."
"""In the place of a time that its error exceeds."""
TENTHS_NS: Final = 10_000
"""Errors below it are shown to a tenth of a microsecond."""
US, MS, SECOND = 1e3, 1e6, 1e9
WIDE_NS: Final = 100 * MS
"""Times from here on are shown in larger units than us."""
DRAWN: Final = 32
"""Characters of a drawing."""
SHARED: Final = METHODS[0]
LEGEND: Final = (
    "+- is the most that all one-way times of a link may be off, in one sense: half a "
    f"probe's round trip, and {DRIFT_PPM} ppm of drift since. How unequal its two ways "
    "are can be bounded so, never measured; averages of many packets do not narrow it. "
    f"{UNRESOLVED}: the bound exceeds the time. {INVALID}: that clock jumped or drifts "
    "more. Busy probes came while packets kept the receiver busy: they bound less."
)
Line = Mapping[str, Any]


def name_of(link: Line) -> str:
    """Return a link's name."""
    return f"{link['source']}->{link['destination']}"


def times_table(links: Sequence[Line]) -> Table:
    """Return how long packets waited to be sent, were under way, were handled."""
    table = dense_table(
        "Times of packets in us, p50 and p99: batching until sent; in transit one way, "
        "all\nand those that met an idle inbox, +- its bound; service until handled"
    )
    table.add_column("link", no_wrap=True)
    names = (
        "batch", "p99", "transit", "p99", "max", "idle", "p99", "+-", "service", "p99"
    )  # fmt: skip
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for link in links:
        error = link["transit_error_ns"]
        transit = ("transit_ns_p50", "transit_ns_p99", "transit_ns_max")
        between = [_told(link[k], error) for k in (*transit, "wire_ns_p50")]
        table.add_row(
            name_of(link),
            *_pair(link, "batching"),
            *between,
            _told(link["wire_ns_p99"], error),
            _error(link),
            *_pair(link, "service"),
        )
    return table


def clocks_table(links: Sequence[Line]) -> Table | None:
    """Return what is known of clocks that are not their receiver's; None without any.

    The last column draws the median transit within its bound.
    """
    probed = [link for link in links if link["clock"] not in (None, SHARED)]
    if not probed:
        return None
    low, high = _decades(probed)
    ends = f"{short(10.0**low)} to {short(10.0**high)}"
    table = dense_table(
        f"Clocks that differ (us); median transit within its bound, {ends}, logarithmic"
    )
    table.add_column("link", no_wrap=True)
    for name in ("clock", "probes", "busy %", "round trip", "+-"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("[-- median --]", no_wrap=True, width=DRAWN)
    for link in probed:
        probes, trip = link["probes"], link["round_trip_ns"]
        busy = link["probes_busy"]
        table.add_row(
            name_of(link),
            link["clock"],
            "-" if probes is None else f"{probes:,}",
            f"{100 * busy / probes:.1f}" if probes and busy is not None else "-",
            _us(trip),
            _error(link),
            drawing(link["transit_ns_p50"], link["transit_error_ns"], low, high),
        )
    return table


def drawing(value_ns: int | None, error_ns: int | None, low: int, high: int) -> str:
    """Draw a value within its bound on a logarithmic axis.

    Args:
        value_ns: The value; None draws nothing.
        error_ns: How far it may be off.
        low: Decade of ns at which the axis begins.
        high: Decade at which it ends.

    Returns:
        At most `DRAWN` characters, as ``[--o---]``; ``<`` where it may be next to none.
    """
    if value_ns is None or error_ns is None:
        return ""
    least, most = value_ns - error_ns, value_ns + error_ns
    places = [_place(v, low, high) for v in (least, value_ns, most)]
    cells = [" "] * (places[2] + 1)
    cells[places[0] : places[2]] = "-" * (places[2] - places[0])
    cells[places[0]], cells[places[2]] = "[" if least >= 10**low else "<", "]"
    cells[places[1]] = "o"
    return "".join(cells)


def _place(value_ns: float, low: int, high: int) -> int:
    """Return the character of a value on the axis."""
    share = (math.log10(max(value_ns, 1)) - low) / (high - low)
    return round(min(max(share, 0.0), 1.0) * (DRAWN - 1))


def _decades(links: Sequence[Line]) -> tuple[int, int]:
    """Return the decades of ns between which all bounds lie, or nearly so."""
    names = ("transit_ns_p50", "transit_error_ns")
    known = [pair for k in links if None not in (pair := [k[n] for n in names])]
    most = max((value + error for value, error in known), default=MS)
    least = min((value - error for value, error in known), default=US)
    low = max(3, math.floor(math.log10(max(least, 1))))
    return low, max(low + 1, math.ceil(math.log10(max(most, 1))))


def _pair(link: Line, span: str) -> list[str]:
    return [_us(link[f"{span}_ns_{p}"]) for p in ("p50", "p99")]


def _told(value_ns: int | None, error_ns: int | None) -> str:
    """Return a time, unless its error exceeds it."""
    if value_ns is None or (error_ns or 0) <= value_ns:
        return _us(value_ns)
    return UNRESOLVED


def _error(link: Line) -> str:
    error = link["transit_error_ns"]
    if error is None:
        return INVALID if link["clock"] == INVALID else "-"
    return f"{error / US:,.1f}" if error < TENTHS_NS else _us(error)


def _us(value_ns: int | None) -> str:
    """Return a time in us, with a unit where it is long."""
    if value_ns is None:
        return "-"
    return f"{value_ns / US:,.0f}" if value_ns < WIDE_NS else short(value_ns)


def short(value_ns: float) -> str:
    """Return a time in few letters, with its unit."""
    value_ns = float(f"{value_ns:.3g}")  # 999.6 of a unit are one of the next
    for unit, size in (("s", SECOND), ("ms", MS), ("us", US)):
        if value_ns >= size:
            return f"{value_ns / size:.3g} {unit}"
    return f"{value_ns:.3g} ns"
