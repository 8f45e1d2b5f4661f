"""Hold what the runs of an experiment gave, and choose those that count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from neurocluster.experiment.cells import Cell
from neurocluster.experiment.schedule import Past, Turn, usable


@dataclass(frozen=True, slots=True)
class Run:
    """One run, whatever came of it.

    Attributes:
        turn: Which run it was.
        status: See `schedule`.
        reason: Why it does not count; empty if it does.
        started: Local time, ISO 8601.
        seconds: From start to the last file.
        load: Load average of one minute when it began.
        frames: Frames with a result.
        values: By quantity; see `quantities`.
    """

    turn: Turn
    status: str
    reason: str = ""
    started: str = ""
    seconds: float = 0.0
    load: float | None = None
    frames: int = 0
    values: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def past(self) -> Past:
        """Return what the schedule needs to know."""
        return Past(self.turn, self.status)


class Samples:
    """Look up values of the runs that count, by cell, quantity and repetition."""

    def __init__(self, runs: Sequence[Run]) -> None:
        """Take all runs, in the order in which they were made."""
        good = usable(run.past for run in runs)
        by_number = {run.turn.run: run for run in runs}
        self._runs = {key: by_number[turn.run] for key, turn in good.items()}

    def values(self, cell: Cell, quantity: str) -> dict[int, float]:
        """Return by repetition what is known of a quantity in a cell."""
        found = {}
        for (repetition, number), run in sorted(self._runs.items()):
            value = run.values.get(quantity)
            if number == cell.number and value is not None:
                found[repetition] = value
        return found

    def pairs(
        self, first: Cell, second: Cell, quantity: str
    ) -> list[tuple[float, float]]:
        """Return the values of two cells, of each repetition that has both."""
        one, other = (self.values(cell, quantity) for cell in (first, second))
        return [(one[k], other[k]) for k in one if k in other]
