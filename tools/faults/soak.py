"""Stream for a long time, under random faults or without any, and watch for growth.

The images of the data set come again and again; each result is compared with that of
one process. Memory, descriptors and processes are sampled all the while.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import statistics
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from neurocluster import LocalCluster, load_dataset
from neurocluster.client.results import Chunk, Recovery
from neurocluster.kernels.chain import Chain
from neurocluster.model.convert import convert
from neurocluster.model.load import load_network
from tools.faults import injure
from tools.faults.watched import worker_pid

SAMPLE_S: Final = 5.0
BATCH: Final = 10_000
BUDGET: Final = 3
"""Restarts of a slot within a minute; more would rightly end the run."""
MINUTE_S: Final = 62.0
MOST_LINES: Final = 30
"""Of the faults and of what they led to, at the end of the report."""


@dataclass
class Tally:
    """What a soak saw.

    Attributes:
        frames: Results.
        wrong: Results that are not those of one process.
        misplaced: Results that did not come in their place, or twice.
        faults: What was done, and when (s).
        recoveries: Seconds each recovery took for the client.
        reasons: Why, and when (s).
        latency_us: Median of each sample.
        rates: Frames/s of each sample.
        samples: Memory (KiB), descriptors and processes over time.
    """

    frames: int = 0
    wrong: int = 0
    misplaced: int = 0
    faults: list[tuple[float, str]] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)
    reasons: list[tuple[float, str]] = field(default_factory=list)
    latency_us: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    samples: list[dict[str, float]] = field(default_factory=list)


class Soak:
    """Stream through one cluster until the time is over."""

    def __init__(self, minutes: float, seed: int, every_s: float) -> None:
        """Take the length, and the mean time between faults (0: no faults)."""
        self._end = time.monotonic() + 60 * minutes
        self._random, self._every_s = random.Random(seed), every_s
        self._images = load_dataset().images[:BATCH]
        self._counts = Chain(convert(load_network(None))).run(self._images).counts
        self._latency: deque[float] = deque(maxlen=20_000)
        self._used: dict[int, deque[float]] = {}
        self._begin = time.monotonic()
        self.tally = Tally()

    async def run(self) -> Tally:
        """Stream; return what was seen."""
        async with LocalCluster(recovery_s=30) as cluster:
            session = cluster.session
            if session is None:
                raise RuntimeError
            session.on_recovery(self._recovery)
            work = [asyncio.create_task(self._sample(cluster))]
            if self._every_s:
                work.append(asyncio.create_task(self._injure(cluster)))
            try:
                async for chunk in self._chunks(cluster):
                    self._check(chunk)
            finally:
                for task in work:
                    task.cancel()
                await asyncio.gather(*work, return_exceptions=True)
            self._take(cluster)
        return self.tally

    async def _chunks(self, cluster: LocalCluster) -> AsyncIterator[Chunk]:
        session = cluster.session
        while session is not None and time.monotonic() < self._end:
            session.submit(self._images)
            expected = 0
            async for chunk in session.chunks():
                wanted = range(expected, expected + len(chunk.frames))
                self.tally.misplaced += chunk.frames.tolist() != list(wanted)
                expected += len(chunk.frames)
                yield chunk
            self.tally.misplaced += expected != len(self._images)

    def _check(self, chunk: Chunk) -> None:
        good = (chunk.counts == self._counts[chunk.frames]).all(1)
        self.tally.wrong += int((~good).sum()) + len(chunk.errors)
        self.tally.frames += len(chunk.frames)
        spans = (chunk.rows["done_ns"] - chunk.rows["started_ns"]) / 1e3
        self._latency.extend(spans.tolist())

    def _recovery(self, recovery: Recovery) -> None:
        if recovery.seconds is not None:
            self.tally.recoveries.append(recovery.seconds)
        else:
            now_s = round(time.monotonic() - self._begin, 3)
            self.tally.reasons.append((now_s, recovery.reason))

    async def _injure(self, cluster: LocalCluster) -> None:
        while True:
            await asyncio.sleep(self._random.expovariate(1 / self._every_s))
            victim = self._random.randrange(4)
            now = time.monotonic()
            used = self._used.setdefault(victim, deque())
            while used and now - used[0] > MINUTE_S:
                used.popleft()
            kind = self._random.choice(["kill", "stop", "pause", "cut", "slow"])
            if kind in ("kill", "stop"):
                if len(used) == BUDGET:
                    continue
                used.append(now)
            self.tally.faults.append((round(now - self._begin, 3), f"{kind} {victim}"))
            await self._hit(cluster, kind, victim)

    async def _hit(self, cluster: LocalCluster, kind: str, victim: int) -> None:
        pid = worker_pid(cluster, victim)
        if kind == "kill":
            injure.kill(pid)
        elif kind == "stop":
            injure.stop(pid)
        elif kind == "pause":
            injure.stop(pid)
            await asyncio.sleep(self._random.uniform(0.01, 0.6))
            injure.go_on(pid)
        elif kind == "slow":
            async with injure.slowed(pid, 20):
                await asyncio.sleep(1)
        else:
            for entry in cluster.roster:
                if entry["pid"] == pid:
                    with contextlib.suppress(FileNotFoundError):  # cut or gone
                        injure.cut_data_socket(pid, entry["endpoint"])

    async def _sample(self, cluster: LocalCluster) -> None:
        frames, then = 0, time.monotonic()
        while True:
            await asyncio.sleep(SAMPLE_S)
            now = time.monotonic()
            self.tally.rates.append((self.tally.frames - frames) / (now - then))
            frames, then = self.tally.frames, now
            if self._latency:
                self.tally.latency_us.append(statistics.median(self._latency))
                self._latency.clear()
            self._take(cluster)

    def _take(self, cluster: LocalCluster) -> None:
        pids = list(cluster.pids.values())
        found: dict[str, float] = {"t": time.monotonic() - self._begin}
        client = Path("/proc/self")
        found["client KiB"] = resident_kib(client)
        found["client descriptors"] = count(client / "fd")
        for name in ("controller", "launcher"):
            path = Path("/proc") / str(cluster.pids[name])
            found[f"{name} KiB"] = resident_kib(path)
            found[f"{name} descriptors"] = count(path / "fd")
        live = [p for p in pids if Path(f"/proc/{p}").exists()]
        workers = [Path(f"/proc/{p}") for p in live[2:]]
        found["workers KiB"] = sum(map(resident_kib, workers))
        found["workers descriptors"] = sum(count(path / "fd") for path in workers)
        found["processes"] = len(list(children(cluster.pids["launcher"])))
        self.tally.samples.append(found)


def children(pid: int) -> Iterator[int]:
    """Yield the processes that a process started."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    if path.exists():
        yield from map(int, path.read_text().split())


def count(folder: Path) -> int:
    """Return how many entries a folder has; 0 if it is gone."""
    try:
        return len(list(folder.iterdir()))
    except OSError:
        return 0


def resident_kib(process: Path) -> int:
    """Return a process's own memory; 0 if it is gone."""
    try:
        for line in (process / "status").read_text().splitlines():
            if line.startswith("RssAnon"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def growth(samples: list[dict[str, float]], key: str) -> tuple[float, float]:
    """Return medians of the second and of the last fifth of the samples."""
    values = [sample[key] for sample in samples if key in sample]
    fifth = max(1, len(values) // 5)
    early = values[fifth : 2 * fifth] or values
    return statistics.median(early), statistics.median(values[-fifth:])


def summary(tally: Tally) -> dict[str, Any]:
    """Return figures for a person."""
    keys = [key for key in tally.samples[-1] if key != "t"]
    moved = {key: [round(v) for v in growth(tally.samples, key)] for key in keys}
    rates, latency = np.array(tally.rates), np.array(tally.latency_us)
    fifth = max(1, len(rates) // 5)
    return {
        "frames": tally.frames,
        "wrong": tally.wrong,
        "misplaced or repeated": tally.misplaced,
        "faults": len(tally.faults),
        "recoveries": len(tally.recoveries),
        "longest recovery s": round(max(tally.recoveries, default=0), 2),
        "frames/s, second and last fifth": [
            round(float(np.median(part)))
            for part in (rates[fifth : 2 * fifth], rates[-fifth:])
            if len(part)
        ],
        "median latency us, second and last fifth": [
            round(float(np.median(part)))
            for part in (latency[fifth : 2 * fifth], latency[-fifth:])
            if len(part)
        ],
        "second and last fifth": moved,
    }


def main(minutes: float, seed: int, every_s: float) -> int:
    """Soak; print what was seen; return 1 if a result was wrong or lost."""
    soak = Soak(minutes, seed, every_s)
    try:
        asyncio.run(soak.run())
    finally:
        print(json.dumps(summary(soak.tally), indent=1))
        tally = soak.tally
        for when, what in sorted([*tally.faults, *tally.reasons])[-MOST_LINES:]:
            print(f"  {when:8.2f} s {what}")
    return 1 if soak.tally.wrong or soak.tally.misplaced else 0
