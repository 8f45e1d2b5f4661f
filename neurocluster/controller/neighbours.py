"""Open the rounds of each node when its neighbours have done the one before.

The clock `neighbour`: no barrier of all. Neighbours are the two ends of a link, and the
client is one of those it has links with. So neighbours are at most one round apart, and
nodes far from each other may be several.

A partition at depth d handles in round r what the client started in rounds up to r - d,
as in `member.rounds`. It has been told to the controller by then: each node on the way
has done a round less than the next. OPEN carries how many steps that are, for only the
controller knows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from neurocluster.controller.barrier import Barrier
from neurocluster.controller.wiring import Preparer
from neurocluster.dtypes import CLIENT


def neighbours_of(links: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Return by node the nodes that it has links with."""
    found: dict[str, dict[str, None]] = {}
    for source, destination in links:
        found.setdefault(source, {})[destination] = None
        found.setdefault(destination, {})[source] = None
    return {node: tuple(others) for node, others in found.items()}


class LocalBarrier(Barrier):
    """Count which rounds each node has done; pure.

    Attributes:
        opened: Nodes whose next round the last DONE has opened.
    """

    def __init__(
        self, links: Iterable[tuple[str, str]], depths: Mapping[str, int]
    ) -> None:
        """Take source and destination of each link, and the depth of each node."""
        self._near, self._depths = neighbours_of(links), depths
        self._deepest = max(depths.values())
        super().__init__()

    def begin(self, nodes: Iterable[str]) -> None:
        """Begin an epoch; round 0 of each node is open."""
        super().begin(nodes)
        self.opened: tuple[str, ...] = ()
        self._round = dict.fromkeys(self._nodes, 0)
        self._done = dict.fromkeys(self._nodes, -1)
        self._started: dict[int, int] = {}

    def done(self, node: str, number: int, started: int, now_ns: int) -> bool:
        """Note that a node has done a round; True if any node's next one opens now.

        Which nodes these are is in ``opened``.
        """
        self.opened = ()
        if self._round.get(node) != number or self._done[node] == number:
            return False
        self._done[node], self._since[node] = number, now_ns
        if node == CLIENT:
            self._started[number] = started
            # Nobody lags further behind the client than the deepest one's depth.
            self._started.pop(number - 2 * self._deepest - 2, None)
        self.opened = tuple(n for n in (node, *self._near[node]) if self._opens(n))
        if self.opened:
            self._last[node] = self._last.get(node, 0) + 1
        for other in self.opened:
            self._count_wait(other, node, now_ns)
        for other in self.opened:
            self._round[other] += 1
        self.rounds += CLIENT in self.opened
        return bool(self.opened)

    def missed_by(self, node: str, number: int) -> bool:
        """Tell whether a node that says it has done a round missed its next one."""
        return number < self._round.get(node, 0)

    def told(self, node: str) -> tuple[int, int]:
        """Return a node's round, and how many steps it may handle, or were started."""
        number = self._round[node]
        return number, self._started.get(number - max(self._depths[node], 1), 0)

    def _count_wait(self, node: str, last: str, now_ns: int) -> None:
        """Count what a node waited for the last one of its neighbours, or of itself."""
        number = self._round[node]
        self._slowest[node] = self._slowest.get(node, 0) + now_ns - self._since[node]
        if node == last:
            return
        present = [n for n in (node, *self._near[node]) if self._done[n] == number]
        before = max(self._since[n] for n in present if n != last)
        self._held_up[last] = self._held_up.get(last, 0) + now_ns - before

    def _opens(self, node: str) -> bool:
        number = self._round[node]
        return self._done[node] == number and all(
            self._done[other] >= number for other in self._near[node]
        )


def barrier_of(plan: Preparer) -> Barrier:
    """Return what opens a plan's rounds."""
    if plan.local_depths:
        return LocalBarrier(plan.links.values(), plan.local_depths)
    return Barrier()
