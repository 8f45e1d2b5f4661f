"""Decide for the controller: meet the nodes, wire them, watch them, end.

Events go in, actions come out; there is no clock, no socket and no randomness here.
`TRANSITIONS` at the end says what each message does in which phase. A node that is
lost ends the run (recovery comes later; it will be the same bring-up run again with
the next epoch).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, Protocol, assert_never

from neurocluster.controller import reasons
from neurocluster.controller.events import (
    EXIT_DONE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    Action,
    Event,
    Exited,
    Finish,
    Log,
    Received,
    Send,
    StopAsked,
    Tick,
)
from neurocluster.controller.roster import Member, Roster
from neurocluster.controller.watch import LinkWatch, Silence, unequal
from neurocluster.dtypes import CLIENT
from neurocluster.wire.control import Control, Kind

REPORT_NS: Final = 500_000_000
"""How long to wait for the reports of the others once a run failed."""
DRAIN_NS: Final = 5_000_000_000
STOP_NS: Final = 2_000_000_000
LEASE_MS: Final = 800


class Phase(Enum):
    """Where the controller stands."""

    GATHER = "gather"
    WIRE = "wire"
    RUN = "run"
    STOPPING = "stopping"
    FAILED = "failed"
    ENDED = "ended"


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
        self._roster = Roster(plan.partitions)
        self._silence = Silence(len(plan.partitions), cores)
        self._watch = LinkWatch(plan.links)
        self._limit_ns: int | None = None
        self._failure = ""
        self._interrupted = False
        self._out: list[Action] = []

    def __repr__(self) -> str:
        """Show phase, epoch and members."""
        names = [member.name for member in self._roster]
        return f"<Controller {self.phase.value} epoch={self.epoch} {names}>"

    def handle(self, event: Event, now_ns: int) -> list[Action]:
        """Take one event; return what to do."""
        self._out = []
        self._silence.listen(self._roster, now_ns)
        if self.phase is Phase.ENDED:
            return []
        match event:
            case Received():
                self._received(event, now_ns)
            case Exited():
                self._exited(event, now_ns)
            case StopAsked():
                self._stop_asked(now_ns)
            case Tick():
                self._tick(now_ns)
            case _:
                assert_never(event)
        return self._out

    def _send(self, member: Member, kind: Kind, **body: Any) -> None:
        message = Control(kind, body, self._generation, self.epoch)
        self._out.append(Send(member.peer, message))

    def _tell_client(self, kind: Kind, **body: Any) -> None:
        if (client := self._roster.client) is not None:
            self._send(client, kind, **body)

    # -- messages --------------------------------------------------------------

    def _received(self, event: Received, now_ns: int) -> None:
        message = event.message
        if message.kind is Kind.REGISTER:
            self._register(event.peer, message, now_ns)
            return
        member = self._roster.get(event.peer)
        if member is None or message.generation != self._generation:
            return  # a stranger, or one of another life
        member.heard_ns = now_ns
        handler = IN_ANY_PHASE.get(message.kind)
        if handler is None and message.epoch == self.epoch:
            handler = TRANSITIONS.get((self.phase, message.kind))
        if handler is not None:
            handler(self, member, message, now_ns)

    def _register(self, peer: bytes, message: Control, now_ns: int) -> None:
        body = message.body
        if reason := self._refusal(body["role"], body["version"]):
            refused = {"reason": reason, "fatal": True}
            self._out.append(
                Send(peer, Control(Kind.REFUSE, refused, self._generation, 0))
            )
            return
        member = Member(
            peer, body["role"], body["pid"], body["host"], body["slot"], now_ns
        )
        self._roster.add(member)
        self._send(member, Kind.WELCOME, lease_ms=LEASE_MS, cluster=self._cluster)
        if member.role == CLIENT:
            self._limit_ns = now_ns + self._deadline_ns
            self._out.append(Log(f"registered {member.name}"))

    def _refusal(self, role: str, version: str) -> str:
        """Return why somebody cannot join; empty if it can."""
        client = self._roster.client
        if version != self._version:
            return reasons.wrong_version(version, self._version)
        if self._failure:
            return self._failure
        if role == CLIENT and client is not None:
            return f"cluster busy: held by {client.name}"
        if self.phase is not Phase.GATHER:
            return "this cluster is complete and running"
        if role != CLIENT and self._roster.full:
            return f"all {len(self._plan.partitions)} partitions have a worker"
        return ""

    def _ready(self, member: Member, _message: Control, _now_ns: int) -> None:
        member.ready = True
        if self.phase is not Phase.GATHER or not self._roster.ready:
            return
        self.epoch += 1
        self.phase = Phase.WIRE
        self._roster.assign()
        for other in self._roster:
            self._send(other, Kind.PREPARE, **self._plan.prepare(other.node))

    def _bound(self, member: Member, message: Control, _now_ns: int) -> None:
        member.endpoint = message.body["endpoint"]
        endpoints = self._roster.endpoints()
        if endpoints is None:
            return
        for other in self._roster:
            pairs = [
                [link, endpoints[to]]
                for link, (source, to) in self._plan.links.items()
                if source == other.node
            ]
            self._send(other, Kind.CONNECT, endpoints=pairs)

    def _linked(self, member: Member, _message: Control, now_ns: int) -> None:
        member.linked = True
        if not self._roster.linked:
            return
        self.phase, self._limit_ns = Phase.RUN, None
        lines = self._roster.lines()
        for other in self._roster:
            other.heard_ns = now_ns
            self._send(other, Kind.GO, roster=lines)
        self._out.append(Log(f"running with {len(lines) - 1} workers"))

    def _beat(self, member: Member, message: Control, now_ns: int) -> None:
        self._send(member, Kind.ACK)
        if self.phase is not Phase.RUN or message.epoch != self.epoch:
            return
        if member.role == CLIENT:
            self.finished = message.body["finished"]
        self._watch.beat(member.node, message.body)
        if (found := self._watch.stalled(now_ns)) is not None:
            ends = self._plan.links[found.link]
            self._fail(reasons.stalled(found, ends), ends[1], now_ns)

    def _frames(self, _member: Member, message: Control, _now_ns: int) -> None:
        self._tell_client(Kind.FRAMES, **message.body)

    def _fault(self, member: Member, message: Control, now_ns: int) -> None:
        self._fail(reasons.fault(member.name, message.body), member.node, now_ns)

    def _bye(self, member: Member, message: Control, now_ns: int) -> None:
        self._roster.remove(member)
        if self.phase in (Phase.WIRE, Phase.RUN) or member.role == CLIENT:
            self._lost(member, f"left: {message.body['reason']}", now_ns)

    def _idle(self, member: Member, message: Control, now_ns: int) -> None:
        if member.role != CLIENT:
            return  # only the client knows when a session ends
        member.report = message.body["report"]
        self.phase, self._limit_ns = Phase.STOPPING, now_ns + STOP_NS
        self._stop_workers()

    def _stopped(self, member: Member, message: Control, _now_ns: int) -> None:
        member.report = message.body["report"]
        self._end_when_reported()

    # -- other events ----------------------------------------------------------

    def _exited(self, event: Exited, now_ns: int) -> None:
        for member in self._roster.unreported:
            if member.pid != event.pid:
                continue
            if self.phase is Phase.STOPPING and event.clean:
                return  # its last message may still be on its way
            self._roster.remove(member)
            self._lost(member, event.cause, now_ns)
            if self.phase is Phase.FAILED:
                self._end_when_reported()
            return
        if self.phase is Phase.GATHER and not event.clean:
            self._fail(f"a worker (pid {event.pid}) {event.cause}", None, now_ns)

    def _stop_asked(self, now_ns: int) -> None:
        self._interrupted = True
        if self.phase is Phase.RUN and self._roster.client is not None:
            self._tell_client(Kind.DRAIN)
            self._limit_ns = now_ns + DRAIN_NS
        elif self.phase in (Phase.GATHER, Phase.WIRE):
            for member in self._roster:
                self._send(member, Kind.STOP)
            self._finish()

    def _tick(self, now_ns: int) -> None:
        if self.phase is not Phase.FAILED and self._drop_silent(now_ns):
            return
        if self._limit_ns is not None and now_ns >= self._limit_ns:
            self._too_late(now_ns)

    def _drop_silent(self, now_ns: int) -> bool:
        """Drop who fell silent; return True if the run failed by it."""
        for member, silent_ns in self._silence.find(self._roster, now_ns):
            self._roster.remove(member)
            if self.phase is Phase.GATHER and member.role != CLIENT:
                self._out.append(Log(f"{member.name} fell silent; dropped"))
                continue
            how = f"has been silent for {silent_ns / 1e9:.1f} s"
            self._lost(member, how, now_ns)
            return True
        return False

    def _too_late(self, now_ns: int) -> None:
        if self.phase in (Phase.GATHER, Phase.WIRE):
            self._fail(self._missing(), None, now_ns)
        elif self.phase is Phase.RUN:
            self._fail("the client did not finish its frames in time", None, now_ns)
        else:
            if not self._failure:
                late = ", ".join(m.name for m in self._roster.unreported)
                self._failure = f"no report came from {late}"
            self._end()

    def _missing(self) -> str:
        if self.phase is Phase.GATHER:
            came = len(self._roster.workers)
            return reasons.too_few_workers(
                self._deadline_ns, came, self._plan.partitions
            )
        late = [m.node for m in self._roster if not m.linked]
        links = [ends for ends in self._plan.links.values() if ends[1] in late]
        return reasons.links_not_made(self._deadline_ns, links)

    # -- failing and ending ----------------------------------------------------

    def _lost(self, member: Member, how: str, now_ns: int) -> None:
        reason = reasons.lost(member.name, how, self.finished)
        self._fail(reason, member.node or None, now_ns)

    def _fail(self, reason: str, partition: str | None, now_ns: int) -> None:
        if self.phase in (Phase.FAILED, Phase.ENDED):
            return
        self._failure = reason
        self._out.append(Log(f"failed: {reason}"))
        self.phase, self._limit_ns = Phase.FAILED, now_ns + REPORT_NS
        self._tell_client(Kind.FAILED, reason=reason, partition=partition)
        self._stop_workers()

    def _stop_workers(self) -> None:
        for member in self._roster.workers:
            self._send(member, Kind.STOP)

    def _end_when_reported(self) -> None:
        if not self._roster.unreported:
            self._end()

    def _end(self) -> None:
        """Compare both ends of every link, hand out the tables, finish."""
        reports = self._roster.reports
        found = unequal(self._plan.links, reports)
        if not self._failure and found is not None:
            self._failure = reasons.unequal(found, self._plan.links[found.link])
        if self._failure:  # first: a client may leave as soon as it has the tables
            self._tell_client(Kind.FAILED, reason=self._failure, partition=None)
        self._tell_client(Kind.TABLES, reports=reports)
        self._finish()

    def _finish(self) -> None:
        self.phase = Phase.ENDED
        if self._failure:
            self._out.append(Finish(EXIT_FAILED, self._failure))
        elif self._interrupted:
            self._out.append(Finish(EXIT_INTERRUPTED, "stopped on request"))
        else:
            self._out.append(Finish(EXIT_DONE, "done"))


Handler = Callable[[Controller, Member, Control, int], None]
# What a message does; one without an entry is ignored. Those of the second table
# count in their own epoch only.
IN_ANY_PHASE: Final[Mapping[Kind, Handler]] = {
    Kind.READY: Controller._ready,
    Kind.BEAT: Controller._beat,
    Kind.BYE: Controller._bye,
}
TRANSITIONS: Final[Mapping[tuple[Phase, Kind], Handler]] = {
    (Phase.WIRE, Kind.BOUND): Controller._bound,
    (Phase.WIRE, Kind.LINKED): Controller._linked,
    (Phase.WIRE, Kind.FAULT): Controller._fault,
    (Phase.RUN, Kind.FRAMES): Controller._frames,
    (Phase.STOPPING, Kind.FRAMES): Controller._frames,
    (Phase.RUN, Kind.FAULT): Controller._fault,
    (Phase.RUN, Kind.IDLE): Controller._idle,
    (Phase.STOPPING, Kind.STOPPED): Controller._stopped,
    (Phase.FAILED, Kind.STOPPED): Controller._stopped,
    (Phase.FAILED, Kind.IDLE): Controller._stopped,
}
