"""Read what a run left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from neurocluster.dtypes import F64
from neurocluster.errors import ConfigError, DataError
from neurocluster.report.files import Line, column, read_json, read_lines

SUMMARY: Final = "summary.json"


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """The frames that have a result, in the order of frames.csv.

    Attributes:
        latency: (n,) float64, ns until all outputs were closed.
        first_output: (n,) float64, ns until the first output packet with a spike; NaN
            where no output fired.
        decided: (n,) float64, ns until the leading class stayed.
        right: (n,) float64, 1 where the class by count is the label, else 0; NaN
            without labels.
        spikes: (n,) float64, firings of input and neurons; NaN where unknown.
    """

    latency: F64
    first_output: F64
    decided: F64
    right: F64
    spikes: F64

    @property
    def labelled(self) -> bool:
        """Tell whether all frames have a label, and there are frames."""
        return bool(len(self.right)) and not np.isnan(self.right).any()

    @property
    def accuracy(self) -> float:
        """Return the share of frames that are right; NaN without labels."""
        return float(self.right.mean()) if self.labelled else float("nan")


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """What a run left.

    Attributes:
        path: Its folder.
        name: What it is called in the report.
        summary: summary.json.
        links: Lines of links.csv.
        layers: Lines of layers.csv.
        workers: Lines of workers.csv.
        frames: Of frames.csv.
        errors: Lines of errors.csv.
    """

    path: Path
    name: str
    summary: Mapping[str, Any]
    links: Sequence[Line]
    layers: Sequence[Line]
    workers: Sequence[Line]
    frames: Frames
    errors: Sequence[Line]

    def file(self, name: str) -> Path:
        """Return the path of one of its files."""
        return self.path / name

    @property
    def frames_done(self) -> int:
        """Return how many frames have a result."""
        return len(self.frames.latency)

    @property
    def seconds(self) -> float | None:
        """Return the time from the first send to the last result, all sessions."""
        rate = self.summary.get("frames_per_second")
        return self.frames_done / rate if rate else None


def is_run(path: Path) -> bool:
    """Tell whether a folder has the summary of a run."""
    return (path / SUMMARY).is_file()


def read_run(path: Path) -> Run:
    """Read a run's folder.

    Raises:
        ConfigError: It is no run's folder.
        DataError: One of its files is damaged.
    """
    if not path.is_dir():
        message = f"report: {path} is no folder; give that of a run or an experiment"
        raise ConfigError(message)
    summary = read_json(path / SUMMARY)
    if summary is None:
        raise ConfigError(_no_run(path))
    if not isinstance(summary, dict) or "schema" not in summary:
        message = f"{path / SUMMARY} is no summary of a run"
        raise DataError(message)
    links, layers, workers = (
        read_lines(path / f"{name}.csv") for name in ("links", "layers", "workers")
    )
    return Run(
        path, path.resolve().name, summary, links, layers, workers,
        _frames(read_lines(path / "frames.csv")), read_lines(path / "errors.csv"),
    )  # fmt: skip


def _no_run(path: Path) -> str:
    """Say why a folder is no run's, and what to give instead."""
    if (path / "config.toml").exists():
        return (
            f"report: the run in {path} has left no {SUMMARY}: it has not ended, or "
            "ended before its first frame; see its logs/"
        )
    inside = sorted(child.name for child in path.glob("*/") if is_run(child))
    there = f"; runs in it: {', '.join(inside[:4])}" if inside else ""
    return f"report: {path} is no folder of a run: it has no {SUMMARY}{there}"


def _frames(lines: Sequence[Line]) -> Frames:
    done = [line for line in lines if line.get("latency_ns") is not None]
    label, by_count = column(done, "label"), column(done, "class_by_count")
    right = np.where(np.isnan(label), np.nan, label == by_count)
    names = ("latency_ns", "first_output_ns", "decided_ns", "spikes")
    latency, first, decided, spikes = (column(done, name) for name in names)
    return Frames(latency, first, decided, right, spikes)


def distinct(runs: Sequence[Run]) -> list[Run]:
    """Return the runs with names that tell them apart."""
    names = [run.name for run in runs]
    made = []
    for run in runs:
        name = run.name
        if names.count(name) > 1:
            name = f"{run.path.resolve().parent.name}/{name}"
        made.append(replace(run, name=name))
    again = [run.name for run in made]
    if len(set(again)) == len(again):
        return made
    return [replace(run, name=f"{k}: {run.name}") for k, run in enumerate(made, 1)]
