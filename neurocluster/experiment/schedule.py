"""Decide which run is next: rounds of all cells, in turned order; then repetitions.

Each round runs every cell once, so that what the machine does at one time it does to
all cells; each begins with the cell after the one that began the round before. A run
that failed or was disturbed is done again, after all rounds, twice at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

MOST_ATTEMPTS: Final = 3
DONE: Final = "done"
FAILED: Final = "failed"
DISTURBED: Final = "disturbed"
"""Something was lost and recovered, so the times are not those of the settings."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One run to do, or that was done.

    Attributes:
        run: Number of its folder, from 1.
        repetition: Round, from 1.
        cell: Number of the cell, from 1.
        attempt: From 1.
    """

    run: int
    repetition: int
    cell: int
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Past:
    """A turn, and how it ended: `DONE`, `FAILED` or `DISTURBED`."""

    turn: Turn
    status: str


def rounds(cells: int, repetitions: int, seed: int) -> list[Turn]:
    """Return the first attempts of all runs, in order."""
    order = (np.random.default_rng(seed).permutation(cells) + 1).tolist()
    turns: list[Turn] = []
    for number in range(repetitions):
        first = number % cells
        for cell in order[first:] + order[:first]:
            turns.append(Turn(len(turns) + 1, number + 1, cell))
    return turns


def next_turn(plan: Sequence[Turn], past: Sequence[Past]) -> Turn | None:
    """Return what is to be run next; None if everything is done, or was given up.

    Args:
        plan: See `rounds`.
        past: What was run, in order.
    """
    tried: dict[tuple[int, int], int] = {}
    for one in past:
        key = (one.turn.repetition, one.turn.cell)
        tried[key] = max(tried.get(key, 0), one.turn.attempt)
    for turn in plan:
        if (turn.repetition, turn.cell) not in tried:
            return turn
    good = usable(past)
    again = [t for t in plan if (t.repetition, t.cell) not in good]
    attempts = [tried[t.repetition, t.cell] for t in again]
    if not again or min(attempts) >= MOST_ATTEMPTS:
        return None
    turn = again[attempts.index(min(attempts))]
    number = max(len(plan), *(one.turn.run for one in past)) + 1
    return Turn(number, turn.repetition, turn.cell, min(attempts) + 1)


def usable(past: Iterable[Past]) -> dict[tuple[int, int], Turn]:
    """Return by repetition and cell the run that counts."""
    good: dict[tuple[int, int], Turn] = {}
    for one in past:
        if one.status == DONE:
            good.setdefault((one.turn.repetition, one.turn.cell), one.turn)
    return good


def runs_left(plan: Sequence[Turn], past: Sequence[Past]) -> list[int]:
    """Return the cells of the runs to come, were none of them to fail."""
    good, tried = usable(past), {}
    for one in past:
        tried[one.turn.repetition, one.turn.cell] = one.turn.attempt
    return [
        t.cell
        for t in plan
        if (t.repetition, t.cell) not in good
        and tried.get((t.repetition, t.cell), 0) < MOST_ATTEMPTS
    ]


def seconds_left(left: Sequence[int], past: Sequence[tuple[int, float]]) -> float:
    """Return how long the runs to come may take, by those that were made.

    Args:
        left: Their cells.
        past: Cell and seconds of each run so far; at least one.
    """
    mean = sum(seconds for _, seconds in past) / len(past)
    by_cell: dict[int, list[float]] = {}
    for cell, seconds in past:
        by_cell.setdefault(cell, []).append(seconds)
    means = {cell: sum(found) / len(found) for cell, found in by_cell.items()}
    return sum(means.get(cell, mean) for cell in left)
