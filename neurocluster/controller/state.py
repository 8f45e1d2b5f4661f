"""Decide for the controller: meet the nodes, wire them, watch them, end.

Events go in, actions come out; there is no clock, no socket and no randomness here.
The states and what each message does in them are the tables at the end of
`Controller`. A node that is lost ends the run (recovery comes later; it will be the
same bring-up run again with the next epoch).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Protocol

from neurocluster.wire.control import Control, Kind

SILENCE_NS: Final = 1_000_000_000
"""A node without a BEAT for this long (or 45 ms a worker and core) is lost."""
SILENCE_PER_WORKER_NS: Final = 45_000_000
STALL_NS: Final = 2_000_000_000
"""A link on which sent exceeds received, unchanged for this long, is stalled."""
REPORT_NS: Final = 500_000_000
"""How long to wait for the reports of the others once a run failed."""
DRAIN_NS: Final = 5_000_000_000
STOP_NS: Final = 2_000_000_000
LEASE_MS: Final = 800
CLIENT: Final = "client"
EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED = 0, 1, 130


class Phase(Enum):
    """Where the controller stands."""

    GATHER = "gather"
    WIRE = "wire"
    RUN = "run"
    STOPPING = "stopping"
    FAILED = "failed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Received:
    """A message of a peer arrived."""

    peer: bytes
    message: Control


@dataclass(frozen=True, slots=True)
class Exited:
    """The launcher saw a process end; ``clean`` is exit status 0."""

    pid: int
    cause: str
    clean: bool = False


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed."""


@dataclass(frozen=True, slots=True)
class StopAsked:
    """Somebody asked this controller to end."""


Event = Received | Exited | Tick | StopAsked


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message to a peer."""

    peer: bytes
    message: Control


@dataclass(frozen=True, slots=True)
class Log:
    """Write a line of the log."""

    text: str


@dataclass(frozen=True, slots=True)
class Finish:
    """End the process."""

    code: int
    text: str


Action = Send | Log | Finish


class Preparer(Protocol):
    """Give what depends on the plan."""

    @property
    def partitions(self) -> tuple[str, ...]:
        """Return the names of all partitions."""

    @property
    def links(self) -> Mapping[int, tuple[str, str]]:
        """Return source and destination of each link."""

    def prepare(self, node: str) -> dict[str, Any]:
        """Return the body of PREPARE for a node."""


@dataclass(slots=True)
class Member:
    """A registered worker or the client."""

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
    blocked: bool = False
    sent: dict[int, int] = field(default_factory=dict)
    received: dict[int, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Return the words that errors use."""
        if self.role == CLIENT:
            return f"client (pid {self.pid} on {self.host})"
        what = f"partition {self.node}" if self.node else "a worker"
        return f"{what} (worker pid {self.pid} on {self.host})"

    @property
    def building(self) -> bool:
        """Tell whether it is between PREPARE and BOUND: it may compile, not beat."""
        return bool(self.node) and not self.endpoint


class Controller:
    """Decide what the controller of one cluster does."""

    def __init__(
        self,
        plan: Preparer,
        *,
        generation: int,
        cluster: str,
        version: str,
        cores: int,
        deadline_ns: int,
    ) -> None:
        """Start in GATHER.

        Args:
            plan: What runs where.
            generation: 64 random bits.
            cluster: Random name, checked by every HELLO.
            version: Of this package; others are refused.
            cores: Of this machine.
            deadline_ns: For the whole bring-up, from the client's REGISTER.
        """
        self.phase = Phase.GATHER
        self.epoch = 0
        self.finished = -1
        self._plan, self._generation, self._cluster = plan, generation, cluster
        self._version, self._deadline_ns = version, deadline_ns
        share = len(plan.partitions) / max(cores, 1)
        self._silence_ns = max(SILENCE_NS, int(SILENCE_PER_WORKER_NS * share))
        self._members: dict[bytes, Member] = {}
        self._limit_ns: int | None = None
        self._stalled: dict[int, tuple[int, int, int]] = {}
        self._failure = ""
        self._interrupted = False
        self._last_ns: int | None = None
        self._out: list[Action] = []

    def __repr__(self) -> str:
        """Show phase, epoch and members."""
        names = [member.name for member in self._members.values()]
        return f"<Controller {self.phase.value} epoch={self.epoch} {names}>"

    def handle(self, event: Event, now_ns: int) -> list[Action]:
        """Take one event; return what to do."""
        self._out = []
        if self._last_ns is not None and now_ns - self._last_ns > SILENCE_NS // 2:
            # This process did not run for a while: nobody else's silence counts.
            for member in self._members.values():
                member.heard_ns += now_ns - self._last_ns
        self._last_ns = now_ns
        if self.phase is Phase.ENDED:
            return []
        if isinstance(event, Received):
            self._received(event, now_ns)
        elif isinstance(event, Exited):
            self._exited(event, now_ns)
        elif isinstance(event, StopAsked):
            self._stop_asked(now_ns)
        else:
            self._tick(now_ns)
        return self._out

    def _send(self, member: Member, kind: Kind, **body: Any) -> None:
        message = Control(kind, body, self._generation, self.epoch)
        self._out.append(Send(member.peer, message))

    @property
    def _client(self) -> Member | None:
        clients = [m for m in self._members.values() if m.role == CLIENT]
        return clients[0] if clients else None

    def _received(self, event: Received, now_ns: int) -> None:
        message = event.message
        if message.kind is Kind.REGISTER:
            self._register(event.peer, message, now_ns)
            return
        member = self._members.get(event.peer)
        if member is None or message.generation != self._generation:
            return  # a stranger, or one of another life
        member.heard_ns = now_ns
        if message.kind in (Kind.READY, Kind.BEAT, Kind.BYE):
            handler: Callable[..., None] | None = self._always[message.kind]
        elif message.epoch != self.epoch:
            return
        else:
            handler = self._table.get((self.phase, message.kind))
        if handler is not None:
            handler(self, member, message, now_ns)

    def _register(self, peer: bytes, message: Control, now_ns: int) -> None:
        body, client = message.body, self._client
        refusal = ""
        if body["version"] != self._version:
            refusal = (
                f"version {body['version']} does not fit the controller's "
                f"{self._version}; install the same version everywhere"
            )
        elif self._failure:
            refusal = self._failure
        elif self.phase is not Phase.GATHER:
            refusal = "this cluster is complete and running"
            if client is not None and body["role"] == CLIENT:
                refusal = f"cluster busy: held by {client.name}"
        elif body["role"] == CLIENT and client is not None:
            refusal = f"cluster busy: held by {client.name}"
        elif self._spare_worker(body["role"]):
            refusal = f"all {len(self._plan.partitions)} partitions have a worker"
        if refusal:
            refused = Control(
                Kind.REFUSE, {"reason": refusal, "fatal": True}, self._generation, 0
            )
            self._out.append(Send(peer, refused))
            return
        member = Member(
            peer, body["role"], body["pid"], body["host"], body["slot"], now_ns
        )
        self._members[peer] = member
        self._send(member, Kind.WELCOME, lease_ms=LEASE_MS, cluster=self._cluster)
        if member.role == CLIENT:
            self._limit_ns = now_ns + self._deadline_ns
            self._out.append(Log(f"registered {member.name}"))

    def _spare_worker(self, role: str) -> bool:
        workers = sum(m.role != CLIENT for m in self._members.values())
        return role != CLIENT and workers >= len(self._plan.partitions)

    def _ready(self, member: Member, _message: Control, now_ns: int) -> None:
        member.ready = True
        ready = [m for m in self._members.values() if m.ready]
        if self.phase is Phase.GATHER and len(ready) == len(self._plan.partitions) + 1:
            self._prepare(ready, now_ns)

    def _prepare(self, ready: list[Member], _now_ns: int) -> None:
        self.epoch += 1
        self.phase = Phase.WIRE
        workers = [m for m in ready if m.role != CLIENT]
        free = list(self._plan.partitions)
        wishes = {m.slot: m for m in reversed(workers) if m.slot is not None}
        for slot, member in wishes.items():
            if slot is not None and 0 <= slot < len(self._plan.partitions):
                member.node = self._plan.partitions[slot]
                free.remove(member.node)
        for member in workers:
            if not member.node:
                member.node = free.pop(0)
        for member in ready:
            member.node = member.node or CLIENT
            self._send(member, Kind.PREPARE, **self._plan.prepare(member.node))

    def _bound(self, member: Member, message: Control, _now_ns: int) -> None:
        member.endpoint = message.body["endpoint"]
        endpoints = {m.node: m.endpoint for m in self._members.values()}
        if not all(endpoints.values()):
            return
        for other in self._members.values():
            pairs = [
                [link, endpoints[to]]
                for link, (source, to) in self._plan.links.items()
                if source == other.node
            ]
            self._send(other, Kind.CONNECT, endpoints=pairs)

    def _linked(self, member: Member, _message: Control, now_ns: int) -> None:
        member.linked = True
        if not all(m.linked for m in self._members.values()):
            return
        self.phase, self._limit_ns = Phase.RUN, None
        order = {name: k for k, name in enumerate(self._plan.partitions)}
        nodes = sorted(self._members.values(), key=lambda m: order.get(m.node, -1))
        roster = [
            {"partition": m.node, "host": m.host, "pid": m.pid, "endpoint": m.endpoint}
            for m in nodes
        ]
        for other in self._members.values():
            other.heard_ns = now_ns
            self._send(other, Kind.GO, roster=roster)
        self._out.append(Log(f"running with {len(nodes) - 1} workers"))

    def _beat(self, member: Member, message: Control, now_ns: int) -> None:
        self._send(member, Kind.ACK)
        body = message.body
        if self.phase is not Phase.RUN or message.epoch != self.epoch:
            return
        member.blocked = body["blocked"]
        member.sent, member.received = _pairs(body["sent"]), _pairs(body["received"])
        if member.role == CLIENT:
            self.finished = body["finished"]
        self._watch_links(now_ns)

    def _watch_links(self, now_ns: int) -> None:
        by_node = {m.node: m for m in self._members.values()}
        for link, (source, to) in self._plan.links.items():
            sent = by_node[source].sent.get(link, 0)
            got = by_node[to].received.get(link, 0)
            old = self._stalled.get(link)
            if sent <= got or by_node[to].blocked:
                self._stalled.pop(link, None)
            elif old is None or old[:2] != (sent, got):
                self._stalled[link] = (sent, got, now_ns)
            elif now_ns - old[2] > STALL_NS:
                self._fail(
                    f"link {source}->{to} is stalled: {got} of {sent} spikes arrived "
                    f"and none for {STALL_NS / 1e9:.0f} s",
                    to,
                    now_ns,
                )
                return

    def _frames(self, _member: Member, message: Control, _now_ns: int) -> None:
        if (client := self._client) is not None:
            self._send(client, Kind.FRAMES, **message.body)

    def _fault(self, member: Member, message: Control, now_ns: int) -> None:
        body = message.body
        frame = "" if body["frame"] is None else f", frame {body['frame']}"
        self._fail(
            f"{member.name} found a fault on link {body['link']}{frame}: "
            f"{body['reason']} (expected {body['expected']}, got {body['got']})",
            member.node,
            now_ns,
        )

    def _bye(self, member: Member, message: Control, now_ns: int) -> None:
        del self._members[member.peer]
        if self.phase in (Phase.WIRE, Phase.RUN) or member.role == CLIENT:
            self._lost(member, f"left: {message.body['reason']}", now_ns)

    def _idle(self, member: Member, message: Control, now_ns: int) -> None:
        member.report = message.body["report"]
        self._stop_workers(now_ns)

    def _stop_workers(self, now_ns: int) -> None:
        if self.phase is not Phase.FAILED:
            self.phase = Phase.STOPPING
            self._limit_ns = now_ns + STOP_NS
        for member in self._members.values():
            if member.role != CLIENT:
                self._send(member, Kind.STOP)

    def _stopped(self, member: Member, message: Control, _now_ns: int) -> None:
        member.report = message.body["report"]
        self._end_when_reported()

    def _end_when_reported(self) -> None:
        if all(m.report is not None for m in self._members.values()):
            self._end()

    def _end(self) -> None:
        """Compare both ends of every link, hand out the tables, finish."""
        reports = [m.report for m in self._members.values() if m.report is not None]
        sent = {row[0]: row[1] for r in reports for row in r["outbound"]}
        got = {row[0]: row[1] for r in reports for row in r["inbound"]}
        client = self._client
        if not self._failure:
            for link, (source, to) in self._plan.links.items():
                if sent.get(link) != got.get(link):
                    self._failure = (
                        f"link {source}->{to} carried {sent.get(link)} spikes at its "
                        f"source and {got.get(link)} at its destination"
                    )
                    break
        if client is not None:
            self._send(client, Kind.TABLES, reports=reports)
            if self._failure:
                self._send(client, Kind.FAILED, reason=self._failure, partition=None)
        self.phase = Phase.ENDED
        if self._failure:
            self._out.append(Finish(EXIT_FAILED, self._failure))
        elif self._interrupted:
            self._out.append(Finish(EXIT_INTERRUPTED, "stopped on request"))
        else:
            self._out.append(Finish(EXIT_DONE, "done"))

    def _exited(self, event: Exited, now_ns: int) -> None:
        for member in list(self._members.values()):
            if member.pid != event.pid or member.report is not None:
                continue
            if self.phase is Phase.STOPPING and event.clean:
                return  # its last message may still be on its way
            del self._members[member.peer]
            self._lost(member, event.cause, now_ns)
            if self.phase is Phase.FAILED:
                self._end_when_reported()
            return
        if self.phase is Phase.GATHER and not event.clean:
            self._fail(f"a worker (pid {event.pid}) {event.cause}", None, now_ns)

    def _lost(self, member: Member, how: str, now_ns: int) -> None:
        last = "no frame was finished"
        if self.finished >= 0:
            last = f"last finished frame: {self.finished}"
        self._fail(f"{member.name} {how}; {last}", member.node or None, now_ns)

    def _fail(self, reason: str, partition: str | None, now_ns: int) -> None:
        if self.phase in (Phase.FAILED, Phase.ENDED):
            return
        self._failure = reason
        self._out.append(Log(f"failed: {reason}"))
        self.phase = Phase.FAILED
        self._limit_ns = now_ns + REPORT_NS
        if (client := self._client) is not None:
            self._send(client, Kind.FAILED, reason=reason, partition=partition)
        self._stop_workers(now_ns)

    def _stop_asked(self, now_ns: int) -> None:
        self._interrupted = True
        if self.phase is Phase.RUN and (client := self._client) is not None:
            self._send(client, Kind.DRAIN)
            self._limit_ns = now_ns + DRAIN_NS
            return
        if self.phase in (Phase.GATHER, Phase.WIRE):
            for member in self._members.values():
                self._send(member, Kind.STOP)
            self.phase = Phase.ENDED
            self._out.append(Finish(EXIT_INTERRUPTED, "stopped on request"))

    def _tick(self, now_ns: int) -> None:
        if self.phase is not Phase.ENDED and self.phase is not Phase.FAILED:
            for member in list(self._members.values()):
                silent = now_ns - member.heard_ns
                lost = silent > self._silence_ns and not member.building
                if lost and member.report is None:
                    del self._members[member.peer]
                    if self.phase is Phase.GATHER and member.role != CLIENT:
                        self._out.append(Log(f"{member.name} fell silent; dropped"))
                        continue
                    how = f"has been silent for {silent / 1e9:.1f} s"
                    self._lost(member, how, now_ns)
                    return
        if self._limit_ns is None or now_ns < self._limit_ns:
            return
        if self.phase in (Phase.GATHER, Phase.WIRE):
            self._fail(self._missing(), None, now_ns)
        elif self.phase is Phase.RUN:
            self._fail("the client did not finish its frames in time", None, now_ns)
        else:
            if not self._failure:
                late = [m.name for m in self._members.values() if m.report is None]
                self._failure = f"no report came from {', '.join(late)}"
            self._end()

    def _missing(self) -> str:
        limit = f"the cluster was not complete after {self._deadline_ns / 1e9:.0f} s"
        if self.phase is Phase.GATHER:
            workers = [m for m in self._members.values() if m.role != CLIENT]
            total = len(self._plan.partitions)
            names = ", ".join(self._plan.partitions[len(workers) :])
            return (
                f"{limit}: {len(workers)} of {total} workers came"
                + (f"; nobody runs {names}" if names else "; some are not ready")
                + "; start more with 'neurocluster worker --connect ...'"
            )
        late = [m.node for m in self._members.values() if not m.linked]
        links = [f"{s}->{t}" for s, t in self._plan.links.values() if t in late]
        return f"{limit}: links not made: {', '.join(links)}"

    _always: Final = {Kind.READY: _ready, Kind.BEAT: _beat, Kind.BYE: _bye}
    _table: Final = {
        (Phase.WIRE, Kind.BOUND): _bound,
        (Phase.WIRE, Kind.LINKED): _linked,
        (Phase.WIRE, Kind.FAULT): _fault,
        (Phase.RUN, Kind.FRAMES): _frames,
        (Phase.STOPPING, Kind.FRAMES): _frames,
        (Phase.RUN, Kind.FAULT): _fault,
        (Phase.RUN, Kind.IDLE): _idle,
        (Phase.STOPPING, Kind.STOPPED): _stopped,
        (Phase.FAILED, Kind.STOPPED): _stopped,
        (Phase.FAILED, Kind.IDLE): _stopped,
    }


def _pairs(data: bytes) -> dict[int, int]:
    """Read a ``bin`` of little-endian uint64 pairs: link, spikes."""
    count = len(data) // 16
    values = struct.unpack(f"<{2 * count}Q", data[: 16 * count])
    return dict(zip(values[::2], values[1::2], strict=True))
