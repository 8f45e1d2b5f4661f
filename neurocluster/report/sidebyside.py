"""Put runs side by side: settings and figures, with what differs from the first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from neurocluster.report.run import Run
from neurocluster.report.words import count_text, percent, plural, time_text


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: a quantity of each run.

    Attributes:
        name: Of the quantity.
        values: What each run has.
        differences: From the first run; empty where there is none to tell.
    """

    name: str
    values: Sequence[str]
    differences: Sequence[str]


def _rate(value: float) -> str:
    return f"{value:,.0f}"


NUMBERS: Final[Mapping[str, tuple[str, Callable[[float], str]]]] = {
    "frames a second": ("frames_per_second", _rate),
    "latency, median": ("latency_ns.p50", time_text),
    "latency, p99": ("latency_ns.p99", time_text),
    "latency, longest": ("latency_ns.max", time_text),
    "accuracy by count": ("accuracy_by_count", percent),
    "accuracy by potential": ("accuracy_by_potential", percent),
    "accuracy of the ANN": ("accuracy_ann", percent),
    "spikes a neuron": ("spikes_per_neuron", "{:.4f}".format),
    "with pooling units": ("spikes_per_neuron_with_pool", "{:.4f}".format),
    "SynOps a frame": ("synops_per_frame", count_text),
    "spikes over links": ("spikes_sent", count_text),
}
WORDS: Final = {
    "network": "network", "quantizer": "quantizer", "firing": "fire_policy",
    "clock": "clock", "window, frames in flight": "window",
}  # fmt: skip


def headline(runs: Sequence[Run]) -> list[Row]:
    """Return the table of settings and figures."""
    rows = [_plain("frames", [_frames(run.summary) for run in runs])]
    rows += [
        _plain(name, [str(run.summary.get(key, "-")) for run in runs])
        for name, key in WORDS.items()
    ]
    rows.append(_plain("thresholds", [_thresholds(run.summary) for run in runs]))
    rows.append(_plain("workers and cores", [workers_cores(run) for run in runs]))
    for name, (key, show) in NUMBERS.items():
        values = [_value(run.summary, key) for run in runs]
        if any(value is not None for value in values):
            rows.append(_numeric(name, values, show))
    for name in ("packets", "bytes"):
        totals = [_total(run, name) for run in runs]
        rows.append(_numeric(f"{name} over links", totals, count_text))
    rows.append(_plain("faults survived", [_faults(run.summary) for run in runs]))
    return rows


def _plain(name: str, values: Sequence[str]) -> Row:
    return Row(name, values, [""] * len(values))


def _numeric(
    name: str, values: Sequence[float | None], show: Callable[[float], str]
) -> Row:
    told = ["-" if value is None else show(value) for value in values]
    points = name.startswith("accuracy")
    first = values[0]
    return Row(name, told, ["", *(_difference(first, v, points) for v in values[1:])])


def _difference(first: float | None, value: float | None, points: bool) -> str:
    """Say how a value differs from that of the first run."""
    if first is None or value is None:
        return ""
    if first == value:
        return "same"
    if points:
        return f"{100 * (value - first):+.2f} points"
    return f"{100 * (value / first - 1):+.1f} %" if first else ""


def _value(summary: Mapping[str, Any], key: str) -> float | None:
    found: Any = summary
    for part in key.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found if isinstance(found, int | float) else None


def _total(run: Run, name: str) -> float | None:
    values = [link.get(name) for link in run.links]
    known = [value for value in values if isinstance(value, int | float)]
    return sum(known) if known and len(known) == len(values) else None


def _frames(summary: Mapping[str, Any]) -> str:
    failed = summary.get("frames_failed")
    return f"{summary.get('frames', 0):,}" + (f" ({failed:,} failed)" if failed else "")


def _thresholds(summary: Mapping[str, Any]) -> str:
    found = dict.fromkeys(summary.get("thresholds", ()))
    return ", ".join(f"{value:g}" for value in found) or "-"


def workers_cores(run: Run) -> str:
    """Say how many workers shared how many cores."""
    workers, cores = run.summary.get("workers"), run.summary.get("cores")
    if workers is None or cores is None:
        return "-"
    return f"{plural(workers, 'worker')} on {plural(cores, 'core')}"


def _faults(summary: Mapping[str, Any]) -> str:
    found = summary.get("recoveries", [])
    survived = sum(recovery.get("seconds") is not None for recovery in found)
    return f"{survived} of {len(found)}" if found else "none happened"


def _of_time(run: Run) -> list[str]:
    """Say where a run's times are not those of a network left to itself."""
    said, s = [], run.summary
    if (by := s.get("dilation") or 1) != 1:
        said.append(
            f"{run.name}: all its times are dilated by {by:g}, its speeds too; "
            "divide times by that, multiply speeds."
        )
    if (seed := s.get("order_seed")) is not None:
        said.append(
            f"{run.name}: packets were handled in the order of seed {seed}, for which "
            "workers waited; its times say nothing."
        )
    if tu := s.get("tu_seconds"):
        said.append(
            f"{run.name}: input was played in units of {tu:g} s, one frame after the "
            "other; latencies count from the first input spike."
        )
    return said


def remarks(runs: Sequence[Run]) -> list[str]:
    """Return what whoever compares or quotes these figures must know."""
    said = []
    for run in runs:
        said += _of_time(run)
        s, told = run.summary, workers_cores(run)
        if s.get("oversubscribed"):
            said.append(
                f"{run.name}: {told}, and a client: more processes than cores. Its "
                "speeds and latencies are those of an oversubscribed machine."
            )
        if failed := s.get("frames_failed"):
            said.append(
                f"{run.name}: {plural(failed, 'frame')} failed; see its errors."
            )
        if unknown := s.get("frames_unreported"):
            said.append(
                f"{run.name}: the spikes of {plural(unknown, 'frame')} are not known; "
                "the worker that counted them was lost."
            )
    for name, key in (("windows", "window"), ("numbers of frames", "frames")):
        values = [str(run.summary.get(key, "-")) for run in runs]
        if len(set(values)) > 1:
            said.append(
                f"The runs differ in their {name} ({', '.join(values)}): speeds and "
                "latencies do not compare."
                if key == "window"
                else f"The runs differ in their {name} ({', '.join(values)})."
            )
    return said
