"""Read an experiment's file; everything in it is checked before the first run.

`configs/experiments/README.md` describes the form.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from neurocluster.config import RunConfig, unknown_key
from neurocluster.errors import ConfigError, ModelError
from neurocluster.experiment.cells import CASE, WORKERS, Cell, columns_of, cross
from neurocluster.experiment.hypothesis import Hypothesis
from neurocluster.experiment.keys import (
    flag_of,
    name_of,
    number_of,
    seed_of,
    table_of,
    tables_of,
)
from neurocluster.experiment.stated import hypotheses_of
from neurocluster.model.load import load_network
from neurocluster.model.partition import make_plan
from neurocluster.model.placement import check_pins
from neurocluster.model.split import parse_splits
from neurocluster.toml import read_toml

TOP: Final = (
    "name", "description", "repetitions", "warm_up_frames", "frames", "seed",
    "keep_frames", "reseed", "settings", "grid", "case", "report", "hypothesis",
)  # fmt: skip
OWN: Final = {
    "out": "results go into the experiment's folder; name it by --out",
    "name": "the experiment has a name, and so has each [[case]]",
    "frames": "write it at the top of the file, for all runs",
}
"""Settings of a run that are not an experiment's to set, and what is instead."""
SETTINGS: Final = {f.name for f in dataclasses.fields(RunConfig)} - set(OWN)
SEEDS: Final = ("seed", "order_seed")
"""Settings that may change from one repetition to the next."""
MOST_RUNS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Report:
    """How results are drawn.

    Attributes:
        x: Column of the horizontal axis.
        lines: Axis with a line for each value, the first of which ratios refer to;
            empty if there is one line.
    """

    x: str
    lines: str = ""


@dataclass(frozen=True, slots=True)
class Experiment:
    """An experiment, as its file has it.

    Attributes:
        document: The file's content.
        frames: Of each run; None is all of the data.
        warm_up: First frames of each run that count for no time.
        seed: Of the order of runs and of the intervals.
        keep_frames: Keep frames.csv of each run.
        reseed: Seeds of runs to which each repetition after the first adds one more.
        columns: Settings that tell cells apart; see `cells.columns_of`.
    """

    name: str
    document: Mapping[str, Any]
    repetitions: int
    warm_up: int
    frames: int | None
    seed: int
    keep_frames: bool
    reseed: tuple[str, ...]
    columns: tuple[str, ...]
    cells: tuple[Cell, ...]
    report: Report
    hypotheses: tuple[Hypothesis, ...]


def read_experiment(path: str | Path) -> Experiment:
    """Read an experiment's file.

    Raises:
        ConfigError: It cannot be read, or something in it is wrong; the message names
            file and table.
        ModelError: A network, threshold or split of a cell cannot work.
    """
    document = read_toml(path, "experiment")
    try:
        return experiment_of(document)
    except ConfigError as error:
        message = f"experiment {path}: {error}"
        raise ConfigError(message) from error


def experiment_of(document: Mapping[str, Any]) -> Experiment:
    """Return an experiment of a file's content; see `read_experiment`."""
    for key in document:
        if key not in TOP:
            message = f"top: {key!r} is a setting; write it in [settings] or [grid]"
            if key not in SETTINGS:
                message = unknown_key(key, set(TOP), "top")
            raise ConfigError(message)
    grid, cases = _grid(document), _cases(document)
    settings = _settings(table_of(document, "settings"), "[settings]")
    elsewhere = {*settings, *itertools.chain(*cases.values())}
    for key in grid:
        if key in elsewhere:
            message = f"[grid]: {key} is also in [settings] or a [[case]]; leave one"
            raise ConfigError(message)
    frames = number_of(document, "frames", None)
    base = RunConfig(compare=False).replace(**settings, frames=frames)
    cells = [_planned(cell) for cell in cross(base, grid, cases)]
    repetitions = number_of(document, "repetitions", 5) or 0
    if len(cells) * repetitions > MOST_RUNS:
        message = (
            f"{len(cells):,} cells x {repetitions} runs; {MOST_RUNS:,} are the most"
        )
        raise ConfigError(message)
    warm_up = number_of(document, "warm_up_frames", 0) or 0
    if frames is not None and warm_up > frames - 2:
        message = f"top: warm_up_frames: {warm_up} of {frames} leave fewer than 2"
        raise ConfigError(message)
    columns = columns_of(grid, cases)
    return Experiment(
        name=name_of(document),
        document=document,
        repetitions=repetitions,
        warm_up=warm_up,
        frames=frames,
        seed=seed_of(document),
        keep_frames=flag_of(document, "keep_frames", default=True),
        reseed=_reseed(document, cells),
        columns=columns,
        cells=tuple(cells),
        report=_report(table_of(document, "report"), columns, cells),
        hypotheses=hypotheses_of(document, columns, cells),
    )


def _settings(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return settings of runs as `RunConfig` has them; errors name their table."""
    found = {}
    for key, value in table.items():
        if key in OWN:
            message = f"{where}: {key} is not set here; {OWN[key]}"
            raise ConfigError(message)
        if key not in SETTINGS:
            raise ConfigError(unknown_key(key, SETTINGS, where))
        try:
            found[key] = getattr(RunConfig().replace(**{key: value}), key)
        except ConfigError as error:
            message = f"{where}: {error}"
            raise ConfigError(message) from error
    return found


def _grid(document: Mapping[str, Any]) -> dict[str, list[Any]]:
    grid: dict[str, list[Any]] = {}
    for key, values in table_of(document, "grid").items():
        if key in SETTINGS and (not isinstance(values, list) or not values):
            message = f"[grid]: {key}: {values!r} is no list of values"
            raise ConfigError(message)
        several = values if isinstance(values, list) else [values]
        grid[key] = [_settings({key: value}, "[grid]")[key] for value in several]
        for one, other in itertools.combinations(grid[key], 2):
            if one == other:
                message = f"[grid]: {key}: {one!r} is there twice"
                raise ConfigError(message)
    return grid


def _cases(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    cases: dict[str, dict[str, Any]] = {}
    for number, table in enumerate(tables_of(document, CASE), 1):
        name = table.get("name")
        if not isinstance(name, str) or not name.strip():
            message = f"[[case]] {number}: it needs a name"
            raise ConfigError(message)
        if name in cases:
            message = f"[[case]] {number}: the name {name!r} is there twice"
            raise ConfigError(message)
        others = {key: value for key, value in table.items() if key != "name"}
        cases[name] = _settings(others, f"[[case]] {name}")
    return cases


def _reseed(document: Mapping[str, Any], cells: Sequence[Cell]) -> tuple[str, ...]:
    names = document.get("reseed", [])
    if not isinstance(names, list) or any(name not in SEEDS for name in names):
        message = f"top: reseed: {names!r} must be a list of {', '.join(SEEDS)}"
        raise ConfigError(message)
    for name in names:
        if all(getattr(cell.config, name) is None for cell in cells):
            message = f"top: reseed: no cell has {name}; set it"
            raise ConfigError(message)
    return tuple(names)


def _planned(cell: Cell) -> Cell:
    """Return a cell with the number of its workers; see that its plan can work."""
    config = cell.config
    try:
        plan = make_plan(load_network(config.network), parse_splits(config.split))
        check_pins(plan, (), config.place)
        config.impairments().check_names([p.name for p in plan.partitions])
    except ModelError as error:
        error.add_note(f"in the experiment's cell: {cell.label}")
        raise
    return dataclasses.replace(cell, workers=len(plan.partitions))


def _report(
    table: Mapping[str, Any], columns: Sequence[str], cells: Sequence[Cell]
) -> Report:
    axes, known = tuple(cells[0].at), {*columns, WORKERS}
    for key, value in table.items():
        if key not in ("x", "lines"):
            raise ConfigError(unknown_key(key, {"x", "lines"}, "[report]"))
        if value not in (known if key == "x" else axes):
            told = ", ".join(sorted(known) if key == "x" else axes) or "none"
            message = f"[report]: {key}: {value!r} is none of what varies: {told}"
            raise ConfigError(message)
    x = table.get("x", next((axis for axis in axes if axis != CASE), WORKERS))
    default = CASE if CASE in axes and x != CASE else ""
    return Report(x, table.get("lines", default))
