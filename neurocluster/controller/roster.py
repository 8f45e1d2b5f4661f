"""Keep who registered, and what each of them runs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from neurocluster.controller.paths import Paths
from neurocluster.dtypes import CLIENT
from neurocluster.member.dissemination import partners

BUILDING, LINKED, FAULTY = "building", "linked", "faulty"
"""What BEAT says of a member's phase, where the controller cares."""
QUIET_NS: Final = 300_000_000
"""Three beats: who is behind the others by more may be lost with its host."""
WITH_SOCKETS = (BUILDING, "bound", LINKED, "running", FAULTY)
"""Phases in which a member has data sockets, or is about to have them."""


@dataclass(slots=True)
class Member:
    """A registered worker or the client.

    Attributes:
        slot: Index of the partition it wishes to run, or None.
        heard_ns: When its last message came.
        ready: It may be given a part.
        node: What it runs: a partition, or the client; empty for a spare.
        clock: Name of the clock that it reads; see `member.clocks`.
        endpoint: Of its inbox in this epoch; empty before BOUND.
        echo: Where it answers for its clock in this epoch; empty if nobody asks.
        ticks: Where it hears of others' rounds in this epoch; empty if nobody tells.
        linked: It has heard from everyone who sends to it in this epoch.
        phase: Where it said to stand, in its last BEAT.
        report: Its tables, once it has handed them in.
    """

    peer: bytes
    role: str
    pid: int
    host: str
    slot: int | None
    heard_ns: int
    clock: str = ""
    ready: bool = False
    node: str = ""
    endpoint: str = ""
    echo: str = ""
    ticks: str = ""
    linked: bool = False
    phase: str = ""
    report: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """Return the words that errors use."""
        if self.role == CLIENT:
            return f"client (pid {self.pid} on {self.host})"
        what = f"partition {self.node}" if self.node else "a spare"
        return f"{what} (worker pid {self.pid} on {self.host})"


class Roster:
    """Hold the members of one cluster: one client, a worker a partition, spares."""

    def __init__(self, partitions: tuple[str, ...]) -> None:
        """Start empty; the members will run these partitions."""
        self._partitions = partitions
        self._members: dict[bytes, Member] = {}

    def __iter__(self) -> Iterator[Member]:
        """Iterate over a copy, so that members may be removed meanwhile."""
        return iter(list(self._members.values()))

    def add(self, member: Member) -> None:
        """Take a member in."""
        self._members[member.peer] = member

    def remove(self, member: Member) -> None:
        """Forget a member."""
        self._members.pop(member.peer, None)

    def get(self, peer: bytes) -> Member | None:
        """Return the member of a peer, if it is one."""
        return self._members.get(peer)

    def process(self, pid: int, host: str | None = None) -> Member | None:
        """Return the member that is a process, on a host or wherever."""
        found = (m for m in self if m.pid == pid and host in (None, m.host))
        return next(found, None)

    @property
    def client(self) -> Member | None:
        """Return the client, if it has come."""
        return next((m for m in self if m.role == CLIENT), None)

    @property
    def workers(self) -> list[Member]:
        """Return the workers in the order in which they came."""
        return [m for m in self if m.role != CLIENT]

    @property
    def nodes(self) -> list[Member]:
        """Return who takes part in this epoch: the client and all but spares."""
        return [m for m in self if m.node]

    def running(self, node: str) -> Member | None:
        """Return who is a node in this epoch."""
        return next((m for m in self.nodes if m.node == node), None)

    @property
    def complete(self) -> bool:
        """Tell whether the client is ready, and a worker for each partition."""
        client = self.client
        if client is None or not client.ready:
            return False
        return sum(m.ready for m in self.workers) >= len(self._partitions)

    @property
    def missing(self) -> list[str]:
        """Return the partitions that no worker could run."""
        free = self._free()
        spares = sum(m.ready and not m.node for m in self.workers)
        return free[spares:]

    @property
    def linked(self) -> bool:
        """Tell whether all have heard from everyone who sends to them."""
        return all(m.linked for m in self.nodes)

    @property
    def reports(self) -> list[Mapping[str, Any]]:
        """Return the tables that were handed in."""
        return [m.report for m in self if m.report is not None]

    @property
    def unreported(self) -> list[Member]:
        """Return who has not handed in its tables."""
        return [m for m in self.nodes if m.report is None]

    def forget_reports(self) -> None:
        """Hold no tables any more: the session that they are of is over."""
        for member in self:
            member.report = None

    def _free(self) -> list[str]:
        taken = {m.node for m in self}
        return [name for name in self._partitions if name not in taken]

    def assign(self) -> None:
        """Give each free partition a ready worker: who wishes for it, or the next.

        Whoever has a partition keeps it, and its tables and contexts with it.
        """
        for member in self:
            member.endpoint, member.linked, member.report = "", False, None
            member.phase = member.echo = member.ticks = ""
        spares = [m for m in self.workers if m.ready and not m.node]
        spares.sort(key=self._quiet)  # the others stay in the order in which they came
        free = self._free()
        for member in spares:
            slot = member.slot
            if slot is not None and 0 <= slot < len(self._partitions):
                wish = self._partitions[slot]
                if wish in free:
                    free.remove(wish)
                    member.node = wish
        for member in spares:
            if not member.node and free:
                member.node = free.pop(0)
        if (client := self.client) is not None:
            client.node = CLIENT

    def _quiet(self, member: Member) -> bool:
        """Tell whether a member is behind the others: it gets a part last."""
        return max(m.heard_ns for m in self) - member.heard_ns > QUIET_NS

    def detour(
        self, paths: Paths, ways: Collection[tuple[str, str]]
    ) -> Iterator[tuple[Member, Member]]:
        """Let spares take the places of those whose links have no path.

        Yields:
            Who stands back, and who takes its place.
        """
        nodes = {m.node: m for m in self.nodes}
        spares = [m for m in self.workers if m.ready and not m.node]
        moves = paths.detours(self.hosts, [m.host for m in spares], ways, (CLIENT,))
        for node, k in moves.items():
            nodes[node].node, spares[k].node = "", node
            yield nodes[node], spares[k]

    @property
    def hosts(self) -> dict[str, str]:
        """Return the host of each node."""
        return {m.node: m.host for m in self.nodes}

    @property
    def building(self) -> bool:
        """Tell whether somebody builds its part, which may take a compiler's time."""
        return any(m.phase == BUILDING for m in self.nodes)

    @property
    def clocks(self) -> set[str]:
        """Return the clocks that are read in this epoch."""
        return {m.clock for m in self.nodes}

    def clocks_for(
        self, node: str, links: Mapping[int, tuple[str, str]]
    ) -> list[list[int | str]]:
        """Return, for each link that ends at a node, who answers for the clock there.

        Args:
            node: Where they end.
            links: Source and destination of each link.

        Returns:
            Rows of link and place; empty if both ends read one clock.
        """
        members = {m.node: m for m in self.nodes}
        mine = members[node].clock
        return [
            [link, "" if members[source].clock == mine else members[source].echo]
            for link, (source, to) in links.items()
            if to == node
        ]

    def endpoints(self) -> dict[str, str] | None:
        """Return the endpoint of each node once all are bound."""
        found = {m.node: m.endpoint for m in self.nodes}
        return found if all(found.values()) else None

    def partners(self, node: str) -> list[str]:
        """Return where a node sends its ticks, by step; empty if no node wants any."""
        by_node = {m.node: m.ticks for m in self.nodes}
        order = (CLIENT, *self._partitions)
        if not all(map(by_node.get, order)):
            return []
        found = partners(order.index(node), len(order))
        return [by_node[order[rank]] for rank in found]

    def lines(self) -> list[dict[str, Any]]:
        """Return who runs what, in plan order, the client first."""
        order = {name: k for k, name in enumerate(self._partitions)}
        return [
            {"partition": m.node, "host": m.host, "pid": m.pid, "endpoint": m.endpoint}
            for m in sorted(self.nodes, key=lambda m: order.get(m.node, -1))
        ]
