"""Remember which hosts do not reach each other; lead links around them.

A path between two hosts is judged by links alone: one on which something waited and
nothing arrived, or that could not be made, breaks it; one that was made mends it. The
network may well have healed meanwhile, so a broken path is avoided where there is a
choice, and used where there is none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

Ends = tuple[str, str]
"""Source and destination of a link, or the hosts of these."""


class Paths:
    """Hold the pairs of hosts between which links do not work."""

    def __init__(self) -> None:
        """Start with all of them trusted."""
        self._broken: set[frozenset[str]] = set()

    def __repr__(self) -> str:
        """Show the broken ones."""
        return f"<Paths broken={sorted(map(sorted, self._broken))}>"

    def broken(self, one: str, other: str) -> bool:
        """Tell whether links between two hosts did not work."""
        return one != other and frozenset((one, other)) in self._broken

    def fail(self, pairs: Iterable[Ends]) -> None:
        """Note hosts whose links do not work; within a host no path is to blame."""
        self._broken |= {pair for pair in map(frozenset, pairs) if len(pair) == 2}

    def mend(self, pairs: Iterable[Ends]) -> None:
        """Note hosts between which links were made."""
        self._broken -= set(map(frozenset, pairs))

    def detours(
        self, hosts: Mapping[str, str], spares: Sequence[str],
        links: Collection[Ends], fixed: Collection[str],
    ) -> dict[str, int]:  # fmt: skip
        """Return which node goes to which spare, so that fewer links are broken.

        One after the other goes to where it has the fewest; at equal gain one on the
        host with most broken paths, to the host with fewest. Neighbours on a host that
        is cut off gain nothing alone, for what leaves one of them behind is broken
        then: so a node may also go without gain to a host with fewer broken paths, and
        stays if nobody gains by what follows.

        Args:
            hosts: Of each node.
            spares: Hosts of those that stand by.
            links: Source and destination.
            fixed: Nodes that cannot go elsewhere.
        """
        where, free = dict(hosts), dict(enumerate(spares))
        moves: dict[str, int] = {}
        best, fewest = dict(moves), self._count(where, links)
        while choices := {host: k for k, host in reversed(free.items())}:
            found = [
                (gain, self._blame(where[node]), -self._blame(host), node, host)
                for node in self._movable(where, links, fixed)
                for host in choices
                if (gain := self._gain(node, host, where, links)) > 0
                or (gain == 0 and self._blame(host) < self._blame(where[node]))
            ]
            if not found:
                break
            *_, node, host = max(found, key=lambda choice: choice[:3])
            if node in moves:
                free[moves[node]] = where[node]
            where[node], moves[node] = host, choices[host]
            del free[choices[host]]
            if (count := self._count(where, links)) < fewest:
                best, fewest = dict(moves), count
        return best

    def _movable(
        self, where: Mapping[str, str], links: Iterable[Ends], fixed: Collection[str]
    ) -> list[str]:
        """Return the ends of broken links, in the links' order."""
        crossed = [
            node
            for source, to in links
            if self.broken(where[source], where[to])
            for node in (source, to)
        ]
        return [node for node in dict.fromkeys(crossed) if node not in fixed]

    def _gain(
        self, node: str, host: str, where: Mapping[str, str], links: Iterable[Ends]
    ) -> int:
        """Return how many fewer broken links a node would have on another host."""
        others = [
            where[to if source == node else source]
            for source, to in links
            if node in (source, to)
        ]
        now = sum(self.broken(where[node], other) for other in others)
        return now - sum(self.broken(host, other) for other in others)

    def _count(self, where: Mapping[str, str], links: Iterable[Ends]) -> int:
        return sum(self.broken(where[source], where[to]) for source, to in links)

    def _blame(self, host: str) -> int:
        return sum(host in pair for pair in self._broken)
