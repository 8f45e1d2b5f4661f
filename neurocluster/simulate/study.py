"""Simulate a plan from settings to outcome: place it, record it, copy it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
REAL_ONLY: Final[Mapping[str, Any]] = {
    "order_seed": None, "dilation": 1.0, "tu": None, "trace": 0,
}  # fmt: skip
"""Settings of real runs that a simulation has no counterpart of, with their defaults:
it has an order and a time of its own, and is not recorded."""
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

    A barrier that is given counts for more than that of the settings, which is not
    looked at without a clock that opens rounds.

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
    check_simulated(config)
    barrier = _barrier(config, barrier)
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


def check_simulated(config: RunConfig) -> None:
    """Refuse settings that are not simulated, rather than ignore them.

    Raises:
        ConfigError: There is one.
    """
    if config.clock not in SIMULATED:
        message = f"clock: {config.clock} is not simulated; {', '.join(SIMULATED)} are"
        raise ConfigError(message)
    for name, default in REAL_ONLY.items():
        value = getattr(config, name)
        if value != default:
            message = (
                f"{name}: {value:g} is not simulated; leave it out of the settings"
            )
            raise ConfigError(message)


def _barrier(config: RunConfig, given: str) -> str:
    """Return the barrier of a clock; without one, what is given is wrong."""
    rounds = config.clock in CLOCKED
    barrier = given or (config.barrier if rounds else CENTRAL)
    if barrier not in BARRIERS:
        message = f"barrier: {barrier!r} is none of {', '.join(BARRIERS)}"
        raise ConfigError(message)
    if given and not rounds:
        message = (
            f"barrier: {given} is of a clock that opens rounds, and clock "
            f"{config.clock} opens none; leave it out, or use clock "
            f"{' or '.join(CLOCKED)}"
        )
        raise ConfigError(message)
    return barrier


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
