"""Measure what the barriers of a clock cost alone, and what they add to a frame.

Alone: a real controller, real workers and a client whose clock lets one frame start and
then opens round after round, in which nobody has anything to do.

In a frame: one partition, one frame in flight, with a clock and without. Under a clock
a frame waits for one barrier more; meanwhile its packet is on its way, which it is
without a clock, too. So what the clock adds, and that way, together are the barrier, or
the comparison of clocked and free-running clusters measures something else besides.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import uvloop

from neurocluster.bench.cluster import SINGLE, WARM_UP, Run, run_cluster
from neurocluster.client.session import Session
from neurocluster.cluster.local import LocalCluster
from neurocluster.config import RunConfig
from neurocluster.dtypes import U8
from neurocluster.errors import ClusterError
from neurocluster.launch.spawn import spawn_template
from neurocluster.member.rounds import IDLE
from neurocluster.model.graph import Dense, Graph, Input, Shape
from neurocluster.model.save import save_network
from neurocluster.wire.shapes import INBOUND_ROW

NODES: Final = (2, 4, 8, 16)
KINDS: Final = ("central", "dissemination")
INPUTS, OUTPUTS = 4, 16
BLOCKS: Final = 20
"""Of a bench of FRAMES frames or more; of fewer there are fewer."""
FRAMES: Final = 2000
BLOCK_S: Final = 0.05
SETTLING_S: Final = 0.3
LEAST_ROUNDS: Final = 10
"""Of a block."""
MOST_S: Final = 20.0
"""After which rounds do not go on."""


class IdleCluster(LocalCluster):
    """A cluster on this machine whose clock opens rounds of no work."""

    def _place(self) -> dict[str, str]:
        return {**super()._place(), "clock": IDLE}


def barrier_step(kind: str, frames: int) -> dict[str, float]:
    """Measure a round without work, in microseconds, for some numbers of nodes.

    Args:
        kind: See KINDS.
        frames: Of a run of other steps; fewer take less time here, too.

    Raises:
        ClusterError: A cluster failed.
    """
    found: dict[str, float] = {}
    blocks = max(min(frames, FRAMES) * BLOCKS // FRAMES, 2)
    with TemporaryDirectory(prefix="nc-bench-") as folder:
        network = _network(Path(folder))
        for nodes in NODES:
            split = {"tiny": f"neurons:{nodes - 1}"} if nodes > 2 else {}
            config = RunConfig().replace(network=network, barrier=kind, split=split)
            p10, p50, p90 = np.percentile(_rounds(config, blocks), (10, 50, 90))
            name = f"barrier_{kind}_{nodes}"
            found |= {
                f"{name}_us": float(p50), f"{name}_p10_us": float(p10),
                f"{name}_p90_us": float(p90),
            }  # fmt: skip
    return found


def clock_step(frames: int) -> dict[str, float]:
    """Measure what a clock adds to the latency of one frame in flight.

    Args:
        frames: Of a run.

    Raises:
        ClusterError: A cluster failed.
    """
    frames = max(frames // SINGLE, WARM_UP)
    images = np.full((1, INPUTS), 255, np.uint8)
    with TemporaryDirectory(prefix="nc-bench-") as folder:
        base = RunConfig().replace(network=_network(Path(folder)), window=1)
        free = run_cluster(LocalCluster, base, images, frames)
        found = {"clock_none_us": _latency_us(free), "clock_hop_us": _hop_us(free)}
        for kind in KINDS:
            config = base.replace(clock="pipeline", barrier=kind)
            run = run_cluster(LocalCluster, config, images, frames)
            adds = _latency_us(run) - found["clock_none_us"]
            found |= {
                f"clock_{kind}_adds_us": adds,
                f"clock_{kind}_us": adds + found["clock_hop_us"],
            }
    return found


def _network(folder: Path) -> str:
    weight = np.full((OUTPUTS, INPUTS), 1 / 16, np.float32)  # too small to fire
    layer = Dense("tiny", OUTPUTS, False, weight, np.zeros(OUTPUTS, np.float32))
    graph = Graph("tiny", Input(Shape(1, 1, INPUTS)), (layer,))
    path = folder / "tiny.npz"
    save_network(path, graph)
    return str(path)


def _latency_us(run: Run) -> float:
    rows = run.rows[run.warm :]
    return float(np.median(rows["done_ns"] - rows["started_ns"]) / 1e3)


def _hop_us(run: Run) -> float:
    """Return how long a packet is on its way to the partition."""
    to = next(k for k, _, source, _ in run.network["links"] if source == "client")
    place = INBOUND_ROW.index("transit_p50")
    rows = [row for report in run.reports for row in report["inbound"]]
    return float(next(row[place] for row in rows if row[0] == to) / 1e3)


def _rounds(config: RunConfig, blocks: int) -> list[float]:
    """Return microseconds a round, by block, of an idle cluster."""
    template = spawn_template()
    try:
        return uvloop.run(_watch(IdleCluster(config, template=template), blocks))
    finally:
        template.discard()


async def _watch(cluster: IdleCluster, blocks: int) -> list[float]:
    async with cluster:
        session = cluster.session
        if session is None:
            message = "the cluster is not open"
            raise ClusterError(message)
        session.submit(_frame())
        async for _ in session.chunks():
            pass
        await asyncio.sleep(SETTLING_S)
        found = [await _block(session) for _ in range(blocks)]
        await session.close()
        if session.failure is not None:
            raise session.failure
    return found


def _frame() -> U8:
    return np.zeros((1, INPUTS), np.uint8)


async def _block(session: Session) -> float:
    """Return microseconds a round over a while in which there were several."""
    first, begin = session.round, time.monotonic()
    while True:
        await asyncio.sleep(BLOCK_S)
        rounds, spent = session.round - first, time.monotonic() - begin
        if rounds >= LEAST_ROUNDS:
            return spent / rounds * 1e6
        if spent > MOST_S or session.failure is not None:
            message = f"only {rounds} rounds opened in {spent:.0f} s"
            raise ClusterError(message)
