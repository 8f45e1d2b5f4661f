"""Simulate a plan from settings to outcome: place it, record it, copy it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from neurocluster.config import RunConfig
from neurocluster.data.idx import Dataset
from neurocluster.dtypes import I64, U8
from neurocluster.errors import ConfigError, DataError
from neurocluster.launch.predict import predict_placement
from neurocluster.model.convert import FixedNetwork
from neurocluster.model.partition import Plan
from neurocluster.model.placement import Host, check_pins
from neurocluster.simulate.clock import BARRIERS, CENTRAL
from neurocluster.simulate.cluster import CLOCKED, Cluster, turned
from neurocluster.simulate.costs import Costs
from neurocluster.simulate.outcome import Outcome, outcome_of
from neurocluster.simulate.site import Site, span_of, spread
from neurocluster.simulate.work import Work

SIMULATED: Final = ("none", *CLOCKED, "frame")
"""Clocks."""
MOST_PARTITIONS: Final = 20_000
"""Of all copies: some 250 KB each."""
Told = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Study:
    """One simulation.

    Attributes:
        work: What is run.
        site: On what.
        costs: Of everything.
        placement: Host of each partition of a copy, over the hosts that it lies on.
        copies: Of the plan.
        seed: Of what is drawn.
        barrier: Of a clock, one of `clock.BARRIERS`.
    """

    work: Work
    site: Site
    costs: Costs
    placement: dict[str, int]
    copies: int = 1
    seed: int = 0
    barrier: str = CENTRAL

    def run(
        self, images: U8, indices: I64, told: Told = lambda _what, _done: None
    ) -> Outcome:
        """Run all frames.

        Args:
            images: (frames, pixels) uint8.
            indices: (frames,) int64, index of each in the data set.
            told: What is being done, and how many frames of it are done.

        Raises:
            ClusterError: An engine failed.
        """
        frames, spread_out = len(images), self._spread(self.copies)
        if self.copies == 1:
            cluster = self._cluster(spread_out)
            cluster.run(lambda _copy: images, frames, lambda n: told("simulating", n))
            return outcome_of(cluster, indices)
        first = self._cluster(spread_out[:1], record=True)
        first.run(lambda _copy: images, frames, lambda n: told("recording", n))
        traces = first.traces(frames)
        told("building", 0)
        cluster = self._cluster(spread_out, traces=traces)
        cluster.run(
            lambda copy: turned(images, copy), frames, lambda n: told("simulating", n)
        )
        return outcome_of(cluster, indices)

    def _spread(self, copies: int) -> list[dict[str, int]]:
        return spread(self.placement, copies, self.site.hosts)

    def _cluster(self, placement: list[dict[str, int]], **more: Any) -> Cluster:
        return Cluster(
            self.work, self.site, self.costs, placement, seed=self.seed,
            barrier=self.barrier, **more,
        )  # fmt: skip


def study_of(
    config: RunConfig, fixed: FixedNetwork, plan: Plan, site: Site, costs: Costs,
    *, copies: int = 1, span: int = 0, barrier: str = "",
) -> Study:  # fmt: skip
    """Return the simulation that settings describe.

    A barrier that is given counts for more than that of the settings.

    Raises:
        ConfigError: There are too many partitions, or a setting is not simulated.
        PartitionError: The settings pin what is not there.
    """
    partitions = copies * len(plan.partitions)
    if partitions > MOST_PARTITIONS:
        message = (
            f"copies: {copies} of {len(plan.partitions)} partitions are "
            f"{partitions:,}; at most {MOST_PARTITIONS:,} are simulated"
        )
        raise ConfigError(message)
    share = span_of(copies, site.hosts, len(fixed.graph.stages), span)
    if config.clock not in SIMULATED:
        message = f"clock: {config.clock} is not simulated; {', '.join(SIMULATED)} are"
        raise ConfigError(message)
    barrier = barrier or config.barrier
    if barrier not in BARRIERS:
        message = f"barrier: {barrier!r} is none of {', '.join(BARRIERS)}"
        raise ConfigError(message)
    rules = config.impairments()
    rules.check_names([p.name for p in plan.partitions])
    work = Work(
        fixed, plan, config.quantizer, config.fire,
        1 if config.clock == "frame" else config.window, config.max_spikes, config.hwm,
        config.clock, config.max_linger_us, rules,
    )  # fmt: skip
    hosts = [Host(f"h{k + (site.hosts > 1)}", site.cores) for k in range(share)]
    check_pins(plan, hosts, config.place)
    names = [host.name for host in hosts]
    placed = {p.name: names[0] for p in plan.partitions}
    if share > 1:
        placed = predict_placement(config, fixed, plan, hosts)
    placement = {name: names.index(host) for name, host in placed.items()}
    return Study(work, site, costs, placement, copies, config.seed, barrier)


def flat_images(data: Dataset, frames: I64) -> U8:
    """Return the frames of a data set as clients stream them.

    Raises:
        DataError: They are not bytes.
    """
    images: np.ndarray[Any, Any] = data.images[frames]
    if images.dtype != np.uint8:
        message = f"{data.source}: simulate takes images of bytes, not {images.dtype}"
        raise DataError(message)
    return images.reshape(len(images), -1)
