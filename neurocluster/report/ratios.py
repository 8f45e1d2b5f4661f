"""Draw how each line of an experiment compares with its first one."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from matplotlib.ticker import FuncFormatter

from neurocluster.report.curves import (
    CROWDED,
    MOST_PANELS,
    WIDE,
    Lines,
    draw_lines,
    legend,
    log_ticks,
    panels,
)
from neurocluster.report.experiment import CELLS, Experiment, Point
from neurocluster.report.figure import Drawn, canvas
from neurocluster.report.palette import MUTED, SOFT
from neurocluster.report.scale import Scale, at, show
from neurocluster.report.trends import Quantity
from neurocluster.report.words import listed, plural


def ratio(experiment: Experiment, quantity: Quantity, name: str) -> Drawn:
    """Draw how each line compares with the first value's, with intervals."""
    e, data = experiment, [experiment.path / CELLS]
    first = show(e.values(e.lines)[0])
    title = f"{quantity.title}: ratio to {e.lines} {first}"
    points = e.points.get(f"{quantity.name}_ratio", [])
    groups = dict(list(panels(e, points).items())[:MOST_PANELS])
    if not points or e.lines is None:
        said = f"{CELLS} has no values of {quantity.name}_ratio."
        return Drawn(name, title, said, data)
    figure, axes = canvas(0.9 + 2.6 * len(groups), rows=len(groups))
    scale, crowded = Scale(e.values(e.x)), False
    for axis, (heading, lines) in zip(axes, groups.items(), strict=True):
        others = {k: v for k, v in lines.items() if show(k) != first}
        crowded |= draw_lines(axis, e, others, scale, mark=quantity.speed)
        axis.axhline(1, color=MUTED, lw=1.2)
        spread = [v for p in points for v in (p.low, p.high) if v > 0]
        if spread and max(spread) / min(spread) > WIDE:
            axis.set_yscale("log")
            log_ticks(axis, max(spread) / min(spread))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
        axis.set_title(heading, fontsize=9, color=SOFT, loc="left")
        scale.draw(axis, e.x if axis is axes[-1] else "")
    legend(axes[0], e, skip=1)
    better = "below" if quantity.best == "most" else "above"
    said = f"{better.capitalize()} 1, {e.lines} {first} is better: "
    said += " ".join(_verdicts(e, of, lines, first) for of, lines in groups.items())
    if crowded:
        said += f" {CROWDED}"
    return Drawn(name, title, said, data, figure)


def _verdicts(e: Experiment, heading: str, lines: Lines, first: str) -> str:
    """Say of each line how often its whole interval is below or above 1."""
    said = []
    for line, points in lines.items():
        if show(line) == first or not points:
            continue
        below = sum(point.high < 1 for point in points)
        above = sum(point.low > 1 for point in points)
        far = max(points, key=lambda p: abs(p.median - 1))
        said.append(
            f"{show(line)} lies below 1 with its whole interval at {below}, above at "
            f"{above} of {plural(len(points), 'point')}, farthest {far.median:.2f} "
            f"({far.low:.2f} to {far.high:.2f}) at {at(e.x, far.settings[e.x])}"
            f"{_break_even(e, points)}"
        )
    prefix = f"with {heading}, " if heading else ""
    return f"{prefix}{'; '.join(said)}." if said else ""


def _break_even(e: Experiment, points: Sequence[Point]) -> str:
    """Say between which values of x a ratio passes 1, if it does."""
    passes = [
        f"{show(a.settings[e.x])} and {at(e.x, b.settings[e.x])}"
        for a, b in itertools.pairwise(points)
        if (a.median - 1) * (b.median - 1) < 0
    ]
    return f", even between {listed(passes)}" if passes else ""
