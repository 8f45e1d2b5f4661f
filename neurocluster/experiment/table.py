"""Make the lines of cells.csv: what each cell says of each quantity, and ratios.

Ratios are those of a cell to the one at the first value along the report's lines, at
equal other places; each repetition gives one, so that what a round met is on both
sides.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from neurocluster.experiment.cells import WORKERS, Cell, at_equal_places, shown
from neurocluster.experiment.file import Experiment
from neurocluster.experiment.quantities import QUANTITIES, SPEEDS
from neurocluster.experiment.runs import Samples
from neurocluster.experiment.statistics import Estimate, estimate, ratios

RATIO: Final = "_ratio"
FIGURES: Final = ("n", "median", "mean", "low", "high")
CORES: Final = "cores"
OVER: Final = "oversubscribed"


def cell_columns(experiment: Experiment) -> tuple[str, ...]:
    """Return the columns of cells.csv."""
    return ("cell", *experiment.columns, WORKERS, CORES, OVER, "quantity", *FIGURES)


def about(experiment: Experiment, cell: Cell, cores: int) -> dict[str, Any]:
    """Return what the tables say of a cell before any quantity."""
    told = {name: shown(cell.value(name)) for name in experiment.columns}
    over = str(oversubscribed(cell, cores)).lower()
    crowd = {WORKERS: cell.workers, CORES: cores, OVER: over}
    return {"cell": cell.number, **told, **crowd}


def oversubscribed(cell: Cell, cores: int) -> bool:
    """Tell whether workers and client outnumber the cores, as summary.json has it."""
    return cell.workers + 1 > cores


def cell_lines(
    experiment: Experiment, samples: Samples, cores: int
) -> Iterator[dict[str, Any]]:
    """Yield a line for each cell and quantity of which something is known."""
    for cell in experiment.cells:
        head = about(experiment, cell, cores)
        base = reference(experiment, cell)
        for name in QUANTITIES:
            values = list(samples.values(cell, name).values())
            yield from _line(head, name, estimate(values, experiment.seed))
        for name in QUANTITIES if base is not None else ():
            found = ratio(experiment, samples, cell, name)
            yield from _line(head, name + RATIO, found)


def _line(
    head: dict[str, Any], quantity: str, found: Estimate | None
) -> Iterator[dict[str, Any]]:
    if found is not None:
        figures = {name: getattr(found, name) for name in FIGURES}
        yield {**head, "quantity": quantity, **figures}


def reference(experiment: Experiment, cell: Cell) -> Cell | None:
    """Return the cell at the first value along the lines; None for that one itself."""
    lines = experiment.report.lines
    if not lines:
        return None
    first = experiment.cells[0].at[lines]
    if cell.at[lines] == first:
        return None
    near = at_equal_places(experiment.cells, cell, {lines: None})
    return next(other for other in near if other.at[lines] == first)


def ratio(
    experiment: Experiment, samples: Samples, cell: Cell, quantity: str
) -> Estimate | None:
    """Return the ratio of a cell to its reference.

    None if there is none, or if it would be one of speeds at unequal windows, unless
    windows are what the lines are.
    """
    base = reference(experiment, cell)
    if base is None:
        return None
    same = base.config.window == cell.config.window
    if quantity in SPEEDS and not same and experiment.report.lines != "window":
        return None
    pairs = samples.pairs(cell, base, quantity)
    found = ratios([a for a, _ in pairs], [b for _, b in pairs])
    return estimate(found, experiment.seed)
