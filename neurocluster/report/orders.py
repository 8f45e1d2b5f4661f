"""Draw what repetitions of an experiment scatter, run by run: distributions.

An experiment that draws a seed anew in each repetition is about that scatter; an
interval of the median hides it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from neurocluster.report.experiment import RESULTS, Experiment, Value
from neurocluster.report.figure import Drawn, canvas
from neurocluster.report.files import number
from neurocluster.report.palette import SOFT, series
from neurocluster.report.scale import label, show
from neurocluster.report.words import percent

RESEED: Final = "reseed"
"""Key of experiment.toml: seeds that each repetition draws anew."""
DONE: Final = "done"
GOLDEN: Final = 0.6180339887
"""Multiples of it, modulo 1, spread any number of marks evenly."""
Shown = Callable[[float], str]
SCATTERED: Final[Mapping[str, tuple[str, Shown]]] = {
    "accuracy_by_count": ("accuracy by count", percent),
    "spikes_per_neuron": ("spikes a neuron and frame", "{:.4f}".format),
    "decisions_flipped": ("decisions that differ from one process", "{:,.0f}".format),
}
Groups = Mapping[tuple[Value, Value], Sequence[float]]


def draws_anew(experiment: Experiment) -> bool:
    """Tell whether repetitions of an experiment differ by a seed."""
    return bool(experiment.asked.get(RESEED))


def distribution(experiment: Experiment, name: str) -> Drawn:
    """Draw every run that counts: accuracy, spikes and flipped decisions."""
    e, data = experiment, [experiment.path / RESULTS]
    seeds = " and ".join(e.asked.get(RESEED, ()))
    title = f"Every run, {seeds} drawn anew" if seeds else "Every run"
    found = {
        quantity: groups for quantity in SCATTERED if (groups := grouped(e, quantity))
    }
    if not found:
        said = f"{RESULTS} has no run with {', '.join(SCATTERED)}."
        return Drawn(name, title, said, data)
    figure, axes = canvas(0.6 + 2.1 * len(found), rows=len(found))
    spans = []
    for axis, (quantity, groups) in zip(axes, found.items(), strict=True):
        words, told = SCATTERED[quantity]
        _scatter(axis, e, groups, last=axis is axes[-1])
        axis.yaxis.set_major_locator(MaxNLocator(4))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda v, _, told=told: told(v)))
        axis.set_title(words, fontsize=9, color=SOFT, loc="left")
        spans.append(_spans(e, groups, words, told))
    if e.lines is not None:
        _legend(axes[0], e)
    said = " ".join([*spans, "A mark is a run, a bar the median of its cell."])
    return Drawn(name, title, said, data, figure)


def grouped(experiment: Experiment, quantity: str) -> Groups:
    """Return the values of a quantity by x and line, of the runs that count."""
    e = experiment
    found: dict[tuple[Value, Value], list[float]] = {}
    for line in e.results:
        value = number(line, quantity)
        if value is not None and line.get("status") == DONE:
            by = line.get(e.lines) if e.lines is not None else None
            found.setdefault((line.get(e.x), by), []).append(value)
    return found


def _scatter(axis: Axes, e: Experiment, groups: Groups, *, last: bool) -> None:
    lines, places = e.values(e.lines), e.values(e.x)
    width = 0.8 / max(len(lines), 1)
    for at, x in enumerate(places):
        for k, line in enumerate(lines):
            values = groups.get((x, line), ())
            if not values:
                continue
            colour, _, mark = series(k)
            middle = at + (k - (len(lines) - 1) / 2) * width
            spread = (np.arange(len(values)) * GOLDEN % 1 - 0.5) * width * 0.7
            axis.plot(
                middle + spread, values, mark, color=colour, ms=3.5, alpha=0.6, mew=0
            )
            ends = middle - width * 0.42, middle + width * 0.42
            axis.plot(ends, [float(np.median(values))] * 2, color=colour, lw=1.6)
    axis.set_xticks(range(len(places)), [show(x) if last else "" for x in places])
    axis.set_xlim(-0.5, len(places) - 0.5)
    axis.grid(visible=False, axis="x")
    if last:
        axis.set_xlabel(label(e.x))


def _legend(axis: Axes, e: Experiment) -> None:
    for k, value in enumerate(e.values(e.lines)):
        colour, _, mark = series(k)
        axis.plot([], [], mark, color=colour, ms=5, label=show(value))
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.12), ncols=5)


def _spans(e: Experiment, groups: Groups, words: str, told: Shown) -> str:
    """Say from where to where each line's runs scatter."""
    said = []
    for line in e.values(e.lines):
        values = [v for (_, by), some in groups.items() if by == line for v in some]
        if values:
            name = f"{show(line)} " if e.lines is not None else ""
            least, most = told(min(values)), told(max(values))
            span = least if least == most else f"{least} to {most}"
            said.append(f"{name}{span} in {len(values)} runs")
    return f"{words[:1].upper()}{words[1:]}: {', '.join(said)}."
