"""Open rounds: the clock of the control experiment, and what it costs.

A round opens when every node has done the one before. Who waits for whom is counted:
what a node waited for the slowest one, and what it waited for the barrier itself.
Nodes that tell each other count that themselves; see `member.dissemination`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from neurocluster.dtypes import CLIENT


class Barrier:
    """Count who has done the present round; pure.

    Attributes:
        round: The present one.
        started: Frames that the client had started when the last round ended.
    """

    def __init__(self) -> None:
        """Be ready for a first epoch."""
        self._forget()
        self.begin(())

    def _forget(self) -> None:
        self.rounds = 0
        self._slowest: dict[str, int] = {}
        self._last: dict[str, int] = {}
        self._held_up: dict[str, int] = {}

    def begin(self, nodes: Iterable[str]) -> None:
        """Begin an epoch; its round 0 is open."""
        self.round = self.started = 0
        self._nodes = frozenset(nodes)
        self._since: dict[str, int] = {}

    def done(self, node: str, number: int, started: int, now_ns: int) -> bool:
        """Note that a node has done a round.

        Args:
            node: Partition, or the client.
            number: Of the round; a node says so again while it hears nothing.
            started: Frames that the client has started; of others ignored.
            now_ns: When.

        Returns:
            True if the next round opens now.
        """
        if number != self.round or node not in self._nodes or node in self._since:
            return False
        self._since[node] = now_ns
        if node == CLIENT:
            self.started = started
        if len(self._since) < len(self._nodes):
            return False
        self._count(node, now_ns)
        self.round += 1
        self.rounds += 1
        self._since = {}
        return True

    def missed(self, number: int) -> bool:
        """Tell whether a node that says it has done a round missed the next one."""
        return number < self.round

    def _count(self, last: str, now_ns: int) -> None:
        before = max((t for n, t in self._since.items() if n != last), default=now_ns)
        for node, since in self._since.items():
            self._slowest[node] = self._slowest.get(node, 0) + now_ns - since
        self._last[last] = self._last.get(last, 0) + 1
        self._held_up[last] = self._held_up.get(last, 0) + now_ns - before

    def tables(self) -> dict[str, Any]:
        """Return and forget what was counted.

        Returns:
            Empty if there was no round. Else rounds; nodes: of each what it waited for
            the slowest one, ns, how often it was that one, and how long it then held up
            all others, ns.
        """
        rows = [
            [node, ns, self._last.get(node, 0), self._held_up.get(node, 0)]
            for node, ns in sorted(self._slowest.items())
        ]
        found = {"rounds": self.rounds, "nodes": rows} if self.rounds else {}
        self._forget()
        return found


def told_by_nodes(
    reports: Iterable[Mapping[str, Any]], partitions: Sequence[str]
) -> dict[str, Any]:
    """Return what nodes have counted that tell each other, as `Barrier.tables` does.

    Args:
        reports: Tables of the members.
        partitions: Names, in plan order.
    """
    nodes = {-1: CLIENT, **dict(enumerate(partitions))}
    names = ("clock_slowest_ns", "clock_times_slowest", "clock_held_up_ns")
    found: dict[str, list[int]] = {}
    rounds = 0
    for report in reports:
        counts = report["worker"]
        node = nodes.get(counts.get("partition", -2))
        if node is None or "clock_rounds" not in counts:
            continue
        rounds += counts["clock_rounds"] if node == CLIENT else 0
        old = found.get(node, [0, 0, 0])
        found[node] = [a + counts.get(b, 0) for a, b in zip(old, names, strict=True)]
    rows = [[node, *counts] for node, counts in sorted(found.items())]
    return {"rounds": rounds, "nodes": rows} if rounds else {}
