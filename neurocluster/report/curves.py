"""Draw lines of cells with their intervals, in panels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from neurocluster.report.experiment import Experiment, Point, Value
from neurocluster.report.palette import SURFACE, series
from neurocluster.report.scale import Scale, at, label, show

MOST_PANELS: Final = 6
WIDE: Final = 20.0
"""Quantities that differ by a larger factor are drawn on a logarithmic axis."""
DODGE: Final = 0.012
"""Share of the axis between lines at one value, so that intervals can be read."""
CROWDED: Final = "Open marks: more processes than cores."
Lines = Mapping[Value, Sequence[Point]]


def panels(experiment: Experiment, points: Sequence[Point]) -> dict[str, Lines]:
    """Return the lines of each panel: one for each choice of the other settings."""
    e = experiment
    groups: dict[str, dict[Value, list[Point]]] = {}
    order = {value: k for k, value in enumerate(e.values(e.x))}
    names = e.values(e.lines)
    for point in points:
        heading = ", ".join(at(name, point.settings[name]) for name in e.others)
        line = point.settings[e.lines] if e.lines is not None else None
        group = groups.setdefault(heading, {value: [] for value in names})
        group[line].append(point)
    for group in groups.values():
        for line_points in group.values():
            line_points.sort(key=lambda point: order[point.settings[e.x]])
    return dict(groups)


def draw_lines(
    axis: Axes, experiment: Experiment, lines: Lines, scale: Scale, *, mark: bool
) -> bool:
    """Draw lines with intervals; tell whether any point was marked as crowded."""
    e, marked = experiment, False
    for k, value in enumerate(e.values(e.lines)):
        colour, dash, shape = series(k)
        shift = (k - (len(e.values(e.lines)) - 1) / 2) * DODGE * scale.width
        points = lines.get(value, ())
        places = [scale.place(point.settings[e.x]) + shift for point in points]
        for point, place in zip(points, places, strict=True):
            open_mark = mark and e.crowded(point.settings)
            marked |= open_mark
            below, above = point.median - point.low, point.high - point.median
            axis.errorbar(
                place, point.median, [[max(below, 0)], [max(above, 0)]], fmt=shape,
                color=colour, mfc=SURFACE if open_mark else colour, ms=5.5, capsize=3,
                lw=1.3,
            )  # fmt: skip
        for here in range(len(points) - 1):
            ends = points[here].settings[e.x], points[here + 1].settings[e.x]
            axis.plot(
                places[here : here + 2], [p.median for p in points[here : here + 2]],
                color=colour, ls=":" if scale.broken(*ends) else dash, zorder=1.5,
                lw=1.0 if scale.broken(*ends) else 1.6,
            )  # fmt: skip
    return marked


def legend(axis: Axes, experiment: Experiment, skip: int = 0) -> None:
    """Show which line is which value, above the first panel."""
    for k, value in list(enumerate(experiment.values(experiment.lines)))[skip:]:
        colour, dash, shape = series(k)
        axis.plot([], [], shape, ls=dash, color=colour, ms=5.5, label=show(value))
    handles, names = axis.get_legend_handles_labels()
    axis.legend(
        handles, names, title=label(experiment.lines or ""), loc="lower center",
        title_fontsize=9, bbox_to_anchor=(0.5, 1.06), ncols=min(len(names), 5),
    )  # fmt: skip


def log_ticks(axis: Axes, factor: float) -> None:
    """Give a logarithmic y axis that spans a factor some ticks, not too many."""
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if factor < 500 else (1,)))
    axis.yaxis.set_minor_formatter(NullFormatter())
