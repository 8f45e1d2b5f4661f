"""Bring one epoch up: who prepares, who is bound, who is linked, what is overdue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from neurocluster.controller import reasons
from neurocluster.controller.paths import Paths
from neurocluster.controller.post import Post
from neurocluster.controller.roster import Roster
from neurocluster.wire.control import Kind

WIRE_NS: Final = 2_000_000_000
"""How long wiring may take once nobody builds its part any more."""
MOST: Final = 8
"""Links that an error names."""


class Preparer(Protocol):
    """Give what depends on the plan."""

    @property
    def partitions(self) -> tuple[str, ...]:
        """Return the names of all partitions."""

    @property
    def links(self) -> Mapping[int, tuple[str, str]]:
        """Return source and destination of each link."""

    @property
    def clocked(self) -> bool:
        """Tell whether rounds are opened for the nodes."""

    @property
    def ticks(self) -> tuple[tuple[str, str], ...]:
        """Return who tells whom that a round is done; empty where nobody does."""

    @property
    def local_depths(self) -> Mapping[str, int]:
        """Return each node's depth if nodes wait for neighbours only, else nothing."""

    def prepare(self, node: str) -> dict[str, Any]:
        """Return the body of PREPARE for a node."""


class Wiring:
    """Take everybody in the roster through PREPARE, CONNECT and GO."""

    def __init__(self, plan: Preparer, roster: Roster, post: Post) -> None:
        """Take what runs where, who is there, and where messages go."""
        self._plan, self._roster, self._post = plan, roster, post
        self._paths = Paths()
        self._since_ns = 0

    def begin(self, now_ns: int) -> None:
        """Give everybody its part of the next epoch."""
        self._since_ns = now_ns
        self._roster.assign()
        ways = (*self._plan.links.values(), *self._plan.ticks)
        for old, new in self._roster.detour(self._paths, ways):
            what = f"{new.node} goes from {old.host} to {new.host}"
            self._post.log(f"{what}: hosts do not reach each other")
        echo = len(self._roster.clocks) > 1
        for member in self._roster.nodes:
            body = self._plan.prepare(member.node)
            self._post.send(member, Kind.PREPARE, **body, echo=echo)

    def connect(self) -> None:
        """Tell everybody where its links lead, once all are bound."""
        endpoints = self._roster.endpoints()
        if endpoints is None:
            return
        for member in self._roster.nodes:
            pairs = [
                [link, endpoints[to]]
                for link, (source, to) in self._plan.links.items()
                if source == member.node
            ]
            clocks = self._roster.clocks_for(member.node, self._plan.links)
            self._post.send(
                member, Kind.CONNECT, endpoints=pairs, clocks=clocks,
                partners=self._roster.partners(member.node),
            )  # fmt: skip

    def go(self, now_ns: int) -> None:
        """Let everybody process; all links are made."""
        self._paths.mend(self._between(self._plan.links))
        lines = self._roster.lines()
        for member in self._roster.nodes:
            member.heard_ns = now_ns
            self._post.send(member, Kind.GO, roster=lines)
        epoch, workers = self._post.epoch, len(lines) - 1
        self._post.log(f"epoch {epoch} runs with {workers} workers")

    def overdue(self, now_ns: int) -> str:
        """Return why wiring gets nowhere, though nobody builds; empty if it may."""
        if self._roster.building:
            self._since_ns = now_ns
        if now_ns - self._since_ns <= WIRE_NS:
            return ""
        if self._roster.endpoints() is not None:  # all were told where links lead
            made = {m.node for m in self._roster.nodes if m.linked}
            links = self._plan.links.items()
            self.fail(k for k, (_, to) in links if to not in made)
            self._paths.mend(self._between(k for k, (_, to) in links if to in made))
        return self.unlinked(WIRE_NS)

    def fail(self, links: Iterable[int]) -> None:
        """Note that nothing comes through some links: others may do without them."""
        self._paths.fail(self._between(links))

    def cut_off(self, source: str, to: str) -> str:
        """Note that no tick of one node reaches another; return that way in words."""
        hosts = self._roster.hosts
        ends = hosts[source], hosts[to]
        self._paths.fail([ends])
        return reasons.link((source, to), ends)

    def _between(self, links: Iterable[int]) -> list[tuple[str, str]]:
        """Return the hosts at both ends of some links."""
        hosts = self._roster.hosts
        ends = (self._plan.links[link] for link in links)
        return [(hosts[source], hosts[to]) for source, to in ends]

    def words(self, link: int) -> str:
        """Return a link with its hosts, for a person."""
        (hosts,) = self._between([link])
        return reasons.link(self._plan.links[link], hosts)

    def unlinked(self, limit_ns: int) -> str:
        """Return words for the links that were not made in time."""
        late = {m.node for m in self._roster.nodes if not m.linked}
        links = [k for k, (_, to) in self._plan.links.items() if to in late]
        words = list(map(self.words, links[:MOST]))
        apart = any(one != other for one, other in self._between(links))
        return reasons.links_not_made(limit_ns, words, apart=apart)
