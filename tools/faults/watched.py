"""Stream frames through a cluster while something happens to it; keep all that came."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import numpy as np

from neurocluster.client.results import Chunk, Recovery
from neurocluster.client.session import Session
from neurocluster.cluster.base import Cluster
from neurocluster.cluster.hosts import HostCluster
from neurocluster.dtypes import CLIENT, U8
from neurocluster.errors import ClusterError

LIMIT_S: Final = 60.0
"""Longest a stream may take; reaching it is a hang."""
BEFORE_GO, FIRST, MIDDLE = "before GO", "first frame", "middle"
LAST, DRAINING, RECOVERY = "last frame", "draining", "during recovery"
MOMENTS: Final = (BEFORE_GO, FIRST, MIDDLE, LAST, DRAINING, RECOVERY)


@dataclass
class Watched:
    """What a stream gave, and what happened meanwhile.

    Attributes:
        frames: How many were submitted.
        chunks: Results, as they came.
        hits: When something was done to the cluster, monotonic seconds.
        recoveries: What the client was told.
        error: What ended the stream early, if anything did.
        ran: When the cluster ran first, monotonic seconds.
        seconds: Of the stream.
    """

    frames: int
    chunks: list[Chunk] = field(default_factory=list)
    hits: list[float] = field(default_factory=list)
    recoveries: list[Recovery] = field(default_factory=list)
    error: ClusterError | None = None
    ran: float = 0.0
    seconds: float = 0.0

    @property
    def positions(self) -> list[int]:
        """Return the positions of the results in the order in which they came."""
        return [int(frame) for chunk in self.chunks for frame in chunk.frames]

    @property
    def lost(self) -> int:
        """Return how many frames have no result."""
        return self.frames - len(set(self.positions))

    @property
    def repeated(self) -> int:
        """Return how many results came more than once."""
        return len(self.positions) - len(set(self.positions))

    @property
    def failed(self) -> dict[int, str]:
        """Return the frames that came with an error of their own."""
        return {k: text for chunk in self.chunks for k, text in chunk.errors.items()}

    @property
    def counts(self) -> Any:
        """Return (n, outputs) int32, in order of position."""
        return np.concatenate([chunk.counts for chunk in self.chunks])

    @property
    def potentials(self) -> Any:
        """Return (n, outputs) int32, in order of position."""
        return np.concatenate([chunk.potentials for chunk in self.chunks])

    def detected_s(self, faults: int) -> float | None:
        """Return how long after a hit the client knew of what was done.

        Args:
            faults: How many things a hit does; so many losses after it are theirs, and
                more are what came of a recovery.
        """
        delays: list[float] = []
        for hit, following in pairwise((*self.hits, math.inf)):
            losses = [r.lost_s for r in self.recoveries if hit <= r.lost_s < following]
            delays += [lost_s - hit for lost_s in losses[:faults]]
        return max(delays, default=None)

    @property
    def recovered_s(self) -> float | None:
        """Return how long after the first hit the last recovery was complete."""
        ends = [r.lost_s + r.seconds for r in self.recoveries if r.seconds is not None]
        if self.hits and self.ran > self.hits[0]:
            ends.append(self.ran)
        return max(ends) - self.hits[0] if ends and self.hits else None


Act = Callable[[Cluster], Awaitable[None]]
"""Does something to a cluster."""


class Watch:
    """Stream images once and act at a moment."""

    def __init__(
        self, cluster: Cluster, images: U8, moment: str, act: Act, *,
        limit_s: float = LIMIT_S,
    ) -> None:  # fmt: skip
        """Take a cluster that is not open yet.

        Args:
            cluster: To be watched.
            images: To be streamed.
            moment: When to act.
            act: What to do.
            limit_s: Longest it may take.
        """
        self._cluster, self._images = cluster, images
        self._moment, self._act, self._limit_s = moment, act, limit_s
        self._tasks: set[asyncio.Task[None]] = set()
        self._wrong: list[Exception] = []
        self.seen = Watched(len(images))

    async def run(self) -> Watched:
        """Open, stream, close; never raise for what the cluster did."""
        begin = time.monotonic()
        try:
            async with asyncio.timeout(self._limit_s):
                await self._run()
        except ClusterError as error:
            self.seen.error = error
        finally:
            await self._cluster.close()
            for task in self._tasks:
                task.cancel()
            ends = await asyncio.gather(*self._tasks, return_exceptions=True)
            self._wrong += [e for e in ends if isinstance(e, Exception)]
        if self._wrong:
            raise self._wrong[0]
        self.seen.seconds = time.monotonic() - begin
        return self.seen

    async def _run(self) -> None:
        if self._moment == BEFORE_GO:
            self._start(self._early())
        await self._cluster.open()
        self.seen.ran = time.monotonic()
        session = self._cluster.session
        if session is None:
            return
        session.on_recovery(self._recovery)
        self.seen.recoveries = session.recoveries
        session.submit(self._images)
        await self._collect(session)
        if self._moment == DRAINING:
            await self._hit()
        await session.close()
        self.seen.error = self.seen.error or session.failure

    async def _collect(self, session: Session) -> None:
        done, total = 0, len(self._images)
        due = {FIRST: 1, MIDDLE: total // 2, RECOVERY: total // 2, LAST: total - 20}
        at = due.get(self._moment)
        try:
            async for chunk in session.chunks():
                self.seen.chunks.append(chunk)
                done += len(chunk.frames)
                if at is not None and done >= at:
                    at = None
                    self._start(self._hit())
        except ClusterError as error:
            self.seen.error = error

    def _recovery(self, recovery: Recovery) -> None:
        first = self.seen.recoveries[:1] == [recovery]
        if self._moment == RECOVERY and recovery.seconds is None and first:
            self._start(self._hit())

    async def _early(self) -> None:
        """Act when the workers' processes are there."""
        while not self._there:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(0.001)
        await self._hit()

    @property
    def _there(self) -> bool:
        """Tell whether all workers are there; on hosts they come before the client."""
        if isinstance(self._cluster, HostCluster):
            return self._cluster.session is not None
        return len(self._cluster.pids) >= 2 + len(self._cluster.plan.partitions)

    async def _hit(self) -> None:
        self.seen.hits.append(time.monotonic())
        await self._act(self._cluster)

    def _start(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)


def worker_pid(cluster: Cluster, partition: int) -> int:
    """Return the process that runs a partition now, or will."""
    name = cluster.plan.partitions[partition % len(cluster.plan.partitions)].name
    for entry in cluster.roster:
        if entry["partition"] == name and entry["partition"] != CLIENT:
            return int(entry["pid"])
    return cluster.pids[name]
