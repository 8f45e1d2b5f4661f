"""Find where two settings are equal: at which x the ratio of their speeds is 1; pure.

Between measured points the ratio is interpolated, in the scale of the axis. Where the
median passes 1 is the break-even; where the interval's ends pass it bounds it. An end
that does not pass 1 leaves that side open.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from neurocluster.report.experiment import Experiment, Point, Value
from neurocluster.report.scale import Scale, at, label, show
from neurocluster.report.words import listed, plural


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Where a ratio is 1.

    Attributes:
        value: Of x, interpolated.
        low: Where the interval of the ratio begins to hold 1; None if it does at the
            least x already.
        high: Where it ceases to; None if it does at the largest x still.
    """

    value: float
    low: float | None
    high: float | None


def break_evens(scale: Scale, name: str, points: Sequence[Point]) -> list[BreakEven]:
    """Return where the median of a ratio passes 1.

    Args:
        scale: Of x.
        name: Of x.
        points: Of one line, in the order of x, which is numeric.
    """
    places = [scale.place(p.settings[name]) for p in points]
    ways = ([p.median for p in points], [p.low for p in points],
            [p.high for p in points])  # fmt: skip
    middle, *ends = ([*_passes(places, values)] for values in ways)
    others = sorted(place for found in ends for place in found)
    found = []
    for k, place in enumerate(middle):
        before = middle[k - 1] if k else float("-inf")
        after = middle[k + 1] if k + 1 < len(middle) else float("inf")
        lows = [other for other in others if before < other <= place]
        highs = [other for other in others if place <= other < after]
        found.append(
            BreakEven(
                scale.value(place),
                scale.value(lows[-1]) if lows else None,
                scale.value(highs[0]) if highs else None,
            )
        )
    return found


def _passes(places: Sequence[float], values: Sequence[float]) -> list[float]:
    """Return where values that are joined by lines are 1."""
    found = []
    both = zip(places, values, strict=True)
    for (a, first), (b, second) in itertools.pairwise(both):
        if (first < 1) != (second < 1):
            found.append(a + (b - a) * (1 - first) / (second - first))
    return found


def headline(e: Experiment) -> str:
    """Say where each line is as fast as the first; empty if nothing can be compared."""
    points = e.points.get("frames_per_second_ratio", [])
    values = e.values(e.lines)
    if not points or e.lines is None:
        return ""
    first = show(values[0])
    said = []
    for heading, lines in _groups(e, points).items():
        for line, mine in lines.items():
            if show(line) != first and mine:
                where = f" with {heading}" if heading else ""
                said.append(f"{show(line)}{where}: {_verdict(e, mine)}")
    return f"Break-even with {e.lines} {first}, in frames a second: " + "; ".join(said)


def _groups(
    e: Experiment, points: Sequence[Point]
) -> dict[str, dict[Value, list[Point]]]:
    """Return the points of each line, in the order of x, by the other settings."""
    order = {value: k for k, value in enumerate(e.values(e.x))}
    found: dict[str, dict[Value, list[Point]]] = {}
    for point in sorted(points, key=lambda p: order[p.settings[e.x]]):
        heading = ", ".join(at(name, point.settings[name]) for name in e.others)
        line = point.settings[e.lines or ""]
        found.setdefault(heading, {}).setdefault(line, []).append(point)
    return found


def _verdict(e: Experiment, points: Sequence[Point]) -> str:
    scale = Scale(e.values(e.x))
    found = break_evens(scale, e.x, points) if scale.numeric else []
    if found:
        return listed([_told(e, one) for one in found])
    first, last = points[0].settings[e.x], points[-1].settings[e.x]
    span = at(e.x, first)
    if len(points) > 1:
        words, _, unit = label(e.x).partition(", ")
        span = f"from {words} {show(first)} to {show(last)} {unit}".rstrip()
    below = sum(p.high < 1 for p in points)
    above = sum(p.low > 1 for p in points)
    count = plural(len(points), "point")
    if below == len(points):
        return f"none {span}, it is slower at all {count}"
    if above == len(points):
        return f"none {span}, it is faster at all {count}"
    if not below and not above:
        return f"not told apart anywhere {span}"
    return (
        f"none {span}; slower beyond doubt at {below}, faster at {above} of {count}, "
        "else not told apart"
    )


def _told(e: Experiment, found: BreakEven) -> str:
    low = "" if found.low is None else f"{found.low:,.3g}"
    high = "" if found.high is None else f"{found.high:,.3g}"
    if low and high:
        span = f"{low} to {high}"
    elif low or high:
        span = f"{low} or more" if low else f"{high} or less"
    else:
        span = "anywhere in what was measured"
    return f"at {at(e.x, float(f'{found.value:.3g}'))} ({span})"
