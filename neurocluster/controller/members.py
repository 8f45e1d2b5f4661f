"""Take members in, and go on without those that are lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from neurocluster.controller import reasons
from neurocluster.controller.books import Phase
from neurocluster.controller.events import Exited, Tick
from neurocluster.controller.recovery import Recovery
from neurocluster.controller.roster import Member
from neurocluster.dtypes import CLIENT
from neurocluster.wire.control import Control, Kind

LEASE_MS: Final = 800
"""How long a member keeps its data sockets open without an ACK."""
Lost = tuple[Member, str]
"""A member that is gone, and how."""


class Members(Recovery):
    """Meet members, and find out that they are gone."""

    def _register(self, peer: bytes, body: Mapping[str, Any], now_ns: int) -> None:
        self._forget_former(peer, body, now_ns)
        member = self._roster.get(peer)
        if member is None:
            if reason := self._refusal(body):
                own = self._post.generation
                self._post.refuse(peer, reason, fatal=True, generation=own)
                return
            member = self._admit(peer, body, now_ns)
        member.heard_ns = now_ns
        self._post.send(
            member, Kind.WELCOME, lease_ms=LEASE_MS, cluster=self._cluster
        )  # fmt: skip

    def _forget_former(self, peer: bytes, body: Mapping[str, Any], now_ns: int) -> None:
        """Drop the life that a newcomer had before, or the process it stands for."""
        known = self._roster.get(peer)
        if known is not None and known.ready:
            self._lose([(known, "lost touch and came back")], now_ns, returns=True)
        if (pid := body["replaces"]) is not None:
            former = self._roster.process(pid, body["host"])
            if former is not None:
                self._lose([(former, body["cause"])], now_ns)

    def _refusal(self, body: Mapping[str, Any]) -> str:
        """Return why a newcomer cannot join; a worker may while a client drains."""
        draining = self._roster.client is not None and body["role"] != CLIENT
        ending = self._stop is not None and not draining
        if self.phase is Phase.ENDED or ending:
            return self._session.failure or "the cluster is ending"
        return self._door.refusal(body)

    def _admit(self, peer: bytes, body: Mapping[str, Any], now_ns: int) -> Member:
        member = self._door.admit(peer, body, now_ns)
        self._post.log(f"registered {member.role} (pid {member.pid} on {member.host})")
        if member.role == CLIENT:
            self._begin_session(now_ns)
        return member

    def _begin_session(self, now_ns: int) -> None:
        self._session.forget()
        self._session.limit_ns = now_ns + self._deadline_ns
        self._epochs.begin_session()
        self._journal.begin_session()

    def _turn_away(self, peer: bytes, message: Control) -> None:
        """Tell a member that was given up, or of another life, to register again."""
        self._guests.others += 1
        if message.kind is Kind.BEAT:
            self._post.refuse(
                peer, "you are not a member any more", fatal=False,
                generation=message.generation, epoch=message.epoch,
            )  # fmt: skip

    def _bye(self, member: Member, message: Control, now_ns: int) -> None:
        self._lose([(member, f"left: {message.body['reason']}")], now_ns)

    def _exited(self, event: Exited, now_ns: int) -> None:
        member = self._roster.process(event.pid)
        if member is not None:
            self._lose([(member, event.cause)], now_ns)
        if self.phase is not Phase.GATHER or event.left is None:
            return
        who = f"a worker (pid {event.pid}) {event.cause}"
        if event.left < len(self._plan.partitions):
            last = reasons.last(self._session.finished)
            reason = self._epochs.reason or f"{who}; {last}"
            partition = member.node or None if member is not None else None
            self._fail(reasons.hopeless(reason), partition, now_ns)
        elif member is None:
            self._post.log(f"{who}; another is started")

    def _lose(
        self, lost: Sequence[Lost], now_ns: int, *, returns: bool = False
    ) -> None:
        """Go on without members; ``returns`` if a client among them is there again.

        Those that are lost together are one failure: first all of them are removed.
        """
        for member, how in lost:
            self._roster.remove(member)
            self._journal.lost(member, how, now_ns)
        finished = self._session.finished
        words = [(m, reasons.lost(m.name, how, finished)) for m, how in lost]
        client = next((text for m, text in words if m.role == CLIENT), None)
        node = next(((m, text) for m, text in words if m.node), None)
        if client is not None:
            self._client_lost(client, now_ns, returns=returns)
        elif self.phase is Phase.CLOSING:
            for member, how in lost:
                self._post.log(f"without tables of {member.name}: it {how}")
            self._end_when_reported()
        elif node is not None and self.phase in (Phase.WIRE, Phase.RUN):
            self._recover(node[1], node[0].node, now_ns)
        else:
            for _, text in words:
                self._post.log(text)

    def _tick(self, event: Tick, now_ns: int) -> None:
        self._guests.refused, self._guests.malformed = event.refused, event.strangers
        silent = [
            (member, f"has been silent for {silent_ns / 1e9:.1f} s")
            for member, silent_ns in self._silence.find(self._roster, now_ns)
        ]
        if silent:
            self._lose(silent, now_ns, returns=True)
        if self.phase is Phase.WIRE and (why := self._wiring.overdue(now_ns)):
            self._recover(why, None, now_ns)
        if self._session.late(now_ns):
            self._too_late(now_ns)
        if self._session.undrained(now_ns):
            self._fail("the client did not finish its frames in time", None, now_ns)
