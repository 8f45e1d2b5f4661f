"""Cross the values of an experiment into cells; every cell is a setting of a run.

A cell has a place on each axis: the case, if there are cases, and one value of each
setting in the grid. Columns are the axes and what else tells cells apart.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from neurocluster.config import RunConfig
from neurocluster.errors import ConfigError
from neurocluster.fields import TABLES

CASE: Final = "case"
WORKERS: Final = "workers"


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination of values.

    Attributes:
        number: Counted from 1.
        at: Its place on each axis, by the axis; settings as `RunConfig` has them.
        config: All settings of its runs.
        workers: Partitions of its plan.
    """

    number: int
    at: Mapping[str, Any]
    config: RunConfig
    workers: int = 0

    def value(self, column: str) -> Any:
        """Return what a column says of this cell."""
        if column == WORKERS:
            return self.workers
        if column in self.at:
            return self.at[column]
        return getattr(self.config, column)

    def settings_of(self, repetition: int, reseed: Sequence[str]) -> RunConfig:
        """Return the settings of a run.

        Args:
            repetition: From 1.
            reseed: Seeds that are one more in each repetition than in the one before.
        """
        seeds = {name: getattr(self.config, name) for name in reseed}
        return self.config.replace(
            **{k: v + repetition - 1 for k, v in seeds.items() if v is not None}
        )

    @property
    def label(self) -> str:
        """Return words for it: its place on each axis."""
        words = [
            str(value) if axis == CASE else f"{axis} {shown(value)}"
            for axis, value in self.at.items()
        ]
        return ", ".join(words) or "the only cell"


def cross(
    base: RunConfig, grid: Mapping[str, Sequence[Any]],
    cases: Mapping[str, Mapping[str, Any]],
) -> list[Cell]:  # fmt: skip
    """Return a cell for each combination, cases outermost, in the order of the file.

    Args:
        base: Settings that all cells have, unless a case says otherwise.
        grid: Values by setting, as `RunConfig` has them.
        cases: Settings by the case's name; empty if there are none.

    Raises:
        ConfigError: The settings of a case or a value of the grid are wrong.
    """
    found: list[Cell] = []
    for name, varied in cases.items() if cases else [("", {})]:
        for values in itertools.product(*grid.values()):
            at = {CASE: name} if cases else {}
            at |= dict(zip(grid, values, strict=True))
            cell = Cell(len(found) + 1, at, base)
            try:
                varying = {key: value for key, value in at.items() if key != CASE}
                config = base.replace(**varied, **varying)
            except ConfigError as error:
                message = f"cell {cell.label}: {error}"
                raise ConfigError(message) from error
            found.append(dataclasses.replace(cell, config=config))
    return found


def columns_of(
    grid: Mapping[str, Sequence[Any]], cases: Mapping[str, Mapping[str, Any]]
) -> tuple[str, ...]:
    """Return the columns that tell cells apart: axes, then settings of the cases."""
    axes = [CASE, *grid] if cases else [*grid]
    return tuple(dict.fromkeys([*axes, *itertools.chain(*cases.values())]))


def shown(value: Any) -> Any:
    """Return a value of a column as tables have it: a number or text; None stays."""
    if isinstance(value, Mapping):
        return ",".join(f"{name}={entry}" for name, entry in sorted(value.items()))
    if isinstance(value, tuple):
        return value[0] if len(value) == 1 else ",".join(f"{v:g}" for v in value)
    if isinstance(value, bool):
        return str(value).lower()
    return value


def at_equal_places(
    cells: Sequence[Cell], first: Cell, but: Mapping[str, Any]
) -> Iterator[Cell]:
    """Yield the cells at a cell's place on every axis that ``but`` does not name.

    A column that is no axis follows from the case, the workers also from the split.
    """
    free = set(but)
    if any(column not in first.at for column in but):
        free |= {CASE, "split"} if WORKERS in but else {CASE}
    for cell in cells:
        bound = (axis for axis in first.at if axis not in free)
        if all(cell.at[axis] == first.at[axis] for axis in bound):
            yield cell


@dataclass(frozen=True, slots=True)
class Selector:
    """Choose cells by what columns say of them.

    Attributes:
        wanted: By column, the values that are let through; empty lets all through.
    """

    wanted: Mapping[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)

    def matches(self, cell: Cell) -> bool:
        """Tell whether a cell is chosen."""
        return all(cell.value(name) in values for name, values in self.wanted.items())

    def __str__(self) -> str:
        """Return words for what it chooses."""
        words = []
        for name, values in self.wanted.items():
            told = " or ".join(str(_worded(name, value)) for value in values)
            words.append(told if name == CASE else f"{name} {told}")
        return ", ".join(words) or "all cells"


def _worded(name: str, value: Any) -> Any:
    told = shown(value)
    if told in (None, "", ()):
        return "(none)" if name in TABLES else "(default)"
    return told
