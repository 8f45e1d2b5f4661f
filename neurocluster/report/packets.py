"""Draw where packets spend their time, link by link, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from neurocluster.report.ends import resolved, why_untimed
from neurocluster.report.figure import Drawn, canvas, time_axis
from neurocluster.report.files import Line, number
from neurocluster.report.matrix import latency_said
from neurocluster.report.palette import AQUA, BLUE, MUTED, ORANGE, SOFT, SURFACE, VIOLET
from neurocluster.report.run import Run
from neurocluster.report.words import percent, plural, time_text
from neurocluster.results.times import SHARED, UNRESOLVED, name_of
from neurocluster.wire.shapes import METHODS

SPANS: Final = {
    "batching": ("until sent", ORANGE, "s"),
    "transit": ("under way", VIOLET, "o"),
    "service": ("until handled", AQUA, "^"),
}
LEAST_NS: Final = 1e3
"""Times below are drawn at the left edge: a microsecond is nobody's concern."""
PLUS_MINUS: Final = "\N{PLUS-MINUS SIGN}"


def packet_times(run: Run, name: str) -> Drawn:
    """Draw batching, transit and service of each link: median and 99th percentile."""
    title = "Where packets spend their time: median to 99th percentile"
    data = [run.file("links.csv")]
    times = [t for k in run.links for s in SPANS for t in _span(k, s) if t is not None]
    if not times:
        return Drawn(name, title, "No times of packets are known.", data)
    figure, axis = _rows(run.links, 0.52)
    for row, link in enumerate(run.links):
        for k, (span, (_, colour, mark)) in enumerate(SPANS.items()):
            low, high = _span(link, span)
            if low is not None and high is not None:
                at = row + 0.24 * (k - 1)
                low, high = max(low, LEAST_NS), max(high, LEAST_NS)
                axis.plot([low, high], [at, at], color=colour, lw=2, alpha=0.55)
                axis.plot(low, at, mark, color=colour, ms=5.5)
                axis.plot(high, at, "|", color=colour, ms=7)
    for span, (what, colour, mark) in SPANS.items():
        axis.plot([], [], mark, ls="-", color=colour, label=f"{span}: {what}")
    time_axis(axis, LEAST_NS * 0.8, max(max(times) * 1.5, 10 * LEAST_NS))
    axis.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=3)
    return Drawn(name, title, _said_packets(run.links), data, figure)


def _span(link: Line, span: str) -> tuple[float | None, float | None]:
    return number(link, f"{span}_ns_p50"), number(link, f"{span}_ns_p99")


def _rows(links: Sequence[Line], height: float) -> tuple[Figure, Axes]:
    """Return a figure with a line a link, the first on top."""
    figure, (axis,) = canvas(1.1 + height * len(links))
    names = [name_of(link) for link in links]
    axis.set_yticks(range(len(links)), names, fontsize=8.5)
    axis.set_ylim(len(links) - 0.5, -0.5)
    axis.grid(visible=False, axis="y")
    axis.tick_params(axis="y", length=0)
    return figure, axis


def _said_packets(links: Sequence[Line]) -> str:
    """Say which of the three takes longest on which link."""
    found = {
        (name_of(link), span): value
        for link in links
        for span in SPANS
        if (value := number(link, f"{span}_ns_p50")) is not None
    }
    link, span = max(found, key=found.__getitem__)
    said = f"The longest median is {span} on {link}: {time_text(found[link, span])}."
    parts = []
    for name in SPANS:
        values = [v for (_, of), v in found.items() if of == name]
        if values:
            parts.append(f"{name} up to {time_text(max(values))}")
    said += f" Medians: {', '.join(parts)}."
    blocked = {name_of(k): number(k, "blocked_ns") or 0 for k in links}
    worst = max(blocked, key=blocked.__getitem__)
    if blocked[worst]:
        said += f" {worst} was full for {time_text(blocked[worst])}."
    return said


def one_way_times(run: Run, name: str) -> Drawn:
    """Draw the median one-way time of each link within its bound."""
    title = "One-way times and their bounds"
    data = [run.file("links.csv")]
    known = [k for k in run.links if resolved(k) is not None]
    if not known:
        return Drawn(name, title, latency_said(run.links), data)
    figure, axis = _rows(run.links, 0.42)
    idle = [v for k in known if (v := number(k, "wire_ns_p50"))]
    lowest = min([_edges(k)[0] for k in known] + idle)
    floor = max(lowest * 0.5, LEAST_NS)
    highest = max(max(_edges(k)[1], number(k, "transit_ns_p99") or 0) for k in known)
    for row, link in enumerate(run.links):
        if resolved(link) is None:
            axis.annotate(
                f"no time: {why_untimed(link)}", (0, row), (6, 0), fontsize=8,
                xycoords=("axes fraction", "data"), textcoords="offset points",
                va="center", color=MUTED,
            )  # fmt: skip
        else:
            _bar(axis, link, row, floor)
    axis.plot([], [], "o", color=VIOLET, label=f"median {PLUS_MINUS} bound")
    axis.plot([], [], "D", color=BLUE, label="met an idle inbox")
    axis.plot([], [], "|", color=VIOLET, ms=9, label="p99")
    if any(resolved(k) is False for k in known):
        axis.plot(
            [], [], "o", mfc=SURFACE, color=MUTED, label=f"{UNRESOLVED}: below it"
        )
    time_axis(axis, floor, highest * 1.6)
    axis.legend(
        loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=4, handlelength=1.2,
        columnspacing=1.2,
    )  # fmt: skip
    return Drawn(name, title, _said_one_way(run.links), data, figure)


def _edges(link: Line) -> tuple[float, float]:
    """Return the least and the most that the median may truly be, ns."""
    value = number(link, "transit_ns_p50") or 0.0
    error = number(link, "transit_error_ns") or 0.0
    return max(value - error, LEAST_NS), value + error


def _bar(axis: Axes, link: Line, row: int, floor: float) -> None:
    low, high = _edges(link)
    value = number(link, "transit_ns_p50") or 0.0
    sure = bool(resolved(link))
    colour = VIOLET if sure else MUTED
    ends = [max(low, floor) if sure else floor, high]
    axis.plot(ends, [row, row], color=colour, lw=5, alpha=0.35, solid_capstyle="butt")
    face = colour if sure else SURFACE
    axis.plot(max(value, floor), row, "o", color=colour, mfc=face, ms=6)
    if sure and (p99 := number(link, "transit_ns_p99")) is not None:
        axis.plot(p99, row, "|", color=colour, ms=9)
    idle, error = number(link, "wire_ns_p50"), number(link, "transit_error_ns") or 0
    if idle is not None and idle >= error and number(link, "wire_packets"):
        axis.plot(idle, row, "D", color=BLUE, ms=4.5)
    if not sure:
        axis.annotate(
            UNRESOLVED, (high, row), (5, 0), textcoords="offset points", va="center",
            fontsize=8, color=SOFT,
        )  # fmt: skip


def _said_one_way(links: Sequence[Line]) -> str:
    """Say what clocks the times are read from, and what the queues add to the wire."""
    shared = sum(link.get("clock") == SHARED for link in links)
    probed = [str(k["clock"]) for k in links if k.get("clock") in METHODS[1:]]
    verb = "has" if shared == 1 else "have"
    said = (
        "Both ends of every link read one clock, so bounds are what reading it costs."
        if shared == len(links)
        else f"Of {plural(len(links), 'link')} {shared} {verb} one clock at both ends; "
        f"the bounds of {len(probed)} come from probes"
        + (f" ({', '.join(dict.fromkeys(probed))})." if probed else ".")
    )
    waits = {}
    for link in links:
        value, idle = number(link, "transit_ns_p50"), number(link, "wire_ns_p50")
        if (
            resolved(link)
            and value
            and idle is not None
            and number(link, "wire_packets")
        ):
            waits[name_of(link)] = 1 - idle / value
    if waits:
        most = max(waits, key=waits.__getitem__)
        if waits[most] > 0:
            said += (
                f" On {most} a packet that met an idle inbox was "
                f"{percent(waits[most], 0)} faster than the median packet: the rest is "
                "queueing."
            )
    return said
