"""Bring epochs up, watch them, and end those in which something goes wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from neurocluster.controller import reasons
from neurocluster.controller.books import Phase
from neurocluster.controller.ends import Ends
from neurocluster.controller.neighbours import LocalBarrier
from neurocluster.controller.roster import FAULTY, LINKED, WITH_SOCKETS, Member
from neurocluster.controller.ticks import TickWatch
from neurocluster.controller.watch import LinkWatch
from neurocluster.dtypes import CLIENT
from neurocluster.wire.control import Control, Kind


class Recovery(Ends):
    """Run bring-up again and again: that is all there is to recovery."""

    def _begin_epoch(self, now_ns: int) -> None:
        """Prepare everybody for the next epoch, if there is a worker a partition."""
        if self.phase is not Phase.GATHER or not self._roster.complete:
            return
        if self._epochs.begin(now_ns):
            self._session.limit_ns = now_ns + self._recovery_ns
        self.phase, self._post.epoch = Phase.WIRE, self.epoch
        self._watch = LinkWatch(self._plan.links)
        order = (CLIENT, *self._plan.partitions) if self._plan.ticks else ()
        self._ticks = TickWatch(order)
        self._wiring.begin(now_ns)

    def _ready(self, member: Member, _message: Control, now_ns: int) -> None:
        member.ready = True
        self._begin_epoch(now_ns)

    def _bound(self, member: Member, message: Control, _now_ns: int) -> None:
        member.endpoint = message.body["endpoint"]
        member.echo, member.ticks = message.body["echo"], message.body["ticks"]
        self._wiring.connect()

    def _linked(self, member: Member, _message: Control, now_ns: int) -> None:
        member.linked = True
        if self._roster.linked:
            self.phase, self._session.limit_ns = Phase.RUN, None
            self._session.ran = True
            self._journal.runs(now_ns)
            self._barrier.begin(member.node for member in self._roster.nodes)
            self._wiring.go(now_ns)

    def _beat(self, member: Member, message: Control, now_ns: int) -> None:
        """Renew a lease; make good what may have been lost on the way before."""
        self._post.send(member, Kind.ACK)
        self._journal.beat(member, message, now_ns)
        phase, here = message.body["phase"], message.epoch == self.epoch
        if here:
            member.phase = phase
        if not member.ready:
            self._ready(member, message, now_ns)
        if member.role == CLIENT:
            self._client_beats(message, now_ns)
        elif phase in WITH_SOCKETS and (
            not member.node or (member.report is None and self._nobody_runs)
        ):  # a spare has its place, or all is over
            self._post.send(member, Kind.END)
        if here and self.phase is Phase.WIRE and phase == LINKED:
            self._linked(member, message, now_ns)
        elif here and self.phase is Phase.RUN:
            self._running_beat(member, message, now_ns)

    @property
    def _nobody_runs(self) -> bool:
        """Tell whether no member needs its data sockets any more."""
        idle = self.phase is Phase.GATHER and self._roster.client is None
        return idle or self.phase is Phase.CLOSING

    def _client_beats(self, message: Control, now_ns: int) -> None:
        finished, open_frames = message.body["finished"], message.body["open_frames"]
        if finished != self._session.finished:
            self._session.finished = finished
            if finished >= 0:
                self._epochs.progress()
        if self._session.drain_ns is not None:
            self._post.tell_client(Kind.DRAIN)
        here = message.epoch == self.epoch and self.phase in (Phase.WIRE, Phase.RUN)
        if here and self._epochs.judge(busy=open_frames > 0):
            why = reasons.barren(self._epochs.reason, self._epochs.barren)
            self._fail(why, self._epochs.partition, now_ns)

    def _running_beat(self, member: Member, message: Control, now_ns: int) -> None:
        if member.phase == LINKED:  # its GO was lost
            self._post.send(member, Kind.GO, roster=self._roster.lines())
        elif member.phase == FAULTY:  # its FAULT was lost
            self._recover(f"{member.name} found a fault", member.node, now_ns)
            return
        self._watch.beat(member.node, message.body)
        if (found := self._watch.stalled(now_ns)) is not None:
            self._wiring.fail(self._watch.suspects(now_ns))
            reason = reasons.stalled(found, self._wiring.words(found.link))
            self._recover(reason, self._plan.links[found.link][1], now_ns)
            return
        self._ticks.beat(member.node, message.body["rounds"])
        if (tick := self._ticks.stalled(now_ns)) is not None:
            where = self._wiring.cut_off(tick.source, tick.to)
            self._recover(reasons.no_tick(tick.round, where), tick.to, now_ns)

    def _frames(self, _member: Member, message: Control, _now_ns: int) -> None:
        self._post.hand_on(message)

    def _details(self, _member: Member, message: Control, now_ns: int) -> None:
        """Hand a table on, and give those that follow it their time."""
        self._post.hand_on(message)
        self._session.extend(now_ns)

    def _pass_on(self, member: Member, message: Control, _now_ns: int) -> None:
        """Pass a question of time to a link's source, its answer to who asked."""
        ends = self._plan.links.get(message.body["link"])
        if ends is None:
            return
        source, to = ends
        mine, other = (to, source) if message.kind is Kind.PROBE else (source, to)
        found = self._roster.running(other)
        if member.node == mine and found is not None:
            self._post.send(found, message.kind, **message.body)

    def _done(self, member: Member, message: Control, now_ns: int) -> None:
        """Open the next round of the clock when everybody has done this one."""
        body, barrier = message.body, self._barrier
        if not self._plan.clocked:
            return
        if isinstance(barrier, LocalBarrier):
            self._done_here(member, barrier, body, now_ns)
            return
        if barrier.done(member.node, body["round"], body["started"], now_ns):
            self._open_round(self._roster.nodes)
        elif barrier.missed(body["round"]):
            self._open_round((member,))

    def _done_here(
        self,
        member: Member,
        barrier: LocalBarrier,
        body: Mapping[str, Any],
        now_ns: int,
    ) -> None:
        """Open the next round of each node whose neighbours have done this one."""
        nodes: tuple[str, ...] = ()
        if barrier.done(member.node, body["round"], body["started"], now_ns):
            nodes = barrier.opened
        elif barrier.missed_by(member.node, body["round"]):
            nodes = (member.node,)
        for node in nodes:
            found = self._roster.running(node)
            if found is not None:
                number, started = barrier.told(node)
                self._post.send(found, Kind.OPEN, round=number, started=started)

    def _open_round(self, members: Iterable[Member]) -> None:
        number, started = self._barrier.round, self._barrier.started
        self._post.send_all(members, Kind.OPEN, round=number, started=started)

    def _fault(self, member: Member, message: Control, now_ns: int) -> None:
        reason = reasons.fault(member.name, message.body)
        self._recover(reason, member.node, now_ns)

    def _recover(self, reason: str, partition: str | None, now_ns: int) -> None:
        """End this epoch; begin the next one with who is there, or wait for more."""
        running = self.phase is Phase.RUN
        self._epochs.fail(reason, partition, now_ns, running=running)
        self._journal.failed(reason, now_ns)
        self._post.log(f"epoch {self.epoch} failed: {reason}")
        self.phase = Phase.GATHER
        self._session.limit_ns = now_ns + self._recovery_ns
        self._post.tell_client(Kind.LOST, reason=reason, partition=partition)
        self._begin_epoch(now_ns)

    def _too_late(self, now_ns: int) -> None:
        if self.phase is Phase.CLOSING:
            late = ", ".join(m.name for m in self._roster.unreported)
            self._post.log(f"no tables came from {late}")
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
            text = self._wiring.unlinked(limit_ns)
        return text if first else f"{self._epochs.reason}; then {text}"
