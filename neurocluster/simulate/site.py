"""Say where simulated processes run and how long links between them take; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from neurocluster.errors import ConfigError
from neurocluster.impairments import JITTERS
from neurocluster.kernels.draw import TAIL
from neurocluster.simulate.costs import Costs
from neurocluster.simulate.machine import Wire
from neurocluster.simulate.records import FACTORS

MOST_HOSTS: Final = 1000
OWN_HOST: Final = 0
"""Of the client and the controller, where workers are on others."""


@dataclass(frozen=True, slots=True)
class Site:
    """Hosts, cores, and what is between them.

    Attributes:
        hosts: That run workers. One runs client and controller, too; more have these on
            a host of their own, as ``run --hosts`` has.
        cores: Of each host.
        wire_ns: Added to the way between hosts. It takes no core, as the delay of an
            impairment does.
        wire_jitter_ns: Added at random to that; see `impairments.LinkImpairment`.
        wire_jitter: Its distribution, one of `impairments.JITTERS`.
    """

    hosts: int = 1
    cores: int = 2
    wire_ns: int = 0
    wire_jitter_ns: int = 0
    wire_jitter: str = JITTERS[0]

    @property
    def all_cores(self) -> list[int]:
        """Return the cores of each simulated host."""
        return [self.cores] * (self.hosts if self.hosts == 1 else self.hosts + 1)

    def wire(self, costs: Costs, source: int, target: int) -> Wire:
        """Return how long packets from one host to another are under way."""
        if source == target:
            return Wire(costs.wire)
        table = jitter_table(self.wire_jitter) if self.wire_jitter_ns else ()
        return Wire(costs.network, self.wire_ns, self.wire_jitter_ns, table)


def jitter_table(kind: str) -> tuple[float, ...]:
    """Return quantiles of a kind of jitter whose scale is 1; see `kernels.draw`.

    The tails end at the quantile of half a step.
    """
    steps = np.linspace(0, 1, FACTORS + 1).clip(0.0, 1 - 0.5 / FACTORS)
    if kind == "normal":
        normal = NormalDist()
        return tuple(normal.inv_cdf((1 + float(p)) / 2) for p in steps)
    if kind == "exponential":
        return tuple((-np.log1p(-steps)).tolist())
    return tuple(((TAIL - 1) * ((1 - steps) ** (-1 / TAIL) - 1)).tolist())


def spread(
    placement: Mapping[str, int], copies: int, hosts: int
) -> list[dict[str, int]]:
    """Return for each copy the host of its partitions.

    First hosts of copies are spread evenly; from there each copy goes on as it is
    placed, behind the last host with the first.

    Args:
        placement: Of one copy, over as many hosts as it lies on, from 0.
        copies: Of the network.
        hosts: That run workers.
    """
    first = 0 if hosts == 1 else 1
    return [
        {
            name: first + (copy * hosts // copies + place) % hosts
            for name, place in placement.items()
        }
        for copy in range(copies)
    ]


def span_of(copies: int, hosts: int, layers: int, span: int = 0) -> int:
    """Return on how many hosts a copy lies.

    Args:
        copies: Of the network.
        hosts: That run workers.
        layers: Of the network that have weights.
        span: As asked for; 0 is all hosts for one copy, else a host for each layer, or
            more where there are enough for all copies.

    Raises:
        ConfigError: There are fewer hosts.
    """
    if not 0 <= span <= hosts:
        message = f"span: {span} hosts for each copy, of {hosts}; give 1 to {hosts}"
        raise ConfigError(message)
    if span:
        return span
    return max(hosts // copies, min(hosts, layers))


def client_host(copies: int, hosts: int, workers: Sequence[int]) -> int:
    """Return the host of a copy's client: its own with one copy, else the first's."""
    return OWN_HOST if copies == 1 or hosts == 1 else workers[0]
