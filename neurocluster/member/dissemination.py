"""Decide for one node of a dissemination barrier; pure.

Hensgen, Finkel and Manber, "Two algorithms for barrier synchronization", International
Journal of Parallel Programming 17 (1988). Of n nodes, node p tells node (p + 2^i) mod n
in step i, once it is done and has heard step i - 1, if there is one. Who has heard all
ceil(log2 n) steps has heard, by others, of every node: the round is over.

A partner may be one round ahead, not more: to end the next round it needs this node to
be done in it. What it tells then is kept. A tick that was lost is made good by any
later one of the same step: its sender has ended the round before. Ticks may therefore
be sent again at any time.

Nobody's clock is compared with another's. Each node measures what it waited in a round,
from when it was done until the round was over; the ticks of the next round spread the
two shortest of these waits, and whose they were. The shortest is the barrier's own
time, for the slowest node waits for nobody; what a node waited longer was for that one.
"""

from __future__ import annotations

from neurocluster.wire.ticks import NOBODY, Tick

Waits = tuple[tuple[int, int], ...]
"""Shortest waits, ns, each with whose it was: two at most, of different nodes."""


def step_count(nodes: int) -> int:
    """Return how many steps a barrier of so many nodes has."""
    return (nodes - 1).bit_length()


def partners(rank: int, nodes: int) -> list[int]:
    """Return whom a node tells, by step."""
    return [(rank + (1 << step)) % nodes for step in range(step_count(nodes))]


def shortest(waits: Waits, more: Waits) -> Waits:
    """Return the two shortest waits of both, one a node."""
    by_node: dict[int, int] = {}
    for wait_ns, node in (*waits, *more):
        by_node[node] = min(wait_ns, by_node.get(node, wait_ns))
    found = sorted((wait_ns, node) for node, wait_ns in by_node.items())
    return tuple(found[:2])


class Dissemination:
    """Know how far one node is in the present round.

    Attributes:
        number: Of the present round.
        started: Frames that the client had started when the last round ended.
        arrived: This node has done the present round.
    """

    def __init__(self, rank: int, nodes: int) -> None:
        """Begin round 0 of an epoch.

        Args:
            rank: Of this node.
            nodes: How many there are.
        """
        self.number = self.started = 0
        self.arrived = False
        self._rank, self._steps = rank, step_count(nodes)
        self._most = self._told = self._since_ns = self._waited_ns = 0
        self._heard = [-1] * self._steps
        self._last: list[Tick | None] = [None] * self._steps
        self._ahead: list[Tick] = []
        self._waits: Waits = ()
        self._slowest_ns = self._times_slowest = self._held_up_ns = 0

    def done(self, started: int, now_ns: int) -> list[Tick]:
        """Note that this node has done the present round; it may end by that.

        Args:
            started: Frames that the client has started; of others 0.
            now_ns: By this node's clock.

        Returns:
            Ticks to send, each to the partner of its step.
        """
        if self.arrived:
            return []
        self.arrived, self._since_ns = True, now_ns
        self._most = max(self._most, started)
        return self._go_on(now_ns)

    def heard(self, tick: Tick, now_ns: int) -> list[Tick] | None:
        """Take a tick; the present round may end by it.

        Returns:
            Ticks to send; None if no partner of this round can have sent it.
        """
        step, ahead = tick.step, tick.round - self.number
        if step >= self._steps or ahead > self.arrived:
            return None
        last = self._heard[step]
        if tick.round <= last:
            return []
        self._heard[step] = tick.round
        if ahead == 0:
            self._take(tick)
        else:
            self._ahead.append(tick)
            if last < self.number:  # that one was lost
                self._most = max(self._most, tick.before)
        return self._go_on(now_ns)

    def again(self) -> list[Tick]:
        """Return the last tick of each step: the partner may have missed it."""
        return [tick for tick in self._last if tick is not None]

    def exchanged(self) -> list[int]:
        """Return by step the round last told, then that last heard, each plus 1."""
        told = [0 if tick is None else tick.round + 1 for tick in self._last]
        return [*told, *(number + 1 for number in self._heard)]

    def counts(self) -> dict[str, int]:
        """Return what was counted; the last round, of which nobody told, is left out.

        Returns:
            Rounds that ended, what this node waited for the slowest one, ns, how often
            it was that one, how long all others then waited for it, ns.
        """
        return {
            "clock_rounds": self.number,
            "clock_slowest_ns": self._slowest_ns,
            "clock_times_slowest": self._times_slowest,
            "clock_held_up_ns": self._held_up_ns,
        }

    def _take(self, tick: Tick) -> None:
        self._most = max(self._most, tick.started)
        pairs = (tick.first_ns, tick.first), (tick.second_ns, tick.second)
        known = tuple(pair for pair in pairs if pair[1] != NOBODY)
        if known and known != self._waits:
            self._waits = shortest(self._waits, known)

    def _go_on(self, now_ns: int) -> list[Tick]:
        """Tell who may be told now; end the round if all steps are heard."""
        number, heard = self.number, self._heard
        if not self.arrived:
            return []
        made: list[Tick] = []
        while self._told < self._steps:
            step = self._told
            if step and heard[step - 1] < number:
                return made
            tick = self._last[step] = self._tick(step)
            made.append(tick)
            self._told += 1
        if not self._steps or heard[-1] >= number:
            self._end_round(now_ns)
        return made

    def _tick(self, step: int) -> Tick:
        (first_ns, first), (second_ns, second) = (
            *self._waits, (0, NOBODY), (0, NOBODY),
        )[:2]  # fmt: skip
        return Tick(
            self.number, step, self._most, self.started, first_ns, first, second_ns,
            second,
        )  # fmt: skip

    def _end_round(self, now_ns: int) -> None:
        self._count()
        self._waited_ns = now_ns - self._since_ns
        self._waits = ((self._waited_ns, self._rank),)
        self.started, self._told, self.arrived = self._most, 0, False
        self.number += 1
        ahead, self._ahead = self._ahead, []
        for tick in ahead:
            self._take(tick)

    def _count(self) -> None:
        """Count what this node waited in the round before, now that all have told."""
        if not self._waits:
            return
        (least_ns, whose), *others = self._waits
        self._slowest_ns += self._waited_ns - least_ns
        if whose == self._rank:
            self._times_slowest += 1
            self._held_up_ns += others[0][0] - least_ns if others else 0
