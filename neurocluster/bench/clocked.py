"""Measure what a central barrier costs, on real clusters of two and three workers.

What a member does more than without a clock, by rounds, less the turns that it takes
more, is what it costs to hear of a round and to say that it is done. It is measured as
clocks are used, with the window full: with one frame in flight most members have
nothing else to do, and the same messages cost half as much, for what handles them is
still in the processor's caches. The controller does nothing else.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

import numpy as np

from neurocluster.bench.observed import CONTROLLER, Observed, observe
from neurocluster.bench.samples import Pair
from neurocluster.config import RunConfig
from neurocluster.dtypes import CLIENT
from neurocluster.model.save import save_network
from neurocluster.simulate.costs import Cost

PARTS: Final = 2
"""Hearing and telling, which share what is found half and half."""


@dataclass(frozen=True, slots=True)
class Price:
    """What one round of a barrier took of a cluster.

    Attributes:
        nodes: Workers and client.
        member_ns: Work of a member's main thread, mean.
        turns: That a member takes more than without a clock.
        controller_ns: Work of the controller's.
        round_ns: From round to round.
    """

    nodes: int
    member_ns: float
    turns: float
    controller_ns: float
    round_ns: float


def measure_prices(
    pairs: Sequence[Pair], config: RunConfig, frames: int
) -> Iterator[Price]:
    """Run each cluster without a clock and with one.

    Raises:
        ClusterError: A process failed.
    """
    for pair in pairs:
        with tempfile.TemporaryDirectory(prefix="nc-bench-") as folder:
            network = f"{folder}/part.npz"
            save_network(network, pair.graph)
            images = np.resize(pair.images, (frames, pair.images.shape[1]))
            settings = config.replace(
                network=network, threshold=(), split=pair.split, compare=False
            )
            free = observe(settings, images)
            clocked = observe(settings.replace(clock="pipeline"), images)
        yield price_of(free, clocked)


def price_of(free: Observed, clocked: Observed) -> Price:
    """Return what a round took, of the same frames without and with a clock."""
    names = [name for name in free.ran if name not in (CONTROLLER, CLIENT)]
    more = [
        _by_frame(clocked, name) - _by_frame(free, name) for name in names
    ]  # fmt: skip
    # What the controller does anyway goes with the time.
    idle = free.ran[CONTROLLER].cpu / free.wall_ns * clocked.wall_ns / clocked.frames
    controller = _by_frame(clocked, CONTROLLER) - idle
    rounds = clocked.rounds
    return Price(
        len(names) + 1, max(sum(more) / len(more) / rounds, 0.0),
        (clocked.turns - free.turns) / rounds,
        max(controller / rounds, 0.0), clocked.wall_ns / clocked.frames / rounds,
    )  # fmt: skip


def _by_frame(observed: Observed, name: str) -> float:
    return observed.ran[name].cpu / observed.frames


def fit_prices(prices: Sequence[Price], wake_ns: float) -> dict[str, Cost]:
    """Return costs of a clock, by their names.

    Args:
        prices: At least one.
        wake_ns: Of a turn; those that members take more are charged anyway.
    """
    member = median(max(p.member_ns - wake_ns * p.turns, 0.0) for p in prices) / PARTS
    controller = median(p.controller_ns / p.nodes for p in prices) / PARTS
    return {
        "clock_hear": Cost({"fixed": member}),
        "clock_tell": Cost({"fixed": member}),
        "barrier_hear": Cost({"fixed": controller}),
        "barrier_tell": Cost({"fixed": controller}),
    }
