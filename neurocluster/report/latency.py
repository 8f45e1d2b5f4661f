"""Draw how long frames took, and when they were decided rightly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes

from neurocluster.dtypes import F64
from neurocluster.report.figure import Drawn, canvas, percent_axis, time_axis
from neurocluster.report.palette import DASHES, MUTED, SOFT, series
from neurocluster.report.run import Run
from neurocluster.report.words import percent, plural, time_text

MARKED: Final = (50, 99)
"""Percentiles with a mark."""
MOST_STEPS: Final = 600
TAIL: Final = 50
"""First and last times that are all drawn."""


def latency_curves(runs: Sequence[Run], name: str) -> Drawn:
    """Draw the share of frames finished within a time: first output, decided, all."""
    title = "Latency of frames"
    data = [run.file("frames.csv") for run in runs]
    drawable = [run for run in runs if run.frames_done]
    if not drawable:
        return Drawn(name, title, "No frame has a result.", data)
    if len(runs) == 1:
        figure, (axis,) = canvas()
        for k, (what, values) in enumerate(_spans(drawable[0]).items()):
            _curve(axis, values, k, what, DASHES[k])
        _finish(axis, [v for v in _spans(drawable[0]).values() if len(v)])
    else:
        figure, axes = canvas(6.6, rows=3)
        for axis, what in zip(axes, _spans(drawable[0]), strict=True):
            shown = {run.name: _spans(run)[what] for run in runs}
            for k, (of, values) in enumerate(shown.items()):
                _curve(axis, values, k, of)
            _finish(axis, [v for v in shown.values() if len(v)], legend=axis is axes[0])
            axis.set_title(what, fontsize=9, color=SOFT, loc="left")
    figure.supylabel("share of frames", fontsize=10, color=SOFT)
    said = " ".join(_said(run, alone=len(runs) == 1) for run in runs)
    return Drawn(name, title, said, data, figure)


def _spans(run: Run) -> dict[str, F64]:
    frames = run.frames
    first = frames.first_output
    return {
        "first output spike": first[~np.isnan(first)],
        "leading class stays": frames.decided,
        "all outputs closed": frames.latency,
    }


def _curve(axis: Axes, values: F64, number: int, label: str, dash: str = "") -> None:
    """Draw a distribution function; marks are at p50 and p99."""
    if not len(values):
        return
    colour, usual, mark = series(number)
    times, share = steps(values, len(values))
    axis.step(times, share, where="post", color=colour, ls=dash or usual, label=label)
    for p in MARKED:
        axis.plot(np.percentile(values, p), p / 100, mark, color=colour, ms=5)


def steps(values: F64, total: int) -> tuple[F64, F64]:
    """Return where the distribution function of some times rises, and to which share.

    Of many times some are left out, none of them among the first or last `TAIL`: a
    drawing has fewer pixels.

    Args:
        values: (n,) float64, at least one.
        total: Of how many frames these are the times.
    """
    count = len(values)
    even = np.linspace(0, count - 1, min(count, MOST_STEPS)).round().astype(int)
    tails = np.r_[: min(TAIL, count), max(count - TAIL, 0) : count]
    kept = np.union1d(even, tails)
    return np.sort(values)[kept], (kept + 1) / total


def _finish(axis: Axes, spans: Sequence[F64], *, legend: bool = True) -> None:
    low = min((float(s.min()) for s in spans), default=1e3)
    high = max((float(s.max()) for s in spans), default=1e6)
    time_axis(axis, max(low * 0.8, 1.0), high * 1.25)
    axis.set_ylim(0, 1.03)
    percent_axis(axis)
    if legend:
        axis.legend(loc="upper left")


def _said(run: Run, *, alone: bool) -> str:
    if not run.frames_done:
        return f"{run.name}: no frame has a result."
    p50, p99 = np.percentile(run.frames.latency, MARKED)
    if not alone:
        return f"{run.name}: p50 {time_text(p50)}, p99 {time_text(p99)}."
    said = (
        f"Half of the {plural(run.frames_done, 'frame')} had all outputs closed within "
        f"{time_text(p50)}, 99 % within {time_text(p99)}"
    )
    spans = _spans(run)
    first, decided = spans["first output spike"], np.median(run.frames.decided)
    if len(first):
        said += f"; the first output spike came after {time_text(np.median(first))}"
    said += (
        f" and the leading class stayed after {time_text(float(decided))} (medians)."
    )
    silent = run.frames_done - len(first)
    if silent:
        said += f" {plural(silent, 'frame')} had no output spike."
    return said


def right_in_time(runs: Sequence[Run], name: str) -> Drawn:
    """Draw the share of frames that had decided for the right class by a time."""
    title = "Accuracy against time"
    data = [run.file("frames.csv") for run in runs]
    labelled = [run for run in runs if run.frames.labelled]
    if not labelled:
        return Drawn(name, title, "The frames have no labels, or no results.", data)
    figure, (axis,) = canvas()
    spans = [run.frames.decided for run in labelled]
    _finish(axis, spans, legend=False)
    for k, run in enumerate(runs):
        if run in labelled:
            _rise(axis, run, k)
    if len(runs) > 1:
        axis.legend(loc="upper left")
    axis.set_ylabel("share of frames decided rightly", color=SOFT)
    if len(runs) == 1 and (dense := runs[0].summary.get("accuracy_ann")) is not None:
        axis.axhline(dense, color=MUTED, ls=":", lw=1.2)
        axis.annotate(
            f"ANN {percent(dense)}", (0, dense), (4, -3), fontsize=8, color=SOFT,
            xycoords=("axes fraction", "data"), textcoords="offset points", va="top",
        )  # fmt: skip
    said = [_said_right(run, alone=len(runs) == 1) for run in labelled]
    said += [f"{run.name} has no labels." for run in runs if run not in labelled]
    return Drawn(name, title, " ".join(said), data, figure)


def _rise(axis: Axes, run: Run, number: int) -> None:
    frames = run.frames
    colour, dash, _ = series(number)
    right = frames.decided[frames.right == 1]
    if len(right):
        times, share = steps(right, len(frames.right))
        ends = np.append(times, axis.get_xlim()[1]), np.append(share, share[-1])
        axis.step(*ends, where="post", color=colour, ls=dash, label=run.name)


def _said_right(run: Run, *, alone: bool) -> str:
    """Say when most frames are decided rightly."""
    frames = run.frames
    times = np.sort(frames.decided[frames.right == 1])
    total, said = len(frames.right), [f"at the end {percent(frames.accuracy)}"]
    for share in (0.9, 0.5):
        needed = int(np.ceil(share * total))
        if needed <= len(times):
            said.insert(0, f"{percent(share, 0)} after {time_text(times[needed - 1])}")
    what = (
        "Of all frames, decided for their label and staying so" if alone else run.name
    )
    return f"{what}: {', '.join(said)}."
