"""Draw what an experiment measured against a setting, a line a value of another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes
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
from neurocluster.report.experiment import CELLS, Experiment, Point, Value
from neurocluster.report.figure import Drawn, canvas
from neurocluster.report.palette import SOFT
from neurocluster.report.scale import Scale, at, label, show
from neurocluster.report.words import listed, percent, tick_text, time_text


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


def _value_axis(axis: Axes, quantity: Quantity, points: Sequence[Point]) -> None:
    lows = [point.low for point in points]
    highs = [point.high for point in points]
    if min(lows) > 0 and max(highs) / min(lows) > WIDE:
        axis.set_yscale("log")
        log_ticks(axis, max(highs) / min(lows))
    elif quantity.whole:
        axis.set_ylim(0, max(highs) * 1.08 or 1.0)
    axis.yaxis.set_major_formatter(FuncFormatter(lambda v, _: quantity.tick(v)))


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
