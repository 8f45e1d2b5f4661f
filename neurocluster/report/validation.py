"""Draw what a simulation predicted against what real runs measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from neurocluster.errors import DataError
from neurocluster.metrics.agreement import SHARES, WITHIN, error_of, is_near
from neurocluster.report.figure import Drawn, canvas
from neurocluster.report.files import Line, number, read_lines
from neurocluster.report.page import Section, Table
from neurocluster.report.palette import BLUE, MUTED, ORANGE, SOFT, SURFACE
from neurocluster.report.parts import Part
from neurocluster.report.words import count_text, percent, plural, tick_text, time_text

COMPARISON: Final = "comparison.csv"
COLUMNS: Final = (
    "cell", "quantity", "measured", "measured_low", "measured_high", "predicted",
)  # fmt: skip
MOST_PANELS: Final = 6
MOST_MISSES: Final = 40


def _microseconds(value: float) -> str:
    return time_text(1e3 * value)


SHOWN: Final[dict[str, tuple[str, Callable[[float], str]]]] = {
    "frames_per_second": ("frames a second", count_text),
    "latency_p50_us": ("latency, median", _microseconds),
    "latency_p99_us": ("latency, p99", _microseconds),
    "packets": ("packets a frame", count_text),
    "waiting": ("share of time waiting", lambda value: percent(value, 0)),
    "work_us": ("work a frame", _microseconds),
}


@dataclass(frozen=True, slots=True)
class Compared:
    """One quantity of one cell."""

    cell: str
    quantity: str
    measured: float
    low: float
    high: float
    predicted: float
    judged: bool

    @property
    def error(self) -> float:
        """Return how far the prediction is off; of shares in points."""
        return error_of(self.quantity, self.predicted, self.measured)

    @property
    def good(self) -> bool:
        """Tell whether the prediction is within the limit."""
        return is_near(self.error)


def is_validation(path: Path) -> bool:
    """Tell whether a folder holds predictions beside measurements."""
    return (path / COMPARISON).is_file()


def read_validation(path: Path) -> list[Compared]:
    """Read what was compared.

    Raises:
        DataError: The file is damaged, or has no line.
    """
    lines = read_lines(path / COMPARISON)
    missing = [name for name in COLUMNS if not lines or name not in lines[0]]
    if missing:
        message = f"{path / COMPARISON} has no values of {missing[0]}"
        raise DataError(message)
    return [_compared(line, path) for line in lines]


def _compared(line: Line, path: Path) -> Compared:
    values = [number(line, name) for name in COLUMNS[2:]]
    if not all(v is not None and math.isfinite(v) for v in values):
        message = f"{path / COMPARISON}: cell {line['cell']}: a number is missing"
        raise DataError(message)
    middle, low, high, said = (float(v or 0) for v in values)
    judged = str(line.get("judged", True)) == "True"
    return Compared(
        str(line["cell"]), str(line["quantity"]), middle, low, high, said, judged
    )


def part_of(path: Path, name: str) -> Part:
    """Return the section of a validation; its figure has a name."""
    found = read_validation(path)
    section = Section(
        f"Simulation held against real runs: {path.resolve().name}", path,
        headline=_verdict(found), tables=[_misses(found)],
    )  # fmt: skip
    return Part(section, {name: lambda given: against(found, path, given)})


def _verdict(found: Sequence[Compared]) -> str:
    cells = {one.cell: True for one in found}
    for one in found:
        if one.judged:
            cells[one.cell] &= one.good
    good = sum(cells.values())
    return (
        f"{good} of {plural(len(cells), 'cell')} agree in all judged quantities within "
        f"{percent(WITHIN, 0)} ({percent(good / len(cells), 0)})."
    )


def _misses(found: Sequence[Compared]) -> Table:
    """Return what does not agree, worst first."""
    misses = [one for one in found if one.judged and not one.good]
    misses.sort(key=lambda one: -abs(one.error))
    rows = []
    for one in misses[:MOST_MISSES]:
        title, show = SHOWN.get(one.quantity, (one.quantity, count_text))
        off = "points" if one.quantity in SHARES else "%"
        rows.append((
            one.cell, title, show(one.measured), show(one.predicted),
            f"{100 * one.error:+.0f} {off}",
        ))  # fmt: skip
    title = f"Misses: {len(misses)} of {len([k for k in found if k.judged])} figures"
    header = ("cell", "quantity", "measured", "predicted", "off by")
    return Table(title, header, rows, numeric=False)


def against(found: Sequence[Compared], path: Path, name: str) -> Drawn:
    """Draw predictions against measurements, a panel a quantity."""
    kinds = list(dict.fromkeys(one.quantity for one in found))[:MOST_PANELS]
    rows = (len(kinds) + 1) // 2
    figure, axes = canvas(0.5 + 2.9 * rows, rows=rows, columns=2 if rows else 1)
    said = []
    for axis, kind in zip(axes, kinds, strict=False):
        mine = [one for one in found if one.quantity == kind]
        _panel(axis, kind, mine)
        good = sum(one.good for one in mine)
        judged = "" if mine[0].judged else " (not judged)"
        title = SHOWN.get(kind, (kind, count_text))[0]
        said.append(f"{title} {good} of {len(mine)}{judged}")
    for axis in axes[len(kinds) :]:
        axis.set_visible(False)
    figure.supxlabel("measured", fontsize=10, color=SOFT)
    figure.supylabel("predicted", fontsize=10, color=SOFT)
    text = (
        f"Within {percent(WITHIN, 0)} (grey): {'; '.join(said)}. "
        "A point is a cell; bars reach from the least to the largest run, open marks "
        "are misses."
    )
    title = "Predicted against measured"
    return Drawn(name, title, text, [path / COMPARISON], figure)


def _tick(show: Callable[[float], str], value: float) -> str:
    """Return a value as a tick has it: no more digits than it needs."""
    if show is _microseconds:
        return tick_text(1e3 * value) if value > 0 else "0"
    return f"{value:,.10g}" if show is count_text else show(value)


def _panel(axis: Axes, kind: str, mine: Sequence[Compared]) -> None:
    title, show = SHOWN.get(kind, (kind, count_text))
    values: Any = [
        v for one in mine for v in (one.low, one.high, one.predicted) if v > 0
    ]
    shares = kind in SHARES
    low, high = 0.0, 1.0
    if not shares and values:
        low, high = 0.8 * min(values), 1.25 * max(values)
    line = np.array([low, high])
    off = np.array([-WITHIN, WITHIN])
    bands = [line + k for k in off] if shares else [line * (1 + k) for k in off]
    axis.fill_between(line, *bands, color=MUTED, alpha=0.18, lw=0)
    axis.plot(line, line, color=MUTED, lw=1.0)
    for one in mine:
        colour = BLUE if one.good else ORANGE
        spread = [[one.measured - one.low], [one.high - one.measured]]
        axis.errorbar(
            one.measured, one.predicted, xerr=np.maximum(spread, 0.0), fmt="o", ms=4,
            color=colour, mfc=colour if one.good else SURFACE, lw=0.9,
        )  # fmt: skip
    if low and high / low > 3:
        axis.set_xscale("log")
        axis.set_yscale("log")
        subs = (1, 2, 5) if high / low < 100 else (1,)
        for place in (axis.xaxis, axis.yaxis):
            place.set_major_locator(LogLocator(subs=subs))
            place.set_minor_formatter(NullFormatter())
    axis.set_xlim(low, high)
    axis.set_ylim(low, high)
    for place in (axis.xaxis, axis.yaxis):
        place.set_major_formatter(FuncFormatter(lambda value, _: _tick(show, value)))
    axis.tick_params(labelsize=8)
    axis.set_aspect("equal", adjustable="box")
    axis.set_title(title, fontsize=9, color=SOFT, loc="left")
