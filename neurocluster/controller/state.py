"""Decide for the controller: meet members, wire epochs, watch, recover, end sessions.

Events go in, actions come out; there is no clock, no socket and no randomness here.
`TRANSITIONS` at the end says what each message does in which phase.

An epoch is a fresh set of data sockets. Whatever goes wrong in one, a lost member, a
fault on a link, a link that stands still, ends it; the next one is the same bring-up
run again with who is there. Only three epochs in a row without a finished frame, or
nobody to take a partition for `recovery_ns`, fail the client's session. A session that
ended, well or not, leaves the workers standing by for the next client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, Protocol, assert_never

from neurocluster.controller import reasons
from neurocluster.controller.epochs import MOST_BARREN, Epochs
from neurocluster.controller.events import (
    EXIT_DONE,
    EXIT_FAILED,
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
from neurocluster.controller.roster import FAULTY, LINKED, Member, Roster
from neurocluster.controller.watch import LinkWatch, Silence, unequal
from neurocluster.dtypes import CLIENT
from neurocluster.wire.control import Control, Kind

REPORT_NS: Final = 500_000_000
"""How long to wait for the reports of the others once a session failed."""
WIRE_NS: Final = 2_000_000_000
"""How long wiring may take once nobody builds its part any more."""
DRAIN_NS: Final = 5_000_000_000
STOP_NS: Final = 2_000_000_000
LEASE_MS: Final = 800


class Phase(Enum):
    """Where the controller stands."""

    GATHER = "gather"
    WIRE = "wire"
    RUN = "run"
    CLOSING = "closing"
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
        self, plan: Preparer, *, generation: int, cluster: str, version: str,
        cores: int, deadline_ns: int, recovery_ns: int, once: bool,
    ) -> None:  # fmt: skip
        """Start in GATHER.

        Args:
            plan: What runs where.
            generation: 64 random bits.
            cluster: Random name, checked by every HELLO.
            version: Of this package; others are refused.
            cores: Of this machine.
            deadline_ns: For the whole bring-up, from the client's REGISTER.
            recovery_ns: How long a session waits for somebody to take the place of
                a lost member.
            once: End with the first client's session.
        """
        self.phase = Phase.GATHER
        self.finished = -1
        self._plan, self._generation, self._cluster = plan, generation, cluster
        self._version, self._deadline_ns = version, deadline_ns
        self._recovery_ns, self._once = recovery_ns, once
        self._roster = Roster(plan.partitions)
        self._silence = Silence(len(plan.partitions), cores)
        self._watch = LinkWatch(plan.links)
        self._epochs = Epochs()
        self._limit_ns: int | None = None
        self._drain_ns: int | None = None
        self._wire_ns = 0
        self._comparable = False
        self._failure = ""
        self._stop: StopAsked | None = None
        self._out: list[Action] = []

    def __repr__(self) -> str:
        """Show phase, epoch and members."""
        names = [member.name for member in self._roster]
        return f"<Controller {self.phase.value} epoch={self.epoch} {names}>"

    @property
    def epoch(self) -> int:
        """Return the number of the present epoch; 0 before the first."""
        return self._epochs.number

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
                self._stop_asked(event, now_ns)
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

    def _log(self, text: str) -> None:
        self._out.append(Log(text))

    # -- joining ---------------------------------------------------------------

    def _received(self, event: Received, now_ns: int) -> None:
        message = event.message
        if message.kind is Kind.REGISTER:
            self._register(event.peer, message, now_ns)
            return
        member = self._roster.get(event.peer)
        if member is None or message.generation != self._generation:
            self._turn_away(event.peer, message)
            return
        member.heard_ns = now_ns
        handler = IN_ANY_PHASE.get(message.kind)
        if handler is None and message.epoch == self.epoch:
            handler = TRANSITIONS.get((self.phase, message.kind))
        if handler is not None:
            handler(self, member, message, now_ns)

    def _turn_away(self, peer: bytes, message: Control) -> None:
        """Tell a member that was given up, or of another life, to register again."""
        if message.kind is Kind.BEAT:
            body = {"reason": "you are not a member any more", "fatal": False}
            refused = Control(Kind.REFUSE, body, message.generation, message.epoch)
            self._out.append(Send(peer, refused))

    def _register(self, peer: bytes, message: Control, now_ns: int) -> None:
        body = message.body
        self._forget_former(peer, body, now_ns)
        known = self._roster.get(peer)
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
        if known is None:
            self._log(f"registered {member.name}")
        if member.role == CLIENT:
            self._begin_session(now_ns)

    def _forget_former(self, peer: bytes, body: Mapping[str, Any], now_ns: int) -> None:
        """Drop the life that a newcomer had before, or the process it stands for."""
        known = self._roster.get(peer)
        if known is not None and known.ready:
            self._lost(known, "lost touch and came back", now_ns, returns=True)
        if (pid := body["replaces"]) is not None:
            former = self._roster.process(pid, body["host"])
            if former is not None:
                self._lost(former, body["cause"], now_ns)

    def _begin_session(self, now_ns: int) -> None:
        self._failure, self._drain_ns, self._comparable = "", None, False
        self._limit_ns = now_ns + self._deadline_ns
        self._epochs.begin_session()
        self.finished = -1
        for member in self._roster:
            member.report = None

    def _refusal(self, role: str, version: str) -> str:
        """Return why somebody cannot join; empty if it can."""
        client = self._roster.client
        if version != self._version:
            return reasons.wrong_version(version, self._version)
        if self.phase is Phase.ENDED or self._stop is not None:
            return self._failure or "the cluster is ending"
        if role == CLIENT and client is not None:
            return f"cluster busy: held by {client.name}"
        if role != CLIENT and len(self._roster.workers) >= self._most_workers:
            return f"{self._most_workers} workers are enough for this plan"
        return ""

    @property
    def _most_workers(self) -> int:
        return 4 * len(self._plan.partitions) + 64

    def _ready(self, member: Member, _message: Control, now_ns: int) -> None:
        member.ready = True
        if self.phase is Phase.GATHER:
            self._begin_epoch(now_ns)

    # -- epochs ----------------------------------------------------------------

    def _begin_epoch(self, now_ns: int) -> None:
        """Prepare everybody for the next epoch, if there is a worker a partition."""
        if not self._roster.complete:
            return
        if self._epochs.begin():
            self._limit_ns = now_ns + self._recovery_ns
        self.phase, self._wire_ns = Phase.WIRE, now_ns
        self._watch = LinkWatch(self._plan.links)
        self._roster.assign()
        for member in self._roster.nodes:
            self._send(member, Kind.PREPARE, **self._plan.prepare(member.node))

    def _bound(self, member: Member, message: Control, _now_ns: int) -> None:
        member.endpoint = message.body["endpoint"]
        endpoints = self._roster.endpoints()
        if endpoints is None:
            return
        for other in self._roster.nodes:
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
        for other in self._roster.nodes:
            other.heard_ns = now_ns
            self._send(other, Kind.GO, roster=lines)
        self._log(f"epoch {self.epoch} runs with {len(lines) - 1} workers")

    def _wiring(self, now_ns: int) -> None:
        """Try again where links are not made, though nobody builds any more."""
        if self._roster.building:
            self._wire_ns = now_ns
        elif now_ns - self._wire_ns > WIRE_NS:
            self._recover(self._unlinked(WIRE_NS), None, now_ns)

    def _unlinked(self, limit_ns: int) -> str:
        late = [m.node for m in self._roster.nodes if not m.linked]
        links = [ends for ends in self._plan.links.values() if ends[1] in late]
        return reasons.links_not_made(limit_ns, links)

    def _beat(self, member: Member, message: Control, now_ns: int) -> None:
        self._send(member, Kind.ACK)
        body = message.body
        if message.epoch == self.epoch:
            member.phase = body["phase"]
        if not member.ready:  # its READY was lost
            self._ready(member, message, now_ns)
        if member.role == CLIENT and body["finished"] != self.finished:
            self.finished = body["finished"]
            self._epochs.progress()
        if member.role == CLIENT:
            self._epochs.busy = body["open_frames"] > 0
        if self.phase is not Phase.RUN or message.epoch != self.epoch:
            return
        if member.phase == LINKED:  # its GO was lost
            self._send(member, Kind.GO, roster=self._roster.lines())
        elif member.phase == FAULTY:  # its FAULT was lost
            reason = f"{member.name} found a fault"
            self._recover(reason, member.node, now_ns)
            return
        self._watch.beat(member.node, body)
        if (found := self._watch.stalled(now_ns)) is not None:
            ends = self._plan.links[found.link]
            self._recover(reasons.stalled(found, ends), ends[1], now_ns)

    def _frames(self, _member: Member, message: Control, _now_ns: int) -> None:
        """Hand reports on with the epoch that they are of, even if that is over."""
        if (client := self._roster.client) is not None:
            handed = Control(
                message.kind, message.body, self._generation, message.epoch
            )
            self._out.append(Send(client.peer, handed))

    def _fault(self, member: Member, message: Control, now_ns: int) -> None:
        reason = reasons.fault(member.name, message.body)
        self._recover(reason, member.node, now_ns)

    def _recover(self, reason: str, partition: str | None, now_ns: int) -> None:
        """End this epoch; begin the next one with who is there, or wait for more."""
        if self.phase not in (Phase.WIRE, Phase.RUN):
            return
        barren = self._epochs.fail(reason, running=self.phase is Phase.RUN)
        self._log(f"epoch {self.epoch} failed: {reason}")
        if barren >= MOST_BARREN:
            self._fail(reasons.barren(reason, barren), partition, now_ns)
            return
        self.phase, self._limit_ns = Phase.GATHER, now_ns + self._recovery_ns
        self._tell_client(Kind.LOST, reason=reason, partition=partition)
        self._begin_epoch(now_ns)

    # -- members that go -------------------------------------------------------

    def _bye(self, member: Member, message: Control, now_ns: int) -> None:
        self._lost(member, f"left: {message.body['reason']}", now_ns)

    def _exited(self, event: Exited, now_ns: int) -> None:
        member = self._roster.process(event.pid)
        if member is not None:
            self._lost(member, event.cause, now_ns)
        gathering = self.phase is Phase.GATHER
        if gathering and event.left is not None:
            who = f"a worker (pid {event.pid}) {event.cause}"
            if event.left < len(self._plan.partitions):
                reason = self._epochs.reason or f"{who}; {reasons.last(self.finished)}"
                partition = member.node or None if member is not None else None
                self._fail(reasons.hopeless(reason), partition, now_ns)
            elif member is None:
                self._log(f"{who}; another is started")

    def _lost(
        self, member: Member, how: str, now_ns: int, *, returns: bool = False
    ) -> None:
        """Go on without a member; ``returns`` if it is known to be there again."""
        self._roster.remove(member)
        reason = reasons.lost(member.name, how, self.finished)
        if member.role == CLIENT:
            self._client_lost(reason, now_ns, returns=returns)
        elif self.phase is Phase.CLOSING:
            self._log(f"without tables of {member.name}: it {how}")
            self._end_when_reported()
        elif member.node and self.phase in (Phase.WIRE, Phase.RUN):
            self._recover(reason, member.node, now_ns)
        else:
            self._log(reason)

    def _client_lost(self, reason: str, now_ns: int, *, returns: bool) -> None:
        """Drop a client's frames; its workers stand by for it, or for the next."""
        self._log(f"session ends: {reason}")
        self._stand_by()
        self.phase, self._limit_ns, self._drain_ns = Phase.GATHER, None, None
        if returns:
            self._limit_ns = now_ns + self._recovery_ns if self._once else None
            self._failure = reason if self._once else ""
        elif self._once or self._stop is not None:
            self._failure = reason
            self._leave()

    def _stand_by(self) -> None:
        for member in self._roster.nodes:
            if member.role != CLIENT:
                self._send(member, Kind.END)

    # -- time ------------------------------------------------------------------

    def _tick(self, now_ns: int) -> None:
        for member, silent_ns in self._silence.find(self._roster, now_ns):
            how = f"has been silent for {silent_ns / 1e9:.1f} s"
            self._lost(member, how, now_ns, returns=member.role == CLIENT)
        if self.phase is Phase.WIRE:
            self._wiring(now_ns)
        if self._limit_ns is not None and now_ns >= self._limit_ns:
            self._too_late(now_ns)
        if self._drain_ns is not None and now_ns >= self._drain_ns:
            self._fail("the client did not finish its frames in time", None, now_ns)

    def _too_late(self, now_ns: int) -> None:
        if self.phase is Phase.CLOSING:
            late = ", ".join(m.name for m in self._roster.unreported)
            self._log(f"no tables came from {late}")
            self._end_session()
        elif self._roster.client is None:
            self._leave()
        else:
            self._fail(self._missing(), None, now_ns)

    def _missing(self) -> str:
        """Return words for who or what did not come before the deadline."""
        first = not self._epochs.reason
        limit_ns = self._deadline_ns if first else self._recovery_ns
        if self.phase is Phase.GATHER:
            came = sum(m.ready for m in self._roster.workers)
            text = reasons.too_few_workers(
                limit_ns, came, len(self._plan.partitions), self._roster.missing
            )
        else:
            text = self._unlinked(limit_ns)
        return text if first else f"{self._epochs.reason}; then {text}"

    # -- ends ------------------------------------------------------------------

    def _idle(self, member: Member, message: Control, now_ns: int) -> None:
        if member.role != CLIENT:
            return  # only the client knows when a session ends
        member.report = message.body["report"]
        if self.phase is Phase.CLOSING:
            self._end_when_reported()
        else:
            self._comparable = self.phase is Phase.RUN
            self._close(now_ns + STOP_NS)

    def _fail(self, reason: str, partition: str | None, now_ns: int) -> None:
        if self.phase in (Phase.CLOSING, Phase.ENDED):
            return
        self._failure = reason
        self._log(f"session failed: {reason}")
        if self._roster.client is None:
            self._leave_if_done()
            return
        self._tell_client(Kind.FAILED, reason=reason, partition=partition)
        self._close(now_ns + REPORT_NS)

    def _close(self, limit_ns: int) -> None:
        """Gather the tables; those of who left before are missing."""
        self.phase, self._limit_ns, self._drain_ns = Phase.CLOSING, limit_ns, None
        self._stand_by()
        self._end_when_reported()

    def _report(self, member: Member, message: Control, _now_ns: int) -> None:
        if self.phase is Phase.CLOSING:
            member.report = message.body["report"]
            self._end_when_reported()

    def _end_when_reported(self) -> None:
        if not self._roster.unreported:
            self._end_session()

    def _end_session(self) -> None:
        """Compare both ends of every link, hand out the tables, serve the next."""
        reports = self._roster.reports
        found = unequal(self._plan.links, reports) if self._comparable else None
        if not self._failure and found is not None:
            self._failure = reasons.unequal(found, self._plan.links[found.link])
            # First: a client may leave as soon as it has the tables.
            self._tell_client(Kind.FAILED, reason=self._failure, partition=None)
        self._tell_client(Kind.TABLES, reports=reports)
        if (client := self._roster.client) is not None:
            self._roster.remove(client)
        self.phase, self._limit_ns = Phase.GATHER, None
        self._log(f"session ended: {self._failure or 'done'}")
        self._leave_if_done()

    def _stop_asked(self, event: StopAsked, now_ns: int) -> None:
        again, self._stop = self._stop is not None, self._stop or event
        if again or self._roster.client is None:
            self._leave()
        elif self.phase is not Phase.CLOSING and self._drain_ns is None:
            self._tell_client(Kind.DRAIN)
            self._drain_ns = now_ns + DRAIN_NS

    def _leave_if_done(self) -> None:
        if self._once or self._stop is not None:
            self._leave()

    def _leave(self) -> None:
        """Send everybody home and finish."""
        for member in self._roster:
            self._send(member, Kind.STOP)
        self.phase = Phase.ENDED
        if self._failure:
            self._out.append(Finish(EXIT_FAILED, self._failure))
        elif self._stop is not None:
            self._out.append(Finish(self._stop.code, "stopped on request"))
        else:
            self._out.append(Finish(EXIT_DONE, "done"))


Handler = Callable[[Controller, Member, Control, int], None]
# What a message does; one without an entry is ignored. Those of the second table
# count in their own epoch only.
IN_ANY_PHASE: Final[Mapping[Kind, Handler]] = {
    Kind.READY: Controller._ready,
    Kind.BEAT: Controller._beat,
    Kind.BYE: Controller._bye,
    Kind.FRAMES: Controller._frames,
    Kind.IDLE: Controller._idle,
    Kind.REPORT: Controller._report,
}
TRANSITIONS: Final[Mapping[tuple[Phase, Kind], Handler]] = {
    (Phase.WIRE, Kind.BOUND): Controller._bound,
    (Phase.WIRE, Kind.LINKED): Controller._linked,
    (Phase.WIRE, Kind.FAULT): Controller._fault,
    (Phase.RUN, Kind.FAULT): Controller._fault,
}
