"""End sessions: gather the tables, tell the client, serve the next one or leave."""

from __future__ import annotations

from neurocluster.controller import reasons
from neurocluster.controller.barrier import told_by_nodes
from neurocluster.controller.books import Books, Phase
from neurocluster.controller.events import EXIT_DONE, EXIT_FAILED, Finish, StopAsked
from neurocluster.controller.roster import Member
from neurocluster.controller.session import DRAIN_NS
from neurocluster.controller.watch import unequal
from neurocluster.dtypes import CLIENT
from neurocluster.wire.control import Control, Kind


class Ends(Books):
    """Close a session, well or not, and what follows."""

    def _idle(self, member: Member, message: Control, now_ns: int) -> None:
        if member.role != CLIENT:
            return  # only the client knows when a session ends
        member.report = message.body["report"]
        if self.phase is Phase.CLOSING:
            self._end_when_reported()
        else:
            self._close(now_ns, comparable=self.phase is Phase.RUN)

    def _fail(self, reason: str, partition: str | None, now_ns: int) -> None:
        self._post.log(f"session failed: {reason}")
        if self._roster.client is None:
            if self._ending:
                self._session.failure = reason
                self._leave()
            return
        self._session.failure = reason
        self._post.tell_client(Kind.FAILED, reason=reason, partition=partition)
        self._close(now_ns, comparable=False)

    def _close(self, now_ns: int, *, comparable: bool) -> None:
        """Gather the tables; those of who left before are missing."""
        self.phase = Phase.CLOSING
        self._session.close(now_ns, comparable=comparable)
        self._stand_by()
        self._end_when_reported()

    def _stand_by(self) -> None:
        for member in self._roster.nodes:
            if member.role != CLIENT:
                self._post.send(member, Kind.END)

    def _report_early(self, member: Member, message: Control, _now_ns: int) -> None:
        """Keep the tables of a worker whose place a spare has taken."""
        if not member.node:
            self._session.handed_in.setdefault(member.peer, message.body["report"])

    def _report(self, member: Member, message: Control, _now_ns: int) -> None:
        if member.report is None:  # END may have been sent twice
            member.report = message.body["report"]
        self._end_when_reported()

    def _end_when_reported(self) -> None:
        if not self._roster.unreported:
            self._end_session()

    def _end_session(self) -> None:
        """Compare both ends of every link, hand out the tables, serve the next."""
        session = self._session
        reports = [*session.handed_in.values(), *self._roster.reports]
        found = unequal(self._plan.links, reports) if session.comparable else None
        if not session.failure and found is not None:
            session.failure = reasons.unequal(found, self._plan.links[found.link])
            # First: a client may leave as soon as it has the tables.
            self._post.tell_client(
                Kind.FAILED, reason=session.failure, partition=None
            )  # fmt: skip
        barrier = self._barrier.tables()
        if self._plan.ticks:
            barrier = told_by_nodes(reports, self._plan.partitions)
        self._post.tell_client(
            Kind.TABLES, reports=reports, barrier=barrier, **self._guests.told()
        )  # fmt: skip
        self._post.log(f"session ended: {session.failure or 'done'}")
        if (client := self._roster.client) is not None:
            self._roster.remove(client)
        self._roster.forget_reports()
        self.phase = Phase.GATHER
        if self._ending:
            self._leave()
        session.forget()

    def _client_lost(self, reason: str, now_ns: int, *, returns: bool) -> None:
        """Drop a client's frames; its workers stand by for it, or for the next."""
        self._post.log(f"session ends: {reason}")
        self._stand_by()
        self.phase = Phase.GATHER
        self._session.forget()
        if self._stop is not None or (self._once and not returns):
            self._session.failure = reason
            self._leave()
        elif self._once:
            self._session.failure = reason
            self._session.limit_ns = now_ns + self._recovery_ns

    def _stop_asked(self, event: StopAsked, now_ns: int) -> None:
        again, self._stop = self._stop is not None, self._stop or event
        if again or self._roster.client is None or not self._session.ran:
            self._leave()
        elif self.phase is not Phase.CLOSING:
            self._post.tell_client(Kind.DRAIN)
            self._session.drain_ns = now_ns + DRAIN_NS

    @property
    def _ending(self) -> bool:
        """Tell whether this controller serves no further client."""
        return self._once or self._stop is not None

    def _leave(self) -> None:
        """Send everybody home and finish."""
        for member in self._roster:
            self._post.send(member, Kind.STOP)
        self.phase = Phase.ENDED
        if self._session.failure:
            self._post.add(Finish(EXIT_FAILED, self._session.failure))
        elif self._stop is not None:
            self._post.add(Finish(self._stop.code, "stopped on request"))
        else:
            self._post.add(Finish(EXIT_DONE, "done"))
