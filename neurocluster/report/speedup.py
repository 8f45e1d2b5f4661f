"""Draw speed-up over partitions beside the ideal one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from matplotlib.axes import Axes

from neurocluster.report.bounds import RUNS, bound
from neurocluster.report.curves import (
    CROWDED,
    MOST_PANELS,
    Lines,
    draw_lines,
    legend,
    panels,
)
from neurocluster.report.experiment import CELLS, Experiment, Point
from neurocluster.report.figure import Drawn, canvas
from neurocluster.report.palette import MUTED, SOFT, series
from neurocluster.report.scale import Scale, at, show

BOUNDED: Final = (
    "Thinly dotted is the bound of each line: the busiest worker's kernels, one frame "
    "after the other, and all kernels on the cores there are."
)
COUNTS: Final = ("partitions", "workers")
"""Settings over which there is a speed-up."""


def speedup(experiment: Experiment, name: str) -> Drawn:
    """Draw the throughput of each line as a multiple of its own at the least x."""
    e, data = experiment, [experiment.path / CELLS]
    title = f"Speed-up over {e.x}"
    points = e.points.get("frames_per_second", [])
    if not points or not all(isinstance(v, int | float) for v in e.values(e.x)):
        return Drawn(name, title, f"{CELLS} has no throughput over {e.x}.", data)
    groups = {
        heading: {line: scaled(e, found) for line, found in lines.items()}
        for heading, lines in list(panels(e, points).items())[:MOST_PANELS]
    }
    figure, axes = canvas(0.9 + 2.8 * len(groups), rows=len(groups))
    scale, crowded, bounded, said = Scale(e.values(e.x)), False, False, []
    numbers = [v for v in e.values(e.x) if isinstance(v, int | float)]
    for axis, (heading, lines) in zip(axes, groups.items(), strict=True):
        crowded |= draw_lines(axis, e, lines, scale, mark=True)
        ideal = [v / numbers[0] for v in numbers] if numbers[0] > 0 else []
        if ideal:
            places = [scale.place(v) for v in numbers]
            axis.plot(places, ideal, color=MUTED, lw=1.2, ls="-.", label="ideal")
        bounded |= _draw_bounds(axis, e, points, lines, scale)
        axis.set_ylim(bottom=0)
        axis.set_title(heading, fontsize=9, color=SOFT, loc="left")
        scale.draw(axis, e.x if axis is axes[-1] else "")
        said.append(_said(e, heading, lines))
    if e.lines is not None:
        legend(axes[0], e)
    said.append(
        f"The dash-dotted line is ideal. Bars leave out the uncertainty at "
        f"{at(e.x, numbers[0])}."
    )
    if bounded:
        said.append(BOUNDED)
        data.append(e.path / RUNS)
    if crowded:
        said.append(f"{CROWDED} Speed-up there measures sharing, not scaling.")
    return Drawn(name, title, " ".join(said), data, figure)


def _draw_bounds(
    axis: Axes, e: Experiment, points: Sequence[Point], lines: Lines, scale: Scale
) -> bool:
    """Draw the bound of each line as a multiple of its base; tell if there is one."""
    found = False
    least = e.values(e.x)[0]
    for k, line in enumerate(e.values(e.lines)):
        mine = [p.settings for p in lines.get(line, ())]
        base = [
            p.median for p in points if p.settings in mine and p.settings[e.x] == least
        ]
        told = [(s[e.x], bound(e, s)) for s in mine]
        known = [(scale.place(x), b) for x, b in told if b is not None]
        if base and base[0] and known:
            places, bounds = zip(*known, strict=True)
            axis.plot(
                places, [b / base[0] for b in bounds], color=series(k)[0], lw=1.0,
                ls=(0, (1, 1)), label="bound" if not found else None,
            )  # fmt: skip
            found = True
    return found


def scaled(experiment: Experiment, points: Sequence[Point]) -> list[Point]:
    """Return points as multiples of that at the least x; none if it is missing."""
    least = experiment.values(experiment.x)[0]
    base = [p.median for p in points if p.settings[experiment.x] == least]
    if not base or not base[0]:
        return []
    one = base[0]
    return [
        Point(p.settings, p.median / one, p.low / one, p.high / one, p.count)
        for p in points
    ]


def _said(e: Experiment, heading: str, lines: Lines) -> str:
    """Say which line gains most, and how much."""
    best = {line: max(k, key=lambda p: p.median) for line, k in lines.items() if k}
    if not best:
        return "There is no throughput at the least value to compare with."
    most = max(best, key=lambda line: best[line].median)
    point = best[most]
    prefix = f"With {heading}: " if heading else ""
    who = f"{show(most)} reaches" if e.lines is not None else "It reaches"
    text = f"{who} {point.median:.2f} times ({point.low:.2f} to {point.high:.2f}) at "
    return f"{prefix}{text}{at(e.x, point.settings[e.x])}."
