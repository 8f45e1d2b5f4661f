"""Read a run's folder as one side of a comparison."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from neurocluster.config import RunConfig, load_config
from neurocluster.dtypes import F64
from neurocluster.errors import ConfigError
from neurocluster.experiment.folder import FILE

SUMMARY: Final = "summary.json"
LABEL, DECIDED, SPIKES, SYNOPS, LATENCY = range(5)
COLUMNS: Final = ("label", "class_by_count", "spikes", "synops", "latency_ns")
"""Of frames.csv, in the order of `Side.table`."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """What a run left.

    Attributes:
        summary: Of summary.json.
        links: Lines of links.csv; numbers, or None where nothing is known.
        frames: (n,) int64, frames with a result and no error, ascending.
        table: (n, 5) float64, `COLUMNS` of those frames; NaN where nothing is known.
            None if the run has no frames.csv.
    """

    path: Path
    config: RunConfig
    summary: Mapping[str, Any]
    links: Sequence[Mapping[str, float | None]]
    frames: Any
    table: F64 | None

    def column(self, number: int, frames: Any) -> F64:
        """Return (k,) float64 of some of its frames; call it with a table only."""
        assert self.table is not None
        found: F64 = self.table[np.searchsorted(self.frames, frames), number]
        return found


def is_experiment(path: Path) -> bool:
    """Tell whether a folder is an experiment's or a run's.

    Raises:
        ConfigError: It is neither.
    """
    if (path / FILE).exists():
        return True
    if not (path / SUMMARY).exists():
        message = f"{path} is no folder of a run or experiment: it has no {SUMMARY}"
        raise ConfigError(message)
    return False


def read_side(path: Path) -> Side:
    """Read a run's folder.

    Raises:
        ConfigError: A file is missing or damaged.
    """
    config = load_config(path / "config.toml")
    try:
        summary = json.loads((path / SUMMARY).read_text(encoding="utf-8"))
        links = [
            {name: _number(text) for name, text in line.items()}
            for line in _lines(path / "links.csv")
        ]
        frames, table = _frames(path / "frames.csv")
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{path}: a file of the run is missing or damaged: {error}"
        raise ConfigError(message) from error
    return Side(path, config, summary, links, frames, table)


def _lines(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as source:
        return list(csv.DictReader(source))


def _frames(path: Path) -> tuple[Any, F64 | None]:
    if not path.exists():
        return np.zeros(0, np.int64), None
    good = [line for line in _lines(path) if line["class_by_count"]]
    frames = np.array([int(line["frame"]) for line in good], np.int64)
    table = np.array(
        [[float(line[name] or "nan") for name in COLUMNS] for line in good], np.float64
    ).reshape(-1, len(COLUMNS))
    order = np.argsort(frames)
    return frames[order], table[order]


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
