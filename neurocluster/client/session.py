"""Be a client: join a cluster, stream frames, collect everything, leave."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Final

import numpy as np

from neurocluster.client.course import STOPPED, Course
from neurocluster.client.duties import Duties
from neurocluster.client.results import Chunk, Recovery
from neurocluster.dtypes import I64
from neurocluster.errors import (
    ClusterError,
    ClusterStopped,
    ControllerLost,
    WorkerLost,
)
from neurocluster.member.details import Detail
from neurocluster.member.duties import Duties as MemberDuties
from neurocluster.member.meeting import Meeting
from neurocluster.member.run import MemberRunner
from neurocluster.member.state import StopAsked
from neurocluster.version import VERSION
from neurocluster.wire.control import Kind

CLOSE_S: Final = 3.0
"""How long the end of a session may take: reports, tables."""
MOST_CLOSE_S: Final = 30.0
"""How long, while tables go on to come: a trace is megabytes of each member."""
FAILED_S: Final = 0.8
"""How long a failed session waits for the tables."""
_log = logging.getLogger(__name__)


class Session:
    """Be the client of one cluster; `close` ends the session.

    Attributes:
        turn: Counts the calls of `settle`: streams that follow each other.
    """

    def __init__(
        self, meeting: Meeting, *, keeps: bool = False, tu_s: float | None = None
    ) -> None:
        """Prepare to join a controller.

        Args:
            meeting: How the client meets it.
            keeps: Keep every frame's report for `frame_reports`; else only sums.
            tu_s: Unit of time in which each frame's input is played; None sends it as
                fast as links take it.
        """
        self._meeting, self.turn = meeting, 0
        self._course = Course(self._send_idle, keeps=keeps)
        self._duties: MemberDuties = Duties(self._course, tu_s)
        self._runner: MemberRunner | None = None

    async def open(self) -> None:
        """Join and wait until the cluster runs.

        Raises:
            ClusterError: It could not be completed, or somebody else holds it.
        """
        course = self._course
        self._runner = MemberRunner(
            self._duties, "client", self._meeting, slot=None, leased=False,
            version=VERSION,
        )  # fmt: skip
        await course.go.wait()
        if course.failure is not None:
            self._runner.close()
            raise course.failure

    def _send_idle(self) -> None:
        if self._runner is not None:
            self._runner.send(Kind.IDLE, {"report": self._runner.report()})

    # -- frames ------------------------------------------------------------------

    def submit(self, images: Iterable[Any]) -> None:
        """Begin to stream images; results come by `chunks`.

        Args:
            images: uint8 or float images; a (n, pixels) uint8 array is the fastest.
        """
        course = self._course
        if course.stopping:
            course.fail(ClusterStopped(STOPPED))
        if course.stream is None or self._runner is None or course.failure is not None:
            return
        course.stream.submit(images)
        self._runner.wake()

    def stop(self) -> None:
        """Start no more frames; those in flight finish."""
        self._course.stop()

    async def settle(self) -> None:
        """Start no more frames; drop the results of those in flight.

        Whoever still iterates over `chunks` gets an error there, none of the results
        to come.

        Raises:
            ClusterError: The cluster failed.
        """
        self.turn += 1
        self.stop()
        if self._course.stream is not None:
            self._course.stream.error = None
        async for _ in self.chunks():
            pass

    async def chunks(self) -> AsyncIterator[Chunk]:
        """Yield finished frames until all that was submitted is finished.

        Raises:
            ClusterError: The cluster failed, or another stream began; what had
                finished was yielded.
            Exception: What the iterator of images raised, after the results of the
                images before it.
        """
        course, stream, mine = self._course, self._course.stream, self.turn
        while True:
            if mine != self.turn:
                message = "another stream began; stream one after the other"
                raise ClusterError(message)
            if stream is not None and course.failure is not None:
                stream.collect()
            if stream is not None and stream.chunks:
                yield stream.chunks.popleft()
                continue
            if course.failure is not None:
                raise course.failure
            if stream is None:
                return
            if stream.ended:
                if (error := stream.error) is not None:
                    stream.error = None
                    raise error
                return
            course.news.clear()
            await course.news.wait()

    # -- ends ----------------------------------------------------------------------

    def lost(self, error: ClusterError) -> None:
        """Take the launcher's word that a process ended before the cluster ran."""
        self._course.fail(error)
        self._course.tables.set()

    def process_lost(self, what: str) -> None:
        """Take the launcher's word that the cluster is gone; ``what`` says why."""
        course = self._course
        if not course.tables.is_set():
            text = f"{what}; last finished frame: {course.last_finished()}"
            self.lost(ControllerLost(text, course.unfinished))

    def too_few(self, what: str) -> None:
        """Take the launcher's word that too few workers are left, and nobody comes.

        Those that are there still hand in their tables.
        """
        course = self._course
        if course.failure is None and not course.tables.is_set():
            text = f"{what}; last finished frame: {course.last_finished()}"
            course.end_early(WorkerLost(text))

    def give_up(self, reason: str) -> None:
        """Fail the session; what had finished stays."""
        self._course.fail(ClusterError(reason))
        if self._runner is not None:
            self._runner.event(StopAsked(reason, 1))

    async def close(self) -> None:
        """End the session: wait for reports and tables, release everything.

        After it, `reports` holds the tables, `failure` why something went wrong.
        """
        course, runner = self._course, self._runner
        if runner is None or course.closing:
            return
        self.stop()
        if not course.roster and course.failure is None:
            runner.event(StopAsked("left before the cluster was complete", 0))
        elif course.failure is None:
            await self._all_reported()
            self._send_idle()
        course.closing = True
        limit = CLOSE_S if course.failure is None or course.said_idle else FAILED_S
        try:
            await self._tables_came(limit)
        except TimeoutError:
            if course.failure is None:
                course.failure = ControllerLost("the controller sent no final tables")
        course.gather()
        course.details.pieces += runner.details()
        runner.close()
        self._runner = None

    async def _tables_came(self, limit: float) -> None:
        """Wait for the tables; whatever comes of them gives the rest its time anew."""
        course, loop, came = self._course, asyncio.get_running_loop(), 0
        last = loop.time() + MOST_CLOSE_S
        async with asyncio.timeout(limit) as end:
            while not course.tables.is_set():
                course.news.clear()
                await course.news.wait()
                if len(course.details.pieces) > came:
                    came = len(course.details.pieces)
                    end.reschedule(min(loop.time() + limit, last))

    async def _all_reported(self) -> None:
        """Wait until every partition has reported every finished frame."""
        course = self._course
        try:
            async with asyncio.timeout(CLOSE_S):
                while course.failure is None:
                    if course.recovering or course.settled:
                        return  # who is lost reports no more
                    course.news.clear()
                    await course.news.wait()
        except TimeoutError:
            _log.warning("some frame reports did not arrive")

    # -- what it knows -------------------------------------------------------------

    @property
    def network(self) -> Mapping[str, Any]:
        """Return what the controller says of the network, after `open`."""
        return self._course.network

    @property
    def roster(self) -> tuple[Mapping[str, Any], ...]:
        """Return who runs what, after `open`."""
        return self._course.roster

    @property
    def reports(self) -> tuple[Mapping[str, Any], ...]:
        """Return the tables of all members, after `close`."""
        return self._course.reports

    @property
    def details(self) -> list[Detail]:
        """Return histograms and traces of all members, in pieces, after `close`."""
        return self._course.details.pieces

    @property
    def guests(self) -> tuple[int, int]:
        """Return connections and messages that the controller refused."""
        return self._course.guests

    @property
    def barrier(self) -> Mapping[str, Any]:
        """Return what a clock's barrier counted, see TABLES; empty without a clock."""
        return self._course.barrier

    @property
    def failure(self) -> ClusterError | None:
        """Return why the session failed, if it did."""
        return self._course.failure

    @property
    def recoveries(self) -> list[Recovery]:
        """Return what failed and was survived."""
        return self._course.recoveries

    def on_recovery(self, tell: Callable[[Recovery], None]) -> None:
        """Call a function when an epoch fails, and again when the next one runs."""
        self._course.on_recovery = tell

    @property
    def round(self) -> int:
        """Return the present round of the clock; -1 without one."""
        return self._runner.round if self._runner is not None else -1

    @property
    def in_flight(self) -> int:
        """Return how many frames were started and have no result yet."""
        return self._course.in_flight

    @property
    def controller(self) -> dict[str, Any]:
        """Return the controller's entry of the roster."""
        return {
            "endpoint": self._meeting.endpoint,
            **self.network.get("controller", {}),
        }

    def frame_reports(self) -> I64:
        """Return what is known of single frames; see `FrameReports.take`."""
        gathering = self._course.gathering
        return gathering.frames() if gathering else np.zeros((0, 5), np.int64)

    def stage_reports(self) -> dict[int, I64]:
        """Return by partition (4,) int64: spikes, pooling spikes, SynOps, service."""
        return self._course.gathering.stages() if self._course.gathering else {}

    def link_counts(self) -> I64 | None:
        """Return `FrameReports.links`; None if no frame is complete."""
        return self._course.gathering.links() if self._course.gathering else None
