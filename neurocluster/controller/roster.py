"""Keep who registered, and what each of them runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from neurocluster.dtypes import CLIENT


@dataclass(slots=True)
class Member:
    """A registered worker or the client.

    Attributes:
        slot: Index of the partition it wishes to run, or None.
        heard_ns: When its last message came.
        node: What it runs: a partition, or the client; empty before PREPARE.
        report: Its tables, once it has handed them in.
    """

    peer: bytes
    role: str
    pid: int
    host: str
    slot: int | None
    heard_ns: int
    ready: bool = False
    node: str = ""
    endpoint: str = ""
    linked: bool = False
    report: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """Return the words that errors use."""
        if self.role == CLIENT:
            return f"client (pid {self.pid} on {self.host})"
        what = f"partition {self.node}" if self.node else "a worker"
        return f"{what} (worker pid {self.pid} on {self.host})"


class Roster:
    """Hold the members of one cluster: one client, and a worker a partition."""

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
        del self._members[member.peer]

    def get(self, peer: bytes) -> Member | None:
        """Return the member of a peer, if it is one."""
        return self._members.get(peer)

    @property
    def client(self) -> Member | None:
        """Return the client, if it has come."""
        return next((m for m in self if m.role == CLIENT), None)

    @property
    def workers(self) -> list[Member]:
        """Return the workers in the order in which they came."""
        return [m for m in self if m.role != CLIENT]

    @property
    def full(self) -> bool:
        """Tell whether every partition has a worker."""
        return len(self.workers) >= len(self._partitions)

    @property
    def ready(self) -> bool:
        """Tell whether all have come and are ready."""
        return sum(m.ready for m in self) == len(self._partitions) + 1

    @property
    def linked(self) -> bool:
        """Tell whether all have heard from everyone who sends to them."""
        return all(m.linked for m in self)

    @property
    def reports(self) -> list[Mapping[str, Any]]:
        """Return the tables that were handed in."""
        return [m.report for m in self if m.report is not None]

    @property
    def unreported(self) -> list[Member]:
        """Return who has not handed in its tables."""
        return [m for m in self if m.report is None]

    def assign(self) -> None:
        """Give each member its node: the partition it wishes for, or the next free."""
        free = list(self._partitions)
        wishes = {m.slot: m for m in reversed(self.workers) if m.slot is not None}
        for slot, member in wishes.items():
            if 0 <= slot < len(self._partitions):
                member.node = self._partitions[slot]
                free.remove(member.node)
        for member in self.workers:
            member.node = member.node or free.pop(0)
        if (client := self.client) is not None:
            client.node = CLIENT

    def endpoints(self) -> dict[str, str] | None:
        """Return the endpoint of each node once all are bound."""
        found = {m.node: m.endpoint for m in self}
        return found if all(found.values()) else None

    def lines(self) -> list[dict[str, Any]]:
        """Return who runs what, in plan order, the client first."""
        order = {name: k for k, name in enumerate(self._partitions)}
        return [
            {"partition": m.node, "host": m.host, "pid": m.pid, "endpoint": m.endpoint}
            for m in sorted(self, key=lambda m: order.get(m.node, -1))
        ]
