"""Compare two runs: frame by frame where they streamed the same ones.

Pairs take out what differs between frames, which is most of it. What differs from run
to run is in no interval of two runs; for that, experiments are compared.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from neurocluster.config import RunConfig
from neurocluster.dtypes import F64
from neurocluster.experiment.cells import shown
from neurocluster.experiment.quantities import traffic
from neurocluster.experiment.sides import (
    DECIDED,
    LABEL,
    LATENCY,
    SPIKES,
    SYNOPS,
    Side,
)
from neurocluster.experiment.statistics import (
    Interval,
    median_difference,
    median_ratio,
    total_ratio,
)

BLOCK_WINDOWS: Final = 4
"""Frames are resampled in blocks of so many windows: those in flight wait together."""
UNTOLD: Final = ("out", "name", "compare", "deadline_s", "recovery_s", "memory")
"""Settings that make no difference to what is compared."""
DOUBT: Final = "not comparable"
ONE_RUN: Final = (
    "intervals are of the frames of these two runs; what differs from run to run is "
    "not in them: for that, compare experiments"
)


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity of both sides.

    Attributes:
        ratio: First / second, if they may be compared.
        low: End of its interval; None if there is none.
        high: The other end.
        cell: Of experiments: which one.
    """

    quantity: str
    a: float | None
    b: float | None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    cell: str = ""

    def told(self) -> dict[str, Any]:
        """Return what JSON has of it."""
        return dataclasses.asdict(self)


@dataclass(slots=True)
class Comparison:
    """What two sides have to say to each other.

    Attributes:
        comparable: Frames and windows are the same.
        notes: What is to be known beside the figures.
    """

    comparable: bool = True
    notes: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def doubt(self, words: str) -> None:
        """Say why the two are not comparable."""
        self.comparable = False
        self.notes.append(f"{DOUBT}: {words}")


def compare_runs(a: Side, b: Side) -> Comparison:
    """Return the comparison of two runs."""
    found = Comparison()
    frames = _common(a, b, found)
    same = a.config.window == b.config.window
    if not same:
        found.doubt(
            f"windows {a.config.window} and {b.config.window}: no ratio of speeds is "
            "given, for more frames in flight are no gain"
        )
    if different := differences(a.config, b.config):
        found.notes.append(f"settings that differ: {', '.join(different)}")
    for name, side in (("first", a), ("second", b)):
        found.notes += [f"the {name}: {text}" for text in _about(side)]
    speed = [side.summary["frames_per_second"] for side in (a, b)]
    found.rows.append(_plain("frames_per_second", *speed, ratio=same))
    if frames is not None:
        found.rows += _paired(a, b, frames, speeds=same)
        found.notes.append(ONE_RUN)
    else:
        names = ("accuracy_by_count", "spikes_per_neuron", "synops_per_frame")
        found.rows += [_plain(n, a.summary[n], b.summary[n]) for n in names]
    found.rows += _links(a, b)
    return found


def _common(a: Side, b: Side, found: Comparison) -> Any:
    """Return the frames of both, or None if they cannot be paired; say why."""
    for side in (a, b):
        if side.table is None:
            found.notes.append(f"{side.path} has no frames.csv: frames are not paired")
            return None
    if a.config.data != b.config.data:
        found.doubt("the data differ, so frames are not paired")
        return None
    frames = np.intersect1d(a.frames, b.frames)
    if not len(frames):
        found.doubt("they have no frame in common")
        return None
    alone = len(a.frames) + len(b.frames) - 2 * len(frames)
    if alone:
        found.doubt(
            f"{alone:,} frames are in one of them only; {len(frames):,} are paired"
        )
    return frames


def differences(a: RunConfig, b: RunConfig) -> list[str]:
    """Return words for the settings that differ."""
    words = []
    for one in dataclasses.fields(RunConfig):
        mine, other = (getattr(config, one.name) for config in (a, b))
        if one.name not in UNTOLD and mine != other:
            words.append(f"{one.name} {_told(mine)} / {_told(other)}")
    return words


def _told(value: Any) -> str:
    text = shown(value) if value != () else None
    return "(default)" if text in (None, "") else str(text)


def _about(side: Side) -> Iterator[str]:
    summary = side.summary
    if summary["oversubscribed"]:
        yield (
            f"{summary['workers']} workers and a client on {summary['cores']} cores: "
            "its speeds are those of an oversubscribed machine"
        )
    if count := len(summary["recoveries"]):
        yield f"{count} faults were survived, which its times have in them"
    if summary["frames_failed"]:
        yield f"{summary['frames_failed']} frames failed"


def _paired(a: Side, b: Side, frames: Any, *, speeds: bool) -> Iterator[Row]:
    """Yield the rows of what is known of each frame."""
    block = BLOCK_WINDOWS * max(a.config.window, b.config.window)
    first, second = (side.column(LATENCY, frames) for side in (a, b))
    values = float(np.median(first)), float(np.median(second))
    ratio = median_ratio(first, second, block=block) if speeds else None
    yield row_of("latency_ns_p50", *values, ratio)
    difference = median_difference(first, second, block=block)
    if speeds:
        yield Row("latency_ns, first - second", difference.value, None, None,
                  difference.low, difference.high)  # fmt: skip
    yield from _decisions(a, b, frames)
    neurons = {side: _neurons(side) for side in (a, b)}
    for name, column in (("spikes_per_neuron", SPIKES), ("synops_per_frame", SYNOPS)):
        one, other = (side.column(column, frames) for side in (a, b))
        known = ~(np.isnan(one) | np.isnan(other)) & (one >= 0) & (other >= 0)
        if known.any():
            by = neurons if column == SPIKES else dict.fromkeys((a, b), 1.0)
            one, other = one[known] / by[a], other[known] / by[b]
            means = float(one.mean()), float(other.mean())
            yield row_of(name, *means, total_ratio(one, other))


def _neurons(side: Side) -> float:
    """Return the neurons of the run's network: spikes a frame by spikes a neuron."""
    rate = side.summary["spikes_per_neuron"]
    if side.table is None or not rate:
        return 1.0
    spikes = side.table[:, SPIKES]
    return float(np.mean(spikes[spikes >= 0]) / rate)


def _decisions(a: Side, b: Side, frames: Any) -> Iterator[Row]:
    label = a.column(LABEL, frames)
    decided = [side.column(DECIDED, frames) for side in (a, b)]
    if not np.isnan(label).any():
        right: list[F64] = [(one == label).astype(np.float64) for one in decided]
        means = float(right[0].mean()), float(right[1].mean())
        yield row_of("accuracy_by_count", *means, total_ratio(*right))
        alone = [float(np.sum(one > other)) for one, other in (right, right[::-1])]
        yield Row("right in this one only", alone[0], alone[1])
    yield Row("decisions that differ", float((decided[0] != decided[1]).sum()), None)


def _links(a: Side, b: Side) -> Iterator[Row]:
    names = (
        "spikes_sent_per_frame", "packets_per_frame", "bytes_per_frame",
        "bytes_per_spike",
    )  # fmt: skip
    sums = [traffic(s.links, s.summary["frames"]) for s in (a, b)]
    for name in names:
        yield _plain(name, sums[0][name], sums[1][name])


def _plain(quantity: str, a: Any, b: Any, *, ratio: bool = True) -> Row:
    known = ratio and a is not None and b
    return Row(quantity, a, b, a / b if known else None)


def row_of(
    quantity: str, a: float | None, b: float | None, found: Interval | None,
    cell: str = "",
) -> Row:  # fmt: skip
    """Return a row with the ratio that was found, if one was."""
    if found is None:
        return Row(quantity, a, b, cell=cell)
    return Row(quantity, a, b, found.value, found.low, found.high, cell)
