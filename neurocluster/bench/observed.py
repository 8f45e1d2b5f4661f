"""Run a real cluster and see what each of its threads did, after a warm-up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

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
    """What the threads of a process did, ns.

    Attributes:
        cpu: Of the main thread.
        delay: It could have run, and had no core.
        others: Work of all other threads.
    """

    cpu: int
    delay: int
    others: int

    def since(self, before: Ran) -> Ran:
        """Return what was done since then."""
        return Ran(
            self.cpu - before.cpu, self.delay - before.delay,
            self.others - before.others,
        )  # fmt: skip


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
        slowest: By node, what it waited for the slowest one, ns, of the whole run.
    """

    rows: Records
    wall_ns: int
    frames: int
    ran: Mapping[str, Ran]
    packets: float
    rounds: float
    slowest: Mapping[str, int]

    @property
    def frames_per_second(self) -> float:
        """Return the frames a second."""
        done = self.rows["done_ns"]
        return (len(done) - 1) / (float(done[-1] - done[0]) / 1e9)

    @property
    def workers(self) -> list[Ran]:
        """Return what the workers did."""
        return [r for name, r in self.ran.items() if name not in (CLIENT, CONTROLLER)]


def ran(pid: int) -> Ran:
    """Return what the threads of a process did so far."""
    tasks = Path(f"/proc/{pid}/task")
    main, others = (0, 0), 0
    for task in tasks.iterdir():
        words = (task / "schedstat").read_text().split()
        if task.name == str(pid):
            main = int(words[0]), int(words[1])
        else:
            others += int(words[0])
    return Ran(*main, others)


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
    return Observed(
        rows[len(rows) // WARM :], int(rows["done_ns"][-1]) - begin_ns,
        int((rows["done_ns"] > begin_ns).sum()), spent, packets / len(rows),
        barrier.get("rounds", 0) / len(rows), _slowest(barrier),
    )  # fmt: skip


def _slowest(barrier: Mapping[str, Any]) -> dict[str, int]:
    return {row[0]: int(row[1]) for row in barrier.get("nodes", ())}
