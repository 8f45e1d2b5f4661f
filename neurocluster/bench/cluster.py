"""Measure a cluster of real processes on this machine: speed, memory, losses."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import uvloop

from neurocluster.bench.processes import core_count, cpu_ns, pss_mib
from neurocluster.client.reports import RECEIVED, SENT
from neurocluster.client.results import Chunk
from neurocluster.client.session import Session
from neurocluster.cluster.base import Cluster
from neurocluster.cluster.local import LocalCluster
from neurocluster.config import RunConfig
from neurocluster.dtypes import I64, U8
from neurocluster.errors import ClusterError
from neurocluster.launch.spawn import Template, spawn_template

WARM_UP: Final = 10
"""One frame of this many, at the start, is left out."""
SINGLE: Final = 3
"""One frame of this many is enough with one in flight."""


def speed_step(config: RunConfig, images: U8, frames: int) -> dict[str, float]:
    """Measure speed, CPU time and memory with the window full."""
    run = run_cluster(LocalCluster, config, images, frames)
    rows = run.rows[run.warm :]
    spent = run.last_cpu_ns - run.first_cpu_ns
    cores = min(core_count(), run.processes)
    kernel = sum(report["worker"]["kernel_ns"] for report in run.reports)
    return {
        "speed_fps": run.rate(),
        "speed_cpu_us": spent / len(rows) / 1e3,
        "speed_kernel_in_place_us": kernel / frames / 1e3,
        "speed_busy_percent": 100 * spent / (run.last_ns - run.first_ns) / cores,
        "speed_hops": len(run.network["links"]),
        "speed_lost": run.lost(),
        **_memory(run),
    }


def single_step(config: RunConfig, images: U8, frames: int) -> dict[str, float]:
    """Measure the latency of one frame in flight, client to result."""
    frames = max(frames // SINGLE, WARM_UP)
    run = run_cluster(LocalCluster, config.replace(window=1), images, frames)
    rows = run.rows[run.warm :]
    latency = (rows["done_ns"] - rows["started_ns"]) / 1e3
    p50, p99 = np.percentile(latency, (50, 99))
    return {
        "single_p50_us": float(p50),
        "single_p99_us": float(p99),
        "single_lost": run.lost(),
    }


def stop_step(config: RunConfig, images: U8, frames: int) -> dict[str, float]:
    """Stop a cluster in mid-stream; count what was sent and not received."""
    stop_after = max(frames // SINGLE, 1)
    run = run_cluster(LocalCluster, config, images, frames, stop_after)
    return {"stop_frames": len(run.rows), "stop_lost": run.lost()}


@dataclass
class Run:
    """What one run of a cluster left.

    Attributes:
        rows: Finished frames, see `client.engine.RESULT`.
        warm: Frames that do not count.
    """

    warm: int
    rows: Any = None
    first_ns: int = 0
    first_cpu_ns: int = 0
    last_ns: int = 0
    last_cpu_ns: int = 0
    processes: int = 0
    pss: dict[str, list[float | None]] = field(default_factory=dict)
    network: Any = None
    reports: Sequence[Any] = ()
    links: I64 | None = None

    def rate(self) -> float:
        """Return frames a second after the warm-up."""
        done_ns = self.rows["done_ns"][self.warm :]
        return (len(done_ns) - 1) / (float(done_ns[-1] - done_ns[0]) / 1e9)

    def lost(self) -> int:
        """Return spikes sent minus spikes received, all links.

        Raises:
            ClusterError: Nobody has reported.
        """
        if self.links is None:
            message = "the frame reports are missing"
            raise ClusterError(message)
        return int((self.links[:, SENT] - self.links[:, RECEIVED]).sum())


def run_cluster(
    make: Callable[..., Cluster], config: RunConfig, images: U8, frames: int,
    stop_after: int | None = None,
) -> Run:  # fmt: skip
    """Run a cluster that ``make`` returns, given settings and a template.

    Raises:
        ClusterError: It failed.
    """
    template = spawn_template()
    try:
        cluster = make(config, template=template)
        return uvloop.run(_stream(cluster, template, images, frames, stop_after))
    finally:
        template.discard()


async def _stream(
    cluster: Cluster, template: Template, images: U8, frames: int,
    stop_after: int | None,
) -> Run:  # fmt: skip
    flat = images.reshape(len(images), -1)
    stream = np.resize(flat, (frames, flat.shape[1]))
    run = Run(frames // WARM_UP)
    async with cluster:
        session = cluster.session
        if session is None:
            message = "the cluster is not open"
            raise ClusterError(message)
        pids = [int(entry["pid"]) for entry in session.roster]
        pids.append(int(session.controller["pid"]))
        run.processes = len(session.roster)
        session.submit(stream)
        chunks = await _collect(run, session, pids, stop_after)
        run.last_ns, run.last_cpu_ns = time.monotonic_ns(), cpu_ns(pids)
        run.pss = _pss(session, template)
        await session.close()
        if session.failure is not None:
            raise session.failure
        run.network, run.reports = session.network, session.reports
        run.links = session.link_counts()
    run.rows = np.concatenate([chunk.rows for chunk in chunks])
    return run


async def _collect(
    run: Run, session: Session, pids: list[int], stop_after: int | None
) -> list[Chunk]:
    """Take all results; note the time and the CPU time when the warm-up ends."""
    chunks, done = [], 0
    async for chunk in session.chunks():
        chunks.append(chunk)
        done += len(chunk.frames)
        if not run.first_ns and done >= run.warm:
            run.first_ns, run.first_cpu_ns = time.monotonic_ns(), cpu_ns(pids)
            run.warm = done
        if stop_after is not None and done >= stop_after:
            session.stop()
    return chunks


def _pss(session: Session, template: Template) -> dict[str, list[float | None]]:
    workers = [e["pid"] for e in session.roster if e["partition"] != "client"]
    return {
        "workers": [pss_mib(pid) for pid in workers],
        "template": [pss_mib(template.process.pid)],
        "controller": [pss_mib(int(session.controller["pid"]))],
    }


def _memory(run: Run) -> dict[str, float]:
    """Return proportional set sizes, or nothing where the system tells none."""
    sizes = {
        name: [size for size in found if size is not None]
        for name, found in run.pss.items()
    }
    if any(len(sizes[name]) != len(run.pss[name]) for name in sizes):
        return {}
    return {
        "pss_worker_mib": max(sizes["workers"]),
        "pss_workers_mib": sum(sizes["workers"]),
        "pss_template_mib": sizes["template"][0],
        "pss_controller_mib": sizes["controller"][0],
        "pss_all_mib": sum(map(sum, sizes.values())),
    }
