"""Conduct an experiment: run after run, each kept before the next begins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from neurocluster.experiment.cells import Cell
from neurocluster.experiment.file import Experiment
from neurocluster.experiment.folder import ExperimentFolder
from neurocluster.experiment.runs import Run
from neurocluster.experiment.schedule import (
    Turn,
    next_turn,
    rounds,
    runs_left,
    seconds_left,
)

RunOne = Callable[[Turn, Cell, Path], Run | None]
"""Makes a run in a folder; None if it was interrupted and does not count."""


class Watcher(Protocol):
    """Show how far an experiment is, and know when it is to stop."""

    @property
    def stopped(self) -> bool:
        """Tell whether no further run shall begin."""

    def begin(self, turn: Turn, cell: Cell, left: int) -> None:
        """Tell that a run begins, one of so many that are left."""

    def end(self, run: Run, cell: Cell, left: int, seconds: float) -> None:
        """Tell how it ended, and how long the others may take."""


def complete(experiment: Experiment, folder: ExperimentFolder) -> bool:
    """Tell whether no run is left to be made."""
    plan = rounds(len(experiment.cells), experiment.repetitions, experiment.seed)
    return next_turn(plan, [run.past for run in folder.runs]) is None


def conduct(
    experiment: Experiment, folder: ExperimentFolder, run_one: RunOne, watch: Watcher
) -> bool:
    """Make all runs that are not in the folder; tell whether that was done.

    Raises:
        ConfigError: The folder takes no more.
    """
    cells = {cell.number: cell for cell in experiment.cells}
    plan = rounds(len(cells), experiment.repetitions, experiment.seed)
    while not watch.stopped:
        turn = next_turn(plan, [run.past for run in folder.runs])
        if turn is None:
            return True
        cell = cells[turn.cell]
        watch.begin(turn, cell, len(runs_left(plan, [r.past for r in folder.runs])))
        run = run_one(turn, cell, folder.folder_of(turn))
        if run is None:
            folder.folder_of(turn)  # nothing of it stays
            return False
        folder.add(run)
        left = runs_left(plan, [r.past for r in folder.runs])
        spent = [(r.turn.cell, r.seconds) for r in folder.runs]
        watch.end(run, cell, len(left), seconds_left(left, spent))
    return complete(experiment, folder)
