"""Follow the course of a session: what the cluster tells its client, and the answers.

`client.session` is what a user calls, `client.duties` what `member.run` calls. Both
meet here, on one event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from neurocluster.client.details import Details
from neurocluster.client.engine import Engine
from neurocluster.client.gathering import Gathering
from neurocluster.client.results import Recovery
from neurocluster.client.stream import Stream
from neurocluster.errors import (
    ClusterBusy,
    ClusterError,
    ClusterStopped,
    ControllerLost,
    PotentialRangeError,
    WorkerLost,
)
from neurocluster.member.state import EXIT_DONE, EXIT_LOST
from neurocluster.model.graph import Input, Shape
from neurocluster.wire.control import Control, Kind

STOPPED: Final = "the cluster was asked to stop; the frames left were not started"
STOPPED_AT_ONCE: Final = "the cluster was stopped; unfinished frames have no result"


def input_of(network: Mapping[str, Any]) -> Input:
    """Return the input of what PREPARE says of the network."""
    return Input(Shape(*network["input"]), network["scale"], network["shift"])


class Course:
    """Know how a session stands.

    Attributes:
        network: What the controller says of the network, once it was prepared.
        roster: Who runs what, once the cluster runs.
        reports: Tables of all members, at the end.
        details: The members' further tables.
        failure: Why the session failed, or None.
        recoveries: What failed and was survived.
        stream: Frames and results, once the cluster runs.
        gathering: Reports of frames, likewise.
        stopping: Somebody asked the cluster to stop.
        said_idle: The controller was told that no frame is in flight any more.
        closing: So it was, or will be, because the client leaves.
        news: Set whenever something changed.
        go: Set when the cluster runs, or never will.
        tables: Set when the session is over for the controller.
    """

    def __init__(self, send_idle: Callable[[], None], *, keeps: bool) -> None:
        """Begin before the cluster runs.

        Args:
            send_idle: Sends IDLE with the client's tables.
            keeps: See `Gathering`.
        """
        self._send_idle, self._keeps = send_idle, keeps
        self.network: Mapping[str, Any] = {}
        self.roster: tuple[Mapping[str, Any], ...] = ()
        self.reports: tuple[Mapping[str, Any], ...] = ()
        self.guests = 0, 0
        self.details, self._first_epoch = Details(), 0
        self.barrier: Mapping[str, Any] = {}
        self.failure: ClusterError | None = None
        self.recoveries: list[Recovery] = []
        self.on_recovery: Callable[[Recovery], None] = lambda _recovery: None
        self.stream: Stream | None = None
        self.gathering: Gathering | None = None
        self.stopping = self.said_idle = self.closing = self._cut = False
        self.news, self.go, self.tables = (asyncio.Event() for _ in range(3))
        self._engine: Engine | None = None
        self._next: Engine | None = None

    # -- epochs ----------------------------------------------------------------

    def built(self, network: Mapping[str, Any], engine: Engine) -> None:
        """Take the engine of the next epoch; it takes over when that runs."""
        self.network, self._next = network, engine

    def went(self, roster: tuple[Mapping[str, Any], ...]) -> None:
        """Start, or carry on: the cluster is complete."""
        engine = self._next
        if engine is None:
            return
        self.roster = roster
        if self.stream is None:
            self._engine, self._first_epoch = engine, engine.epoch
            self._begin(engine)
        else:
            self.stream.restart(engine)
            self.gather()
        self._engine = engine
        self._recovered()
        if self.closing and not self.in_flight:  # it came back: IDLE may be lost
            self._send_idle()
        self.go.set()
        self.news.set()

    def _begin(self, engine: Engine) -> None:
        self.gathering = Gathering(self.network, keeps=self._keeps)
        self.stream = Stream(
            engine, input_of(self.network), why_failed=self._why_failed,
            on_news=self.news.set,
            on_collect=self._collected, later=asyncio.get_running_loop().call_later,
        )  # fmt: skip

    def _collected(self) -> None:
        if self._engine is not None and self.gathering is not None:
            self.gathering.collected(self._engine)

    def _why_failed(self, row: Any, position: int) -> str:
        partition = self.network["partitions"][int(row["failed"]) - 1]
        layer = str(partition[0]).rpartition(".")[0]
        problem = PotentialRangeError(layer, int(row["failed_neuron"]))
        return f"frame {position}: {problem}"

    def _lost(self, reason: str) -> None:
        """Note that an epoch failed; the next one starts its open frames again."""
        recovery = Recovery(reason, self.last_finished(), time.monotonic())
        self.recoveries.append(recovery)
        self.on_recovery(recovery)

    def _recovered(self) -> None:
        now = time.monotonic()
        for recovery in self.recoveries:
            if recovery.seconds is None:
                recovery.seconds = now - recovery.lost_s
                self.on_recovery(recovery)

    @property
    def recovering(self) -> bool:
        """Tell whether an epoch failed and the next one does not run yet."""
        return bool(self.recoveries) and self.recoveries[-1].seconds is None

    # -- frames ----------------------------------------------------------------

    @property
    def in_flight(self) -> int:
        """Return how many frames were started and have no result yet."""
        return self.stream.in_flight if self.stream is not None else 0

    def last_finished(self) -> int:
        """Return the position of the frame that finished last, or -1."""
        return self.stream.last if self.stream is not None else -1

    def after_turn(self) -> None:
        """Start frames, hand over results."""
        if self.stream is not None:
            self.stream.after_turn()
        if self.stopping:
            self._drained()

    def stop(self) -> None:
        """Start no more frames; those in flight finish."""
        if self.stream is not None:
            self.stream.stop()

    @property
    def settled(self) -> bool:
        """Tell whether nothing is in flight and all of this epoch is reported."""
        if self._engine is None or self.gathering is None:
            return True
        return self.gathering.complete(self._engine) and not self.in_flight

    # -- messages --------------------------------------------------------------

    def deliver(self, message: Control) -> None:
        """Take reports, tables and the news of a failure."""
        kind, body = message.kind, message.body
        if kind is Kind.FRAMES:
            self._reported(message.epoch, body["partition"], body["rows"])
        elif kind is Kind.DETAILS:
            if self._first_epoch:
                self.details.take(message, self._first_epoch)
        elif kind is Kind.TABLES:
            self.reports = body["reports"]
            self.guests = body["refused"], body["strangers"]
            self.barrier = body["barrier"]
            self.tables.set()
        elif kind is Kind.DRAIN:
            self._drain()
        elif kind is Kind.LOST:
            self._lost(body["reason"])
        else:
            self.fail(WorkerLost(body["reason"]))
            if not self.tables.is_set():
                self._send_idle()
        self.news.set()

    def _reported(self, epoch: int, partition: int, rows: bytes) -> None:
        if self.gathering is not None and self._engine is not None:
            unequal = self.gathering.reported(self._engine, epoch, partition, rows)
            if unequal is not None:
                self.fail(ClusterError(str(unequal)))

    def _drain(self) -> None:
        """Start no more frames: somebody asked the cluster to stop."""
        if not self.stopping:
            self.stopping = True
            self._cut = self.stream is not None and self.stream.stop()
        self.said_idle = False  # DRAIN is sent until IDLE comes: it may have been lost
        self._drained()

    def _drained(self) -> None:
        """Say that no frame is in flight any more, once; then the cluster ends."""
        if self.in_flight or self.said_idle:
            return
        self.said_idle = True
        self._send_idle()
        if self._cut:
            self.fail(ClusterStopped(STOPPED))

    def gather(self) -> None:
        """Join the reports that came up to now."""
        if self.gathering is not None and self._engine is not None:
            self.gathering.join(self._engine)

    # -- ends ------------------------------------------------------------------

    def fail(self, error: ClusterError) -> None:
        """Fail the session, unless it has failed; what had finished stays."""
        if self.failure is None:
            self.failure = error
        self.stop()
        self.go.set()
        self.news.set()

    def end_early(self, error: ClusterError) -> None:
        """Fail the session and ask the controller for the tables."""
        self.fail(error)
        self.said_idle = True
        self._send_idle()

    def left(self, code: int, text: str) -> None:
        """Note that the membership ended."""
        if not self.tables.is_set():
            self.fail(self._why_left(code, text))
        self.tables.set()
        self.news.set()

    def _why_left(self, code: int, text: str) -> ClusterError:
        if code == EXIT_DONE:
            return ClusterStopped(STOPPED_AT_ONCE)
        if code == EXIT_LOST:
            return ControllerLost(text, self.unfinished)
        return ClusterBusy(text) if "busy" in text else ClusterError(text)

    @property
    def unfinished(self) -> tuple[int, ...]:
        """Return the positions of images that have no result."""
        return self.stream.unfinished if self.stream is not None else ()
