"""Compare two experiments, cell by cell.

They ran at different times, so repetitions are no pairs: each side is resampled alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from neurocluster.experiment.cells import CASE, Cell, shown
from neurocluster.experiment.file import Experiment, read_experiment
from neurocluster.experiment.folder import FILE, read_runs
from neurocluster.experiment.quantities import QUANTITIES, SPEEDS
from neurocluster.experiment.runs import Samples
from neurocluster.experiment.statistics import ratio_of_medians
from neurocluster.experiment.versus import Comparison, Row, differences, row_of

APART: Final = (
    "the two ran at different times, so repetitions are not paired; what changed on "
    "the machine in between is in the ratios"
)


def compare_experiments(first: Path, second: Path) -> Comparison:
    """Return the comparison of two experiments' folders.

    Raises:
        ConfigError: A folder's file or table is damaged.
    """
    a, b = (read_experiment(path / FILE) for path in (first, second))
    samples = [Samples(read_runs(path)) for path in (first, second)]
    return compare_cells(a, b, samples[0], samples[1])


def compare_cells(
    a: Experiment, b: Experiment, first: Samples, second: Samples
) -> Comparison:
    """Return the comparison of two experiments.

    Args:
        a: One.
        b: The other.
        first: Values of the one.
        second: Values of the other.
    """
    found = Comparison(notes=[APART])
    if _frames(a) != _frames(b):
        found.doubt("they differ in data, frames or warm-up: no ratio is given")
    pairs = _matched(a, b, found)
    windows = [(c, d) for c, d in pairs if c.config.window != d.config.window]
    if windows:
        found.doubt(
            f"windows differ in {len(windows)} of {len(pairs)} cells: no ratio of "
            "speeds is given there"
        )
    if pairs and (told := differences(pairs[0][0].config, pairs[0][1].config)):
        found.notes.append(f"settings that differ: {', '.join(told)}")
    whole = _frames(a) == _frames(b)
    for pair in pairs:
        found.rows += _rows(pair, (first, second), a.seed, whole=whole)
    return found


def _frames(experiment: Experiment) -> tuple[Any, ...]:
    config = experiment.cells[0].config
    return config.data, config.start, config.frames, experiment.warm_up


def _matched(
    a: Experiment, b: Experiment, found: Comparison
) -> list[tuple[Cell, Cell]]:
    """Return the cells of the one with those of the other that vary in the same way."""
    columns = dict.fromkeys([*a.columns, *b.columns])
    if (CASE in a.columns) != (CASE in b.columns):
        columns.pop(CASE)

    def place(cell: Cell) -> tuple[Any, ...]:
        return tuple(shown(cell.value(name)) for name in columns)

    others = {place(cell): cell for cell in b.cells}
    pairs = [(c, others[place(c)]) for c in a.cells if place(c) in others]
    left = len(a.cells) + len(b.cells) - 2 * len(pairs)
    if left:
        found.notes.append(f"{left} cells are in one of them only, and left out")
    return pairs


def _rows(
    pair: tuple[Cell, Cell], samples: Sequence[Samples], seed: int, *, whole: bool
) -> list[Row]:
    rows = []
    same = pair[0].config.window == pair[1].config.window
    for name in QUANTITIES:
        one, other = (
            list(sample.values(cell, name).values())
            for cell, sample in zip(pair, samples, strict=True)
        )
        if not one and not other:
            continue
        a, b = (float(np.median(v)) if v else None for v in (one, other))
        allowed = whole and (same or name not in SPEEDS)
        found = ratio_of_medians(one, other, seed) if allowed else None
        rows.append(row_of(name, a, b, found, cell=pair[0].label))
    return rows
