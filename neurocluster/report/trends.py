"""Draw what an experiment measured against a setting, a line a value of another."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from neurocluster.report.experiment import CELLS, Experiment, Point, Value
from neurocluster.report.figure import Drawn, canvas
from neurocluster.report.palette import MUTED, SOFT, SURFACE, series
from neurocluster.report.scale import Scale, at, label, show
from neurocluster.report.words import listed, percent, plural, tick_text, time_text

MOST_PANELS: Final = 6
WIDE: Final = 20.0
"""Quantities that differ by a larger factor are drawn on a logarithmic axis."""
DODGE: Final = 0.012
"""Share of the axis between lines at one value, so that intervals can be read."""
CROWDED: Final = "Open marks: more processes than cores."


@dataclass(frozen=True, slots=True)
class Quantity:
    """How a measured quantity is drawn and said.

    Attributes:
        name: Of its column.
        title: Of its figure.
        show: Makes text of a value.
        best: ``most`` or ``least``.
        tick: Makes text of a tick.
        whole: The axis begins at 0, unless it is logarithmic.
        speed: Depends on the processor: mark where workers exceed cores.
    """

    name: str
    title: str
    show: Callable[[float], str]
    best: str
    tick: Callable[[float], str]
    whole: bool = True
    speed: bool = True


def _time_tick(value: float) -> str:
    return tick_text(value) if value > 0 else "0"


def _plain(value: float) -> str:
    return f"{value:,.10g}"


QUANTITIES: Final = (
    Quantity("frames_per_second", "Frames a second", "{:,.0f}".format, "most", _plain),
    Quantity("latency_ns_p50", "Frame latency, median", time_text, "least", _time_tick),
    Quantity("latency_ns_p99", "Frame latency, p99", time_text, "least", _time_tick),
    Quantity(
        "accuracy_by_count", "Accuracy by count", percent, "most",
        lambda value: f"{100 * value:.4g} %", whole=False, speed=False,
    ),
    Quantity(
        "spikes_per_neuron", "Spikes a neuron and frame", "{:.4f}".format, "least",
        _plain, whole=False, speed=False,
    ),
)  # fmt: skip
Lines = Mapping[Value, Sequence[Point]]


def trend(experiment: Experiment, quantity: Quantity, name: str) -> Drawn:
    """Draw a quantity against x with its intervals, a panel for the other settings."""
    e, data = experiment, [experiment.path / CELLS]
    title = f"{quantity.title} against {label(e.x).partition(',')[0]}"
    points = e.points.get(quantity.name, [])
    if not points:
        said = f"{CELLS} has no values of {quantity.name}."
        return Drawn(name, title, said, data)
    groups = panels(e, points)
    shown = dict(list(groups.items())[:MOST_PANELS])
    figure, axes = canvas(0.9 + 2.6 * len(shown), rows=len(shown))
    scale, crowded = Scale(e.values(e.x)), False
    for axis, (heading, lines) in zip(axes, shown.items(), strict=True):
        crowded |= draw_lines(axis, e, lines, scale, mark=quantity.speed)
        _value_axis(axis, quantity, points)
        axis.set_title(heading, fontsize=9, color=SOFT, loc="left")
        scale.draw(axis, e.x if axis is axes[-1] else "")
    if e.lines is not None:
        legend(axes[0], e)
    said = " ".join(_leaders(e, quantity, of, g) for of, g in shown.items())
    if len(groups) > len(shown):
        said += f" {len(groups) - len(shown)} further panels are left out."
    least = min(point.count for point in points)
    said += f" Bars are 95 % intervals of medians, {least} or more repetitions each."
    if crowded:
        said += f" {CROWDED}"
    return Drawn(name, title, said, data, figure)


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


def _value_axis(axis: Axes, quantity: Quantity, points: Sequence[Point]) -> None:
    lows = [point.low for point in points]
    highs = [point.high for point in points]
    if min(lows) > 0 and max(highs) / min(lows) > WIDE:
        axis.set_yscale("log")
        log_ticks(axis, max(highs) / min(lows))
    elif quantity.whole:
        axis.set_ylim(0, max(highs) * 1.08 or 1.0)
    axis.yaxis.set_major_formatter(FuncFormatter(lambda v, _: quantity.tick(v)))


def log_ticks(axis: Axes, factor: float) -> None:
    """Give a logarithmic y axis that spans a factor some ticks, not too many."""
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if factor < 500 else (1,)))
    axis.yaxis.set_minor_formatter(NullFormatter())


def _leaders(e: Experiment, quantity: Quantity, heading: str, lines: Lines) -> str:
    """Say which line is best at the least and the largest x, and how surely."""
    values = e.values(e.x)
    said = []
    for value in dict.fromkeys((values[0], values[-1])):
        here = {
            line: point
            for line, points in lines.items()
            for point in points
            if point.settings[e.x] == value
        }
        if here:
            said.append(f"at {at(e.x, value)} {_best(quantity, here, e.lines)}")
    text = "; ".join(said)
    prefix = f"With {heading}, " if heading and text else ""
    text = prefix + text
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _best(quantity: Quantity, here: Mapping[Value, Point], by: str | None) -> str:
    sign = -1 if quantity.best == "most" else 1
    ranked = sorted(here.items(), key=lambda item: sign * item[1].median)
    (line, first), (last, worst) = ranked[0], ranked[-1]
    text = quantity.show(first.median)
    span = f"({quantity.show(first.low)} to {quantity.show(first.high)})"
    if by is None or len(ranked) == 1:
        return f"{text} {span}"
    alike = [
        show(other)
        for other, point in ranked[1:]
        if point.low <= first.high and first.low <= point.high
    ]
    said = f"{at(by, line)} has the {quantity.best}, {text} {span}"
    if not alike:
        return f"{said}, {show(last)} {quantity.show(worst.median)}"
    return f"{said}, not told apart from {listed(alike, 3)}"


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
