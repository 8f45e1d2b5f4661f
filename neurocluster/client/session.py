"""Run a client's session: join a cluster, stream frames, collect everything."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from neurocluster.client.engine import RESULT, Engine
from neurocluster.client.results import Chunk, FrameTable
from neurocluster.coding.delay import check_image, input_order, plain_bytes
from neurocluster.dtypes import I64
from neurocluster.errors import (
    ClusterBusy,
    ClusterError,
    ControllerLost,
    FrameError,
    PotentialRangeError,
    WorkerLost,
)
from neurocluster.link.buffers import LinkSpec
from neurocluster.link.records import FRAME_CLOSED
from neurocluster.member.run import MemberRunner
from neurocluster.member.state import EXIT_LOST, StopAsked
from neurocluster.model.graph import Input, Shape
from neurocluster.version import VERSION
from neurocluster.wire.control import Control, Kind

REPORT_FIELDS: Final = 5
SENDING: Final = 16
"""Answers the pump that links may have packets to send."""
CLOSE_S: Final = 3.0
"""How long the end of a session may take: reports, tables."""
FAILED_S: Final = 0.8
"""How long a failed session waits for the tables."""
_log = logging.getLogger(__name__)


class Session:
    """Be the client of one cluster; `close` ends the session and the cluster.

    Attributes:
        network: What the controller says of the network, after `open`.
        roster: Who runs what, after `open`.
        reports: Tables of all members, after `close`.
        failure: Why the run failed, or None.
    """

    always_receive = True

    def __init__(self, endpoint: str) -> None:
        """Prepare to join the controller at an endpoint."""
        self._endpoint = endpoint
        self.network: Mapping[str, Any] = {}
        self.roster: tuple[Mapping[str, Any], ...] = ()
        self.reports: tuple[Mapping[str, Any], ...] = ()
        self.failure: ClusterError | None = None
        self.finished_frames = 0
        self.first_ns = 0
        self._last = -1
        self._engine: Engine | None = None
        self._runner: MemberRunner | None = None
        self._input = Input(Shape(1, 1, 1))
        self._source: Iterable[Any] = iter(())
        self._exhausted = True
        self._checked = False
        self._submitted: deque[tuple[int, str | None]] = deque()
        self._next_index = 0
        self._chunks: deque[Chunk] = deque()
        self._rows: dict[int, list[I64]] = {}
        self._news = asyncio.Event()
        self._go = asyncio.Event()
        self._tables = asyncio.Event()
        self._stopping = False

    # -- duties of a member ------------------------------------------------------

    def warm(self) -> None:
        """Do nothing: kernels load with the engine."""

    def build(
        self, body: Mapping[str, Any], inbound: list[LinkSpec], outbound: list[LinkSpec]
    ) -> Session:
        """Build the engine of an epoch."""
        settings = body["settings"]
        self.network = settings["network"]
        self._input = Input(
            Shape(*self.network["input"]), self.network["scale"], self.network["shift"]
        )
        self._engine = Engine(
            inbound, outbound, ranks=np.frombuffer(settings["ranks"], np.int16),
            window=settings["window"], max_spikes=settings["max_spikes"],
            epoch=settings["epoch"],
        )  # fmt: skip
        self.node = self._engine.node
        self.flush = self._engine.flush
        self.fault = self._engine.fault
        return self

    def receive(self, size: int) -> int:
        """Handle a packet; start the next frame when one finished."""
        engine = self._engine
        if engine is None:
            return 0
        code = engine.receive(size)
        if code & 15 == FRAME_CLOSED and code > 0:
            self._fill()
            return SENDING
        return code

    def run(self, roster: tuple[Mapping[str, Any], ...]) -> None:
        """Note that the cluster is complete."""
        self.roster = roster
        self._go.set()

    def after_turn(self) -> None:
        """Collect finished frames; start more while the window has room."""
        self._collect()
        self._fill()

    def reports_of_frames(self) -> bytes:
        """Return nothing: the client reports no frames."""
        return b""

    def finished(self) -> int:
        """Return the last finished frame."""
        return self._last

    def deliver(self, message: Control) -> None:
        """Take reports, tables and the news of a failure."""
        body = message.body
        if message.kind is Kind.FRAMES:
            rows = np.frombuffer(body["rows"], "<u8").reshape(-1, REPORT_FIELDS)
            self._rows.setdefault(body["partition"], []).append(rows.astype(np.int64))
        elif message.kind is Kind.TABLES:
            self.reports = body["reports"]
            self._tables.set()
        elif message.kind is Kind.DRAIN:
            self.stop()
        else:
            self._fail(WorkerLost(body["reason"]))
            if not self._tables.is_set():
                self._send_idle()
        self._news.set()

    def left(self, code: int, text: str) -> None:
        """Note that the membership ended."""
        if code == EXIT_LOST:
            self._fail(ControllerLost(text, tuple(i for i, _ in self._submitted)))
        elif not self._tables.is_set():
            kind = ClusterBusy if "busy" in text else ClusterError
            self._fail(kind(text))
        self._tables.set()
        self._news.set()

    def _fail(self, error: ClusterError) -> None:
        if self.failure is None:
            self.failure = error
        self._exhausted = True
        self._go.set()
        self._news.set()

    # -- the session --------------------------------------------------------------

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

    def submit(self, images: Iterable[Any]) -> None:
        """Begin to stream images; results come by `chunks`."""
        self._source = iter(images)
        self._exhausted = False
        self._checked = (
            isinstance(images, np.ndarray)
            and images.dtype == np.uint8
            and images.shape[1:] == (self._input.shape.size,)
            and plain_bytes(self._input)
        )
        self._fill()
        if self._runner is not None and self._runner.pump is not None:
            self._runner.pump.wake()

    def stop(self) -> None:
        """Start no more frames; those in flight finish."""
        self._exhausted = True
        self._stopping = True
        self._news.set()

    @property
    def in_flight(self) -> int:
        """Return how many frames have no result yet."""
        return len(self._submitted)

    async def chunks(self) -> AsyncIterator[Chunk]:
        """Yield finished frames until all that was submitted is finished.

        Raises:
            ClusterError: The cluster failed; what had finished was yielded.
        """
        while True:
            while self._chunks:
                yield self._chunks.popleft()
            if self.failure is not None:
                raise self.failure
            if self._exhausted and not self._submitted:
                return
            self._news.clear()
            await self._news.wait()

    def _fill(self) -> None:
        engine = self._engine
        if engine is None or self._exhausted or not self._go.is_set():
            return
        while engine.can_start and not self._exhausted:
            try:
                image = next(self._source)  # type: ignore[call-overload]
            except StopIteration:
                self._exhausted = True
                self._news.set()
                return
            self._start(engine, image)

    def _start(self, engine: Engine, image: npt.NDArray[Any]) -> None:
        index = self._next_index
        self._next_index += 1
        if self._checked:
            engine.start(image)
            self._submitted.append((index, None))
            return
        try:
            check_image(image, self._input, index)
        except FrameError as error:
            self._submitted.append((index, str(error)))
            if len(self._submitted) == 1:
                self._collect_errors()
            return
        if image.dtype == np.uint8:
            engine.start(image.reshape(-1))
        else:
            engine.start_order(input_order(image, self._input))
        self._submitted.append((index, None))

    def _collect_errors(self) -> None:
        """Yield frames that were refused and that no frame in flight precedes."""
        frames: list[int] = []
        errors: dict[int, str] = {}
        while self._submitted and self._submitted[0][1] is not None:
            index, error = self._submitted.popleft()
            frames.append(index)
            errors[index] = error or ""
        if frames and self._engine is not None:
            empty = np.zeros((len(frames), self._engine.outputs), np.int32)
            rows = np.zeros(len(frames), RESULT)
            self._chunks.append(Chunk(frames, rows, empty, empty, errors))
            self._news.set()

    def _collect(self) -> None:
        engine = self._engine
        if engine is None:
            return
        rows, counts, potentials = engine.take_results()
        if not len(rows):
            return
        frames: list[int] = []
        errors: dict[int, str] = {}
        keep, failed = 0, rows["failed"].tolist()
        for row in range(len(rows)):
            if self._submitted[0][1] is not None:
                self._cut(frames, rows, counts, potentials, errors, keep)
                frames, errors, keep = [], {}, row
                self._collect_errors()
            index, _ = self._submitted.popleft()
            frames.append(index)
            if failed[row]:
                errors[index] = self._range_error(rows[row], index)
        self._cut(frames, rows, counts, potentials, errors, keep)
        self._collect_errors()
        if not self.first_ns:
            self.first_ns = int(rows["done_ns"][0])
        self._last = frames[-1]
        self.finished_frames += len(rows)
        self._news.set()

    def _cut(
        self, frames: list[int], rows: Any, counts: Any, potentials: Any,
        errors: dict[int, str], first: int,
    ) -> None:  # fmt: skip
        last = first + len(frames)
        if frames:
            part = slice(first, last)
            chunk = Chunk(frames, rows[part], counts[part], potentials[part], errors)
            self._chunks.append(chunk)

    def _range_error(self, row: Any, frame: int) -> str:
        partition = self.network["partitions"][int(row["failed"]) - 1]
        layer = str(partition[0]).rpartition(".")[0]
        return f"frame {frame}: {PotentialRangeError(layer, int(row['failed_neuron']))}"

    def _send_idle(self) -> None:
        if self._runner is not None:
            self._runner.send(Kind.IDLE, {"report": self._runner.report()})

    async def close(self) -> None:
        """End the session: wait for reports and tables, release everything.

        After it, `reports` holds the tables, `failure` why something went wrong.
        """
        runner = self._runner
        if runner is None:
            return
        self._runner_closing = True
        if self.failure is None:
            await self._all_reported()
            self._send_idle()
        limit = FAILED_S if self.failure is not None else CLOSE_S
        try:
            async with asyncio.timeout(limit):
                await self._tables.wait()
        except TimeoutError:
            if self.failure is None:
                self.failure = ControllerLost("the controller sent no final tables")
        runner.close()
        self._runner = None

    async def _all_reported(self) -> None:
        """Wait until every partition has reported every finished frame."""
        partitions = len(self.network.get("partitions", ()))
        try:
            async with asyncio.timeout(CLOSE_S):
                while self.failure is None:
                    counts = [sum(map(len, rows)) for rows in self._rows.values()]
                    frames = self._engine.started if self._engine is not None else 0
                    if len(counts) == partitions and min(counts, default=0) >= frames:
                        return
                    if frames == 0:
                        return
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            _log.warning("some frame reports did not arrive")

    def lost(self, error: ClusterError) -> None:
        """Take the launcher's word that a process ended before the cluster ran."""
        self._fail(error)
        self._tables.set()

    def controller_exited(self, cause: str) -> None:
        """Take the launcher's word that the controller ended."""
        if not self._tables.is_set():
            text = f"the controller {cause}; last finished frame: {self._last}"
            self._fail(ControllerLost(text, tuple(i for i, _ in self._submitted)))
            self._tables.set()

    def give_up(self, reason: str) -> None:
        """Fail the session; what had finished stays."""
        self._fail(ClusterError(reason))
        if self._runner is not None:
            self._runner.event(StopAsked(reason, 1))

    @property
    def controller(self) -> dict[str, Any]:
        """Return the controller's entry of the roster."""
        return {"endpoint": self._endpoint, **self.network.get("controller", {})}

    def frame_reports(self) -> I64:
        """Return (started frames, 3) int64: neuron spikes, pooling spikes, SynOps.

        Rows that some partition has not reported are -1.
        """
        frames = self._engine.started if self._engine is not None else 0
        total = np.zeros((frames, 3), np.int64)
        seen = np.zeros(frames, np.int64)
        for chunks in self._rows.values():
            rows = np.concatenate(chunks)
            np.add.at(total, rows[:, 0], rows[:, 1:4])
            np.add.at(seen, rows[:, 0], 1)
        total[seen < len(self.network.get("partitions", ()))] = -1
        return total

    def stage_reports(self) -> dict[int, I64]:
        """Return by partition (4,) int64: spikes, pooling spikes, SynOps, service."""
        return {
            partition: np.concatenate(chunks)[:, 1:].sum(0)
            for partition, chunks in self._rows.items()
        }


class _Duties:
    """Present a session as the duties of a member."""

    always_receive = True

    def __init__(self, session: Session) -> None:
        self._session = session
        self.warm, self.build = session.warm, session.build
        self.run, self.after_turn = session.run, session.after_turn
        self.reports, self.finished = session.reports_of_frames, session.finished
        self.deliver, self.left = session.deliver, session.left


def table_of(chunks: list[Chunk], session: Session, first: int) -> FrameTable:
    """Join chunks into one table; ``first`` is the data set's index of frame 0."""
    frames = np.array([f for chunk in chunks for f in chunk.frames], np.int64)
    errors = {first + k: text for chunk in chunks for k, text in chunk.errors.items()}
    outputs = chunks[0].counts.shape[1] if chunks else 0
    empty = np.zeros((0, outputs), np.int32)
    rows = np.concatenate([c.rows for c in chunks] or [np.zeros(0, RESULT)])
    reports = session.frame_reports()
    own = np.full((len(frames), 3), -1, np.int64)
    sent = rows["started_ns"] > 0
    own[sent] = reports[rows["frame"][sent]]
    known = own[:, 0] >= 0
    own[known, 0] += rows["input_spikes"][known]
    return FrameTable(
        frames + first, rows, np.concatenate([c.counts for c in chunks] or [empty]),
        np.concatenate([c.potentials for c in chunks] or [empty]), errors, own,
    )  # fmt: skip
