"""Run a real cluster and see what its main threads did, after a warm-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import uvloop

from neurocluster.cluster.local import LocalCluster
from neurocluster.config import RunConfig
from neurocluster.dtypes import CLIENT, U8, Records
from neurocluster.errors import ClusterError
from neurocluster.launch.spawn import Template, spawn_template

WARM: Final = 10
"""One frame of so many, at the start, is left out."""
CONTROLLER: Final = "controller"
PACKETS: Final = 3
"""Place in a row of a report's outbound links."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What the main thread of a process did, ns.

    Attributes:
        cpu: It worked.
        delay: It could have run, and had no core.
    """

    cpu: int
    delay: int

    def since(self, before: Ran) -> Ran:
        """Return what was done since then."""
        return Ran(self.cpu - before.cpu, self.delay - before.delay)


@dataclass(frozen=True, slots=True)
class Observed:
    """What a run left.

    Attributes:
        rows: Frames after the warm-up, RESULT.
        wall_ns: From the end of the warm-up to the last frame.
        frames: That were done in this time.
        ran: By partition, ``client`` and ``controller``, in this time.
        packets: Of one frame, all links, the warm-up included.
        rounds: Of a clock, for one frame; 0 without.
        turns: Of a worker, mean, for one frame; the warm-up included.
    """

    rows: Records
    wall_ns: int
    frames: int
    ran: Mapping[str, Ran]
    packets: float
    rounds: float
    turns: float

    @property
    def workers(self) -> list[Ran]:
        """Return what the workers did."""
        return [r for name, r in self.ran.items() if name not in (CLIENT, CONTROLLER)]


def ran(pid: int) -> Ran:
    """Return what the main thread of a process did so far."""
    words = Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()
    return Ran(int(words[0]), int(words[1]))


def observe(config: RunConfig, images: U8) -> Observed:
    """Run a cluster on this machine.

    Args:
        config: Of the run.
        images: (frames, pixels) uint8.

    Raises:
        ClusterError: It failed.
    """
    template = spawn_template()
    try:
        return uvloop.run(_stream(config, template, images))
    finally:
        template.discard()


async def _stream(config: RunConfig, template: Template, images: U8) -> Observed:
    chunks, done, begin, begin_ns = [], 0, dict[str, Ran](), 0
    async with LocalCluster(config, template=template) as cluster:
        session = cluster.session
        if session is None:
            message = "the cluster is not open"
            raise ClusterError(message)
        pids = {str(e["partition"]): int(e["pid"]) for e in session.roster}
        pids[CONTROLLER] = int(session.controller["pid"])
        session.submit(images)
        async for chunk in session.chunks():
            chunks.append(chunk)
            done += len(chunk.frames)
            if not begin and done >= len(images) // WARM:
                begin_ns = int(chunk.rows["done_ns"][-1])
                begin = {name: ran(pid) for name, pid in pids.items()}
        spent = {name: ran(pid).since(begin[name]) for name, pid in pids.items()}
        await session.close()
        if session.failure is not None:
            raise session.failure
        reports, barrier = session.reports, session.barrier
    rows = np.concatenate([chunk.rows for chunk in chunks])
    packets = sum(row[PACKETS] for r in reports for row in r["outbound"])
    workers = [r["worker"] for r in reports if r["worker"]["partition"] >= 0]
    turns = sum(counts["turns"] for counts in workers) / len(workers)
    return Observed(
        rows[len(rows) // WARM :], int(rows["done_ns"][-1]) - begin_ns,
        int((rows["done_ns"] > begin_ns).sum()), spent, packets / len(rows),
        barrier.get("rounds", 0) / len(rows), turns / len(rows),
    )  # fmt: skip
