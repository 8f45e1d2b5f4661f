"""Say what a clock lets a node do in each round; pure.

A round opens for all nodes at once, when all have done the one before. What the client
starts in a round a partition at depth d (links from the client, by the longest path)
may handle d rounds later: every partition works on its own frame (`pipeline`), or one
layer works on all frames in flight while the others rest (`layer`).

In `step` and `step-batch` a round is of one phase of a frame, and what is started are
steps: phases, counted through all frames. With one phase a frame a step is a frame, and
`step` is `pipeline`.

In `neighbour` each node has rounds of its own, see `controller.neighbours`, and is told
how many steps it may handle. Else it is `pipeline`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from neurocluster.dtypes import NEIGHBOUR, STEPPED

PIPELINE: Final = "pipeline"
LAYER: Final = "layer"
IDLE: Final = "idle"
"""Round 0 lets frames start, the others are done at once: so a barrier is measured."""
NEVER: Final = 1 << 62
"""Rounds until the client of an idle cluster may start frames again."""
CLOCKED: Final = (PIPELINE, LAYER, *STEPPED, NEIGHBOUR, IDLE)
"""Modes in which rounds are opened."""


@dataclass(slots=True)
class WorkerRounds:
    """Know which steps a partition may handle.

    Attributes:
        depth: Of the partition; at least 1.
        number: Of the present round.
        limit: Steps below it may be handled.
    """

    depth: int
    number: int = 0
    limit: int = 0
    _started: dict[int, int] = field(default_factory=dict)

    def opened(self, number: int, started: int) -> None:
        """Take a round; so many steps were started in those before."""
        self.number = number
        self._started[number - 1] = started
        self.limit = self._started.pop(number - self.depth, self.limit)


@dataclass(slots=True)
class ClientRounds:
    """Know how many steps the client may start.

    Attributes:
        mode: One of `CLOCKED`.
        deepest: Depth of the deepest partition.
        window: Frames in flight.
        number: Of the present round.
        limit: Steps below it may be started.
    """

    mode: str
    deepest: int
    window: int
    number: int = 0
    limit: int = 0
    _base: int = 0
    _open: bool = False
    _empty: int = 0

    def opened(self, number: int, started: int, in_flight: int) -> None:
        """Take a round.

        Args:
            number: Of the round.
            started: Steps that the client has started.
            in_flight: How many frames have no result.
        """
        self._empty = self._empty + 1 if started == self._base else 0
        self.number, self._base, self.limit = number, started, started
        self._open = False
        self.look(in_flight)

    def look(self, in_flight: int) -> None:
        """Move the limit if the round now lets frames start."""
        if self._open or not self._starts:
            return
        if self.mode != LAYER:
            self._open, self.limit = True, self._base + 1
        elif in_flight == 0:  # all of the batch before has its results
            self._open, self.limit = True, self._base + self.window

    def closed(self, started: int) -> None:
        """Take that the round is told to be done: what starts now is of the next."""
        if self.mode != LAYER:
            self.limit = started

    @property
    def _starts(self) -> bool:
        return self.mode != LAYER or self.number % (self.deepest + 1) == 0

    def is_done(self, started: int, in_flight: int) -> bool:
        """Tell whether the client has done this round.

        Without any frame it has not: the clock stands still until there is one. While
        some are with the workers, the round of one that does not come stays empty.
        """
        if not self._starts:
            return True
        empty = self.mode != LAYER and in_flight > 0 and self._empty <= self.deepest
        return self._open and (started > self._base or empty)


def rounds_of(settings: Mapping[str, Any]) -> WorkerRounds | ClientRounds | None:
    """Return the rounds of a node, or None without a clock.

    Args:
        settings: Of PREPARE: window, clock (mode, depth, deepest).
    """
    clock = settings["clock"]
    if clock["mode"] not in CLOCKED:
        return None
    if clock["depth"] == 0 and clock["mode"] == IDLE:
        return ClientRounds(LAYER, NEVER, settings["window"])
    if clock["depth"] == 0:
        return ClientRounds(clock["mode"], clock["deepest"], settings["window"])
    return WorkerRounds(1 if clock["mode"] == NEIGHBOUR else clock["depth"])
