"""Measure a cluster of real processes on this machine."""

from __future__ import annotations

import time
from typing import Any, Final

import numpy as np
import uvloop

from neurocluster.client.results import table_of
from neurocluster.cluster import LocalCluster
from neurocluster.config import RunConfig
from neurocluster.data.idx import load_dataset

WARM_UP: Final = 10
"""One frame of this many, at the start, is left out."""


def cluster_round(config: RunConfig, frames: int, prefix: str) -> dict[str, float]:
    """Run one cluster; return its figures, names led by a prefix."""
    found = uvloop.run(_round(config, frames))
    return {f"{prefix}_{name}": value for name, value in found.items()}


async def _round(config: RunConfig, frames: int) -> dict[str, float]:
    images = load_dataset(None).images
    flat = images.reshape(len(images), -1)
    stream = np.resize(flat[:1000], (frames, flat.shape[1]))
    begin = time.monotonic()
    async with LocalCluster(config) as cluster:
        opened = time.monotonic() - begin
        session = cluster.session
        if session is None:
            return {}
        own = time.process_time()
        session.submit(stream)
        chunks = [chunk async for chunk in session.chunks()]
        own = time.process_time() - own
        await session.close()
        table = table_of(chunks, session.frame_reports(), 0)
        workers = [report["worker"] for report in session.reports]
    return _figures(table.rows, workers, opened, own, frames)


def _figures(
    rows: Any, workers: list[dict[str, Any]], opened: float, own: float, frames: int
) -> dict[str, float]:
    rows = rows[frames // WARM_UP :]
    seconds = float(rows["done_ns"][-1] - rows["done_ns"][0]) / 1e9
    latency = (rows["done_ns"] - rows["started_ns"]) / 1e3
    cpu = own + sum(w["run_cpu_ns"] for w in workers if w["partition"] >= 0) / 1e9
    kernel = sum(w["kernel_ns"] for w in workers) / 1e9
    speed = (len(rows) - 1) / seconds
    hops = sum(w["partition"] >= 0 for w in workers) + 1
    return {
        "fps": speed,
        "p50_us": float(np.percentile(latency, 50)),
        "p99_us": float(np.percentile(latency, 99)),
        "cpu_us": cpu / frames * 1e6,
        "hop_us": (cpu - kernel) / frames / hops * 1e6,
        "busy": cpu / frames * speed / 2,
        "open_s": opened,
        "rss_mib": sum(w["rss_kib"] for w in workers if w["partition"] >= 0) / 1024,
    }
