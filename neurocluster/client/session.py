"""Run a client's session: join a cluster, stream frames, collect everything."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Final

import numpy as np

from neurocluster.client.engine import Engine
from neurocluster.client.reports import FrameReports
from neurocluster.client.results import Chunk, Recovery
from neurocluster.client.stream import Stream
from neurocluster.dtypes import I64, U64
from neurocluster.errors import (
    ClusterBusy,
    ClusterError,
    ClusterStopped,
    ControllerLost,
    MalformedMessage,
    PotentialRangeError,
    WorkerLost,
)
from neurocluster.link.buffers import LinkSpec
from neurocluster.member.run import MemberRunner
from neurocluster.member.state import EXIT_DONE, EXIT_LOST, StopAsked
from neurocluster.model.graph import Input, Shape
from neurocluster.version import VERSION
from neurocluster.wire.control import Control, Kind

CLOSE_S: Final = 3.0
"""How long the end of a session may take: reports, tables."""
FAILED_S: Final = 0.8
"""How long a failed session waits for the tables."""
STOPPED: Final = "the cluster was asked to stop; the frames left were not started"
STOPPED_AT_ONCE: Final = "the cluster was stopped; unfinished frames have no result"
_log = logging.getLogger(__name__)


class Session:
    """Be the client of one cluster; `close` ends the session and the cluster.

    Attributes:
        network: What the controller says of the network, after `open`.
        roster: Who runs what, after `open`.
        reports: Tables of all members, after `close`.
        failure: Why the run failed, or None.
        recoveries: What failed and was survived.
        turn: Counts the calls of `settle`: streams that follow each other.
    """

    def __init__(self, endpoint: str, *, keeps: bool = False) -> None:
        """Prepare to join a controller.

        Args:
            endpoint: Of the controller.
            keeps: Keep every frame's report for `frame_reports`; else only sums.
        """
        self._endpoint = endpoint
        self.turn = 0
        self.network: Mapping[str, Any] = {}
        self.roster: tuple[Mapping[str, Any], ...] = ()
        self.reports: tuple[Mapping[str, Any], ...] = ()
        self.failure: ClusterError | None = None
        self.recoveries: list[Recovery] = []
        self.on_recovery: Callable[[Recovery], None] = lambda _recovery: None
        self._engine: Engine | None = None
        self._next: Engine | None = None
        self._stream: Stream | None = None
        self._frame_reports: FrameReports | None = None
        self._own: list[tuple[int, U64]] = []
        self._kept: list[I64] = []
        self._keeps = keeps
        self._runner: MemberRunner | None = None
        self._stopping = self._cut = self._idle = False
        self._news = asyncio.Event()
        self._go = asyncio.Event()
        self._tables = asyncio.Event()

    async def open(self) -> None:
        """Join and wait until the cluster runs.

        Raises:
            ClusterError: It could not be completed, or somebody else holds it.
        """
        self._runner = MemberRunner(
            _Duties(self), "client", self._endpoint, slot=None, leased=False,
            version=VERSION,
        )  # fmt: skip
        await self._go.wait()
        if self.failure is not None:
            self._runner.close()
            raise self.failure

    # -- frames ------------------------------------------------------------------

    def submit(self, images: Iterable[Any]) -> None:
        """Begin to stream images; results come by `chunks`.

        Args:
            images: uint8 or float images; a (n, pixels) uint8 array is the fastest.
        """
        if self._stopping:
            self._fail(ClusterStopped(STOPPED))
        if self._stream is None or self._runner is None or self.failure is not None:
            return
        self._stream.submit(images)
        self._runner.wake()

    def stop(self) -> None:
        """Start no more frames; those in flight finish."""
        if self._stream is not None:
            self._stream.stop()

    async def settle(self) -> None:
        """Start no more frames; drop the results of those in flight.

        Whoever still iterates over `chunks` gets an error there, none of the results
        to come.

        Raises:
            ClusterError: The cluster failed.
        """
        self.turn += 1
        self.stop()
        if self._stream is not None:
            self._stream.error = None
        async for _ in self.chunks():
            pass

    @property
    def recovering(self) -> bool:
        """Tell whether an epoch failed and the next one does not run yet."""
        return bool(self.recoveries) and self.recoveries[-1].seconds is None

    @property
    def in_flight(self) -> int:
        """Return how many frames were started and have no result yet."""
        return self._stream.in_flight if self._stream is not None else 0

    async def chunks(self) -> AsyncIterator[Chunk]:
        """Yield finished frames until all that was submitted is finished.

        Raises:
            ClusterError: The cluster failed, or another stream began; what had
                finished was yielded.
            Exception: What the iterator of images raised, after the results of the
                images before it.
        """
        stream, mine = self._stream, self.turn
        while True:
            if mine != self.turn:
                message = "another stream began; stream one after the other"
                raise ClusterError(message)
            if stream is not None and self.failure is not None:
                stream.collect()
            if stream is not None and stream.chunks:
                yield stream.chunks.popleft()
                continue
            if self.failure is not None:
                raise self.failure
            if stream is None:
                return
            if stream.ended:
                if (error := stream.error) is not None:
                    stream.error = None
                    raise error
                return
            self._news.clear()
            await self._news.wait()

    # -- what the duties tell ------------------------------------------------------

    def built(self, network: Mapping[str, Any], engine: Engine) -> None:
        """Take the engine of the next epoch; it takes over when that runs."""
        self.network, self._next = network, engine

    def went(self, roster: tuple[Mapping[str, Any], ...]) -> None:
        """Start, or carry on: the cluster is complete."""
        engine = self._next
        if engine is None:
            return
        self.roster = roster
        if self._stream is None:
            self._frame_reports = FrameReports(self.network)
            self._engine = engine
            told = self.network
            source = Input(Shape(*told["input"]), told["scale"], told["shift"])
            self._stream = Stream(
                engine, source,
                on_collect=self._collected,
                why_failed=self._why_failed, on_news=self._news.set,
                later=asyncio.get_running_loop().call_later,
            )  # fmt: skip
        else:
            self._stream.restart(engine)
        self._engine = engine
        self._recovered()
        self._go.set()
        self._news.set()

    def _recovered(self) -> None:
        now = time.monotonic()
        for recovery in self.recoveries:
            if recovery.seconds is None:
                recovery.seconds = now - recovery.lost_s
                self.on_recovery(recovery)

    def _lost(self, reason: str) -> None:
        """Note that an epoch failed; the next one starts its open frames again."""
        recovery = Recovery(reason, self.last_finished(), time.monotonic())
        self.recoveries.append(recovery)
        self.on_recovery(recovery)

    def after_turn(self) -> None:
        """Start frames, hand over results."""
        if self._stream is not None:
            self._stream.after_turn()
        if self._stopping:
            self._drained()

    def collect(self) -> None:
        """Hand over what finished, without waiting for more."""
        if self._stream is not None:
            self._stream.collect()

    def last_finished(self) -> int:
        """Return the position of the frame that finished last, or -1."""
        return self._stream.last if self._stream is not None else -1

    def deliver(self, message: Control) -> None:
        """Take reports, tables and the news of a failure."""
        body = message.body
        if message.kind is Kind.FRAMES:
            self._reported(message.epoch, body["partition"], body["rows"])
        elif message.kind is Kind.TABLES:
            self.reports = body["reports"]
            self._tables.set()
        elif message.kind is Kind.DRAIN:
            self._drain()
        elif message.kind is Kind.LOST:
            self._lost(body["reason"])
        else:
            self._fail(WorkerLost(body["reason"]))
            if not self._tables.is_set():
                self._send_idle()
        self._news.set()

    def _collected(self) -> None:
        """Keep the client's own report of frames that finished."""
        if self._engine is not None:
            self._own.append((self._engine.epoch, self._engine.take_reports()))

    def _reported(self, epoch: int, partition: int, rows: bytes) -> None:
        """Join a partition's reports with the others'; see that nothing was lost."""
        reports = self._frame_reports
        if reports is None:
            return
        self._join_own(reports)
        try:
            reports.add(epoch, partition, rows)
        except MalformedMessage as error:
            _log.warning("dropped frame reports: %s", error)
        done = reports.take()
        if self._keeps:
            self._kept.append(done)
        if reports.unequal is not None:
            self._fail(ClusterError(str(reports.unequal)))

    def _join_own(self, reports: FrameReports) -> None:
        own, self._own = self._own, []
        for epoch, tables in itertools.groupby(own, lambda pair: pair[0]):
            reports.add_own(epoch, np.concatenate([table for _, table in tables]))

    def _drain(self) -> None:
        """Start no more frames: somebody asked the cluster to stop."""
        if not self._stopping:
            self._stopping = True
            self._cut = self._stream is not None and self._stream.stop()
        self._idle = False  # DRAIN is sent until IDLE comes: that may have been lost
        self._drained()

    def _drained(self) -> None:
        """Say that no frame is in flight any more, once; then the cluster ends."""
        if self.in_flight or self._idle:
            return
        self._idle = True
        self._send_idle()
        if self._cut:
            self._fail(ClusterStopped(STOPPED))

    def left(self, code: int, text: str) -> None:
        """Note that the membership ended."""
        if not self._tables.is_set():
            self._fail(self._why_left(code, text))
        self._tables.set()
        self._news.set()

    def _why_left(self, code: int, text: str) -> ClusterError:
        if code == EXIT_DONE:
            return ClusterStopped(STOPPED_AT_ONCE)
        if code == EXIT_LOST:
            return ControllerLost(text, self._unfinished)
        return ClusterBusy(text) if "busy" in text else ClusterError(text)

    def _why_failed(self, row: Any, position: int) -> str:
        partition = self.network["partitions"][int(row["failed"]) - 1]
        layer = str(partition[0]).rpartition(".")[0]
        problem = PotentialRangeError(layer, int(row["failed_neuron"]))
        return f"frame {position}: {problem}"

    # -- ends ----------------------------------------------------------------------

    @property
    def _unfinished(self) -> tuple[int, ...]:
        return self._stream.unfinished if self._stream is not None else ()

    def _fail(self, error: ClusterError) -> None:
        if self.failure is None:
            self.failure = error
        self.stop()
        self._go.set()
        self._news.set()

    def lost(self, error: ClusterError) -> None:
        """Take the launcher's word that a process ended before the cluster ran."""
        self._fail(error)
        self._tables.set()

    def process_lost(self, what: str) -> None:
        """Take the launcher's word that the cluster is gone; ``what`` says why."""
        if not self._tables.is_set():
            text = f"{what}; last finished frame: {self.last_finished()}"
            self._fail(ControllerLost(text, self._unfinished))
            self._tables.set()

    def give_up(self, reason: str) -> None:
        """Fail the session; what had finished stays."""
        self._fail(ClusterError(reason))
        if self._runner is not None:
            self._runner.event(StopAsked(reason, 1))

    async def close(self) -> None:
        """End the session: wait for reports and tables, release everything.

        After it, `reports` holds the tables, `failure` why something went wrong.
        """
        runner, self._runner = self._runner, None
        if runner is None:
            return
        self.stop()
        if not self.roster and self.failure is None:
            runner.event(StopAsked("left before the cluster was complete", 0))
        elif self.failure is None:
            await self._all_reported()
            runner.send(Kind.IDLE, {"report": runner.report()})
        limit = CLOSE_S if self.failure is None or self._idle else FAILED_S
        try:
            async with asyncio.timeout(limit):
                await self._tables.wait()
        except TimeoutError:
            if self.failure is None:
                self.failure = ControllerLost("the controller sent no final tables")
        runner.close()

    def _send_idle(self) -> None:
        if self._runner is not None:
            self._runner.send(Kind.IDLE, {"report": self._runner.report()})

    async def _all_reported(self) -> None:
        """Wait until every partition has reported every finished frame."""
        try:
            async with asyncio.timeout(CLOSE_S):
                while self.failure is None:
                    if self.recovering or self._settled:
                        return  # who is lost reports no more
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            _log.warning("some frame reports did not arrive")

    @property
    def _settled(self) -> bool:
        """Tell whether nothing is in flight and all of this epoch is reported."""
        engine, reports = self._engine, self._frame_reports
        if engine is None or reports is None:
            return True
        self._join_own(reports)
        done = reports.complete(engine.epoch, engine.started)
        return done and not self.in_flight

    # -- tables --------------------------------------------------------------------

    @property
    def controller(self) -> dict[str, Any]:
        """Return the controller's entry of the roster."""
        return {"endpoint": self._endpoint, **self.network.get("controller", {})}

    def frame_reports(self) -> I64:
        """Return what is known of single frames; see `FrameReports.take`."""
        return np.concatenate([*self._kept, np.zeros((0, 5), np.int64)])

    def stage_reports(self) -> dict[int, I64]:
        """Return by partition (4,) int64: spikes, pooling spikes, SynOps, service."""
        reports = self._frame_reports
        return dict(enumerate(reports.totals)) if reports is not None else {}

    def link_counts(self) -> I64 | None:
        """Return `FrameReports.links`; None if no frame is complete."""
        reports = self._frame_reports
        return reports.links if reports is not None and reports.frames else None


class _Duties:
    """Do the client's part of a cluster's life; see `member.run.Duties`."""

    always_receive = True

    def __init__(self, session: Session) -> None:
        self._session = session
        self.after_turn, self.deliver = session.after_turn, session.deliver
        self.run, self.left = session.went, session.left

    def build(
        self, epoch: int, body: Mapping[str, Any], inbound: list[LinkSpec],
        outbound: list[LinkSpec],
    ) -> Engine:  # fmt: skip
        """Build the engine of an epoch."""
        settings = body["settings"]
        return Engine(
            inbound, outbound, ranks=np.frombuffer(settings["ranks"], np.int16),
            window=settings["window"], max_spikes=settings["max_spikes"], epoch=epoch,
        )  # fmt: skip

    def bound(self, body: Mapping[str, Any], engine: Any) -> None:
        """Give the session its engine."""
        self._session.built(body["settings"]["network"], engine)

    def reports(self) -> bytes:
        """Return nothing: the client reports no frames."""
        return b""

    def beat(self) -> dict[str, Any]:
        """Return how far the session came, and how many frames are open."""
        session = self._session
        session.collect()  # so that what finished and what is open fit together
        return {
            "finished": session.last_finished(), "open_frames": session.in_flight,
        }  # fmt: skip
