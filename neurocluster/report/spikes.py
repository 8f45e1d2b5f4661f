"""Draw accuracy against spikes: of runs, or of the frames of one run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes

from neurocluster.dtypes import Bool
from neurocluster.report.figure import Drawn, canvas, percent_axis
from neurocluster.report.palette import BLUE, MUTED, SOFT, series
from neurocluster.report.run import Run
from neurocluster.report.words import count_text, percent, plural

Z95: Final = 1.959964
"""Standard errors of a two-sided interval that holds 95 %."""
BINS: Final = 5
LEAST_FRAMES: Final = 20
"""Fewer a bin say nothing."""


def interval(right: int, total: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share (JASA 22, 1927).

    Args:
        right: Frames that are right.
        total: All frames, at least 1.
    """
    share, square = right / total, Z95 * Z95 / total
    middle = (share + square / 2) / (1 + square)
    spread = math.sqrt(share * (1 - share) / total + square / (4 * total))
    half = Z95 * spread / (1 + square)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def accuracy_spikes(runs: Sequence[Run], name: str) -> Drawn:
    """Draw accuracy against spikes a neuron of several runs, or of one run's frames."""
    return _of_runs(runs, name) if len(runs) > 1 else _of_frames(runs[0], name)


def _of_runs(runs: Sequence[Run], name: str) -> Drawn:
    title = "Accuracy against spikes a neuron"
    data = [run.file("summary.json") for run in runs]
    told = [
        run for run in runs
        if run.frames.labelled and run.summary.get("spikes_per_neuron") is not None
    ]  # fmt: skip
    if not told:
        return Drawn(name, title, "No run has both labels and counts of spikes.", data)
    figure, (axis,) = canvas()
    for run in told:
        colour, _, mark = series(runs.index(run))
        spikes = run.summary["spikes_per_neuron"]
        _point(axis, spikes, run.frames.right == 1, colour, mark, label=run.name)
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    axis.set_xlabel("spikes a neuron and frame, without pooling units", color=SOFT)
    _accuracy_axis(axis)
    by_spikes = sorted(told, key=lambda run: run.summary["spikes_per_neuron"])
    said = "; ".join(
        f"{run.name}: {percent(run.frames.accuracy)} at "
        f"{run.summary['spikes_per_neuron']:.3f} spikes a neuron"
        for run in by_spikes
    )
    said += f". Bars are 95 % intervals of {plural(told[0].frames_done, 'frame')}"
    said += "." if len({run.frames_done for run in told}) == 1 else " and others."
    missing = [run.name for run in runs if run not in told]
    if missing:
        said += f" Without labels or counts: {', '.join(missing)}."
    return Drawn(name, title, said, data, figure)


def _of_frames(run: Run, name: str) -> Drawn:
    title, data = "Accuracy against spikes of a frame", [run.file("frames.csv")]
    frames = run.frames
    known = ~np.isnan(frames.spikes)
    if not frames.labelled or not known.any():
        said = "The frames have no labels, or their spikes are not known."
        return Drawn(name, title, said, data)
    right, spikes = frames.right[known] == 1, frames.spikes[known]
    bins = max(1, min(BINS, len(right) // LEAST_FRAMES))
    order = np.array_split(np.argsort(spikes, kind="stable"), bins)
    figure, (axis,) = canvas()
    for part in order:
        middle = float(np.median(spikes[part]))
        _point(axis, middle, right[part], BLUE, "o")
    whole = float(right.mean())
    axis.axhline(
        whole, color=MUTED, lw=1.2, ls=":", label=f"all frames: {percent(whole)}"
    )
    axis.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0))
    axis.set_xlabel("spikes of input and neurons in a frame", color=SOFT)
    _accuracy_axis(axis)
    first, last = right[order[0]], right[order[-1]]
    said = (
        f"Of the fifth with fewest spikes {percent(first.mean(), 1)} of the frames are "
        f"right, of the fifth with most {percent(last.mean(), 1)}"
        if bins == BINS
        else f"{percent(whole)} of {plural(len(right), 'frame')} are right"
    )
    said += f"; a frame takes {count_text(float(spikes.mean()))} spikes"
    if (rate := run.summary.get("spikes_per_neuron")) is not None:
        said += f", {rate:.3f} a neuron"
    return Drawn(name, title, f"{said}. Bars are 95 % intervals.", data, figure)


def _point(
    axis: Axes, x: float, right: Bool, colour: str, mark: str, label: str = ""
) -> None:
    """Draw a share of right frames with its interval."""
    share = float(right.mean())
    low, high = interval(int(right.sum()), len(right))
    axis.errorbar(
        x, share, [[max(share - low, 0.0)], [max(high - share, 0.0)]], fmt=mark,
        color=colour, ms=6, capsize=3, lw=1.4, label=label or None,
    )  # fmt: skip


def _accuracy_axis(axis: Axes) -> None:
    axis.set_ylabel("right by count", color=SOFT)
    axis.margins(0.12)
    top = axis.get_ylim()[1]
    axis.set_ylim(top=min(top, 1.005))
    percent_axis(axis)
