"""Read what an experiment left: its cells, the machine, hypotheses and outcomes."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from neurocluster.errors import ConfigError, DataError
from neurocluster.report.files import Line, number, read_json, read_lines

ASKED: Final = "experiment.toml"
CELLS: Final = "cells.csv"
RESULTS: Final = "results.csv"
OUTCOMES: Final = "outcomes.json"
NEEDED: Final = ("quantity", "n", "median", "low", "high")
NO_SETTINGS: Final = ("cell", *NEEDED, "mean", "cores", "oversubscribed", "workers")
"""Columns of cells.csv; the others are settings that vary."""
WORKERS, CASE = "workers", "case"
Value = int | float | str | None
OPEN: Final = "open"


@dataclass(frozen=True, slots=True)
class Point:
    """A quantity of one cell.

    Attributes:
        settings: What the cell has of each setting that varies.
        median: Over its repetitions.
        low: Where the 95 % interval of the median begins.
        high: Where it ends.
        count: Repetitions.
    """

    settings: Mapping[str, Value]
    median: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """A hypothesis, and what came of it."""

    name: str
    claim: str
    refuted_if: str
    outcome: str
    evidence: str


@dataclass(frozen=True, slots=True, eq=False)
class Experiment:
    """What an experiment left.

    Attributes:
        path: Its folder.
        title: What it is called.
        x: The setting that figures have on their x axis.
        lines: The setting that has a line a value, or None.
        settings: Names of all settings that vary.
        points: Cells by quantity, in the order of the file.
        results: Lines of results.csv.
        environment: Of the machine.
        outcomes: A hypothesis each.
        asked: Contents of experiment.toml.
    """

    path: Path
    title: str
    x: str
    lines: str | None
    settings: Sequence[str]
    points: Mapping[str, Sequence[Point]]
    results: Sequence[Line]
    environment: Mapping[str, Any]
    outcomes: Sequence[Outcome]
    asked: Mapping[str, Any]

    @property
    def others(self) -> list[str]:
        """Return the settings that are neither x nor lines."""
        return [name for name in self.settings if name not in (self.x, self.lines)]

    @property
    def cores(self) -> int | None:
        """Return how many cores the machine has."""
        cores = self.environment.get("cores")
        return cores if isinstance(cores, int) else None

    def values(self, name: str | None) -> list[Value]:
        """Return the values of a setting: numbers by size, words as asked for.

        Words that experiment.toml does not list stay in the order of the cells.
        """
        if name is None:
            return [None]
        found = dict.fromkeys(
            point.settings[name] for points in self.points.values() for point in points
        )
        if all(isinstance(value, int | float) for value in found):
            return sorted(found)  # type: ignore[type-var]
        asked = listed_under(self.asked, name)
        return sorted(found, key=lambda v: asked.index(v) if v in asked else len(asked))

    def workers(self, settings: Mapping[str, Value]) -> float | None:
        """Return the workers of a cell: as measured, else its partitions."""
        for line in self.results:
            if all(line.get(name) == value for name, value in settings.items()):
                found = number(line, "workers")
                if found is not None:
                    return found
        partitions = settings.get("partitions")
        return partitions if isinstance(partitions, int) else None

    def crowded(self, settings: Mapping[str, Value]) -> bool:
        """Tell whether a cell's workers and its client exceed the cores."""
        workers = self.workers(settings)
        return (
            workers is not None and bool(self.cores) and workers + 1 > (self.cores or 0)
        )

    def statuses(self) -> Counter[str]:
        """Return how many repetitions have which status."""
        return Counter(str(line.get("status")) for line in self.results)


def is_experiment(path: Path) -> bool:
    """Tell whether a folder is that of an experiment."""
    return (path / ASKED).is_file()


def read_experiment(path: Path) -> Experiment:
    """Read an experiment's folder.

    Raises:
        ConfigError: It has no cells yet, or its x or lines is no setting that varies.
        DataError: One of its files is damaged.
    """
    asked = _toml(path / ASKED)
    lines = read_lines(path / CELLS)
    if not lines:
        message = (
            f"report: the experiment in {path} has no cells in {CELLS}; let it finish "
            "a repetition of each cell first"
        )
        raise ConfigError(message)
    if missing := [name for name in NEEDED if name not in lines[0]]:
        message = f"{path / CELLS} has no column {missing[0]}"
        raise DataError(message)
    wanted = dict(asked.get("report", {}))
    settings = _settings(asked, lines[0], over_workers=wanted.get("x") == WORKERS)
    if wanted.get("lines") == CASE and CASE not in settings:
        del wanted["lines"]  # each case has its number of workers: they are x
    x, by = _axes(wanted, settings, lines, path)
    title = str(wanted.get("title") or path.resolve().name)
    return Experiment(
        path, title, x, by, settings, _points(lines, settings),
        read_lines(path / RESULTS), read_json(path / "environment.json") or {},
        _outcomes(asked, read_json(path / OUTCOMES), path), asked,
    )  # fmt: skip


def listed_under(asked: Any, name: str) -> list[Any]:
    """Return the list that a key has, in whatever table it stands; else none."""
    if not isinstance(asked, dict):
        return []
    if isinstance(found := asked.get(name), list):
        return found
    inner = (listed_under(value, name) for value in asked.values())
    return next((found for found in inner if found), [])


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"{path} cannot be read: {error}"
        raise DataError(message) from error


def _settings(asked: Mapping[str, Any], line: Line, *, over_workers: bool) -> list[str]:
    """Return the settings by which cells are told apart.

    What a case sets follows from the case; so do cuts from the number of workers, where
    that is the axis.
    """
    cases = asked.get("case", [])
    given = {key for case in cases if isinstance(case, dict) for key in case}
    left_out = {*NO_SETTINGS, *(given - set(asked.get("grid", {})) - {"name"})}
    if over_workers and WORKERS in line:
        left_out |= {CASE, "split"}
    found = [name for name in line if name not in left_out]
    return [WORKERS, *found] if over_workers and WORKERS in line else found


def _axes(
    wanted: Mapping[str, Any], settings: Sequence[str], lines: Sequence[Line],
    path: Path,
) -> tuple[str, str | None]:  # fmt: skip
    """Return the settings of x and lines: as asked for, else numbers on x."""
    for key in ("x", "lines"):
        if key in wanted and wanted[key] not in settings:
            message = (
                f"report: {path / ASKED}: [report] {key} = {wanted[key]!r} is no "
                f"setting that varies ({', '.join(settings)})"
            )
            raise ConfigError(message)
    if not settings:
        message = f"report: in {path / CELLS} no setting varies: there is no axis"
        raise ConfigError(message)
    numeric = [n for n in settings if all(number(k, n) is not None for k in lines)]
    x = wanted.get("x") or next(
        (n for n in numeric if n != wanted.get("lines")), settings[0]
    )
    others = [name for name in settings if name != x]
    return x, wanted.get("lines") or (others[0] if others else None)


def _points(
    lines: Sequence[Line], settings: Sequence[str]
) -> dict[str, list[Point]]:  # fmt: skip
    """Return the cells of each quantity that have a median."""
    found: dict[str, list[Point]] = {}
    for line in lines:
        median = number(line, "median")
        if median is None:
            continue
        low, high = number(line, "low"), number(line, "high")
        point = Point(
            {name: line[name] for name in settings}, median,
            median if low is None else low, median if high is None else high,
            int(number(line, "n") or 0),
        )  # fmt: skip
        found.setdefault(str(line["quantity"]), []).append(point)
    return found


def _outcomes(asked: Mapping[str, Any], told: Any, path: Path) -> list[Outcome]:
    """Return each hypothesis with its outcome; open where none was told."""
    listed = told if told is not None else asked.get("hypothesis", [])
    if not isinstance(listed, list) or not all(isinstance(k, dict) for k in listed):
        message = f"{path / OUTCOMES} is no list of outcomes"
        raise DataError(message)
    return [
        Outcome(
            str(k.get("name", "")), str(k.get("claim", "")),
            str(k.get("refuted_if", "")), str(k.get("outcome", OPEN)),
            str(k.get("evidence") or ""),
        )
        for k in listed
    ]  # fmt: skip
