"""Draw one quantity of an experiment's cells against another: what is paid for what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from neurocluster.report.curves import (
    MOST_PANELS,
    Lines,
    legend,
    log_ticks,
    panels,
)
from neurocluster.report.experiment import CELLS, Experiment, Point, Value
from neurocluster.report.figure import Drawn, canvas
from neurocluster.report.palette import SOFT, SURFACE, series
from neurocluster.report.scale import at, label, show
from neurocluster.report.trends import Quantity
from neurocluster.report.words import listed

SPREAD: Final = 3.0
"""Quantities that differ by a larger factor are drawn on a logarithmic axis."""
MOST_NAMED: Final = 8
"""Points of a line that are named by their x; of more only the ends are."""


def frontier(
    experiment: Experiment, across: Quantity, up: Quantity, name: str
) -> Drawn:
    """Draw a quantity against another, a point a cell, joined in the order of x."""
    e, data = experiment, [experiment.path / CELLS]
    title = f"{up.title} against {across.title.lower()}"
    ups = panels(e, e.points.get(up.name, []))
    acrosses = panels(e, e.points.get(across.name, []))
    shown = [heading for heading in ups if heading in acrosses][:MOST_PANELS]
    if not shown:
        nothing = f"{CELLS} has no values of {up.name} and {across.name}."
        return Drawn(name, title, nothing, data)
    figure, axes = canvas(0.9 + 2.9 * len(shown), rows=len(shown))
    said = []
    for axis, heading in zip(axes, shown, strict=True):
        pairs = _pairs(acrosses[heading], ups[heading])
        for k, value in enumerate(e.values(e.lines)):
            _line(axis, e, pairs.get(value, []), k)
        everything = [pair for found in pairs.values() for pair in found]
        _axis(axis, across, [x for x, _ in everything], horizontal=True)
        _axis(axis, up, [y for _, y in everything], horizontal=False)
        axis.set_title(heading, fontsize=9, color=SOFT, loc="left")
        said.append(_said(e, across, up, heading, everything))
    axes[-1].set_xlabel(across.title.lower(), color=SOFT)
    if e.lines is not None:
        legend(axes[0], e)
    text = (
        " ".join(said) + f" Points are named by {label(e.x)}; bars are 95 % intervals."
    )
    return Drawn(name, title, text, data, figure)


Pair = tuple[Point, Point]


def _pairs(across: Lines, up: Lines) -> dict[Value, list[Pair]]:
    """Return the points of each line of which both quantities are known."""
    found: dict[Value, list[Pair]] = {}
    for line, points in up.items():
        others = {tuple(p.settings.items()): p for p in across.get(line, ())}
        keys = [(p, tuple(p.settings.items())) for p in points]
        found[line] = [(others[key], p) for p, key in keys if key in others]
    return found


def _line(axis: Axes, e: Experiment, pairs: Sequence[Pair], k: int) -> None:
    colour, dash, mark = series(k)
    axis.plot(
        [x.median for x, _ in pairs], [y.median for _, y in pairs], color=colour,
        ls=dash, lw=1.2, zorder=1.5,
    )  # fmt: skip
    named: set[tuple[float, float]] = set()
    for place, (x, y) in enumerate(pairs):
        crowded = e.crowded(y.settings)
        axis.errorbar(
            x.median, y.median, _spread(y), _spread(x), fmt=mark, color=colour,
            mfc=SURFACE if crowded else colour, ms=5, capsize=2, lw=1.0,
        )  # fmt: skip
        where = x.median, y.median
        wanted = len(pairs) <= MOST_NAMED or place in (0, len(pairs) - 1)
        if wanted and where not in named:
            named.add(where)
            axis.annotate(
                show(y.settings[e.x]), where, (5, 4), fontsize=8,
                textcoords="offset points", color=SOFT,
            )  # fmt: skip


def _spread(point: Point) -> list[list[float]]:
    below, above = point.median - point.low, point.high - point.median
    return [[max(below, 0.0)], [max(above, 0.0)]]


def _axis(
    axis: Axes, quantity: Quantity, points: Sequence[Point], *, horizontal: bool
) -> None:
    place = axis.xaxis if horizontal else axis.yaxis
    least = min((p.low for p in points), default=0.0)
    most = max((p.high for p in points), default=1.0)
    if least > 0 and most / least > SPREAD:
        if horizontal:
            axis.set_xscale("log")
            subs = (1, 2, 5) if most / least < 500 else (1,)
            place.set_major_locator(LogLocator(subs=subs))
            place.set_minor_formatter(NullFormatter())
        else:
            axis.set_yscale("log")
            log_ticks(axis, most / least)
    else:
        place.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    place.set_major_formatter(FuncFormatter(lambda v, _: quantity.tick(v)))
    axis.margins(0.1)


def _said(
    e: Experiment, across: Quantity, up: Quantity, heading: str, pairs: Sequence[Pair]
) -> str:
    """Say which cells nobody beats in both quantities."""
    ways = [(-1 if q.best == "most" else 1) for q in (across, up)]

    def worth(pair: Pair) -> tuple[float, float]:
        return ways[0] * pair[0].median, ways[1] * pair[1].median

    best = [
        pair for pair in pairs
        if not any(
            worth(o) != worth(pair)
            and worth(o)[0] <= worth(pair)[0] and worth(o)[1] <= worth(pair)[1]
            for o in pairs
        )
    ]  # fmt: skip
    told = [
        f"{_name(e, y)} ({up.show(y.median)} at {across.show(x.median)})"
        for x, y in sorted(best, key=lambda pair: pair[0].median)
    ]
    prefix = f"With {heading}, n" if heading else "N"
    return f"{prefix}o other cell is better in both than {listed(told, 4)}."


def _name(e: Experiment, point: Point) -> str:
    words = [at(e.x, point.settings[e.x])]
    if e.lines is not None:
        words.append(at(e.lines, point.settings[e.lines]))
    return " with ".join(words)
