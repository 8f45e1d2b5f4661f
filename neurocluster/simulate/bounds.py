"""Bound what any schedule could reach: a frame's latency, and frames a second; pure.

The lower bound of a frame's latency is its critical path on processors without end: the
least that its packets take from process to process, and in each process all that its
kernels worked on the frame. The upper bound of the throughput is that of the busiest
thread, or of the busiest host's cores, which cannot work longer than there is time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from neurocluster.dtypes import CLIENT, F64, I64
from neurocluster.model.partition import Plan
from neurocluster.simulate.costs import Cost, Costs
from neurocluster.simulate.machine import Wire
from neurocluster.wire.packet import HEADER_BYTES


@dataclass(frozen=True, slots=True)
class Busiest:
    """The resource that limits the throughput.

    Attributes:
        name: A process, its I/O thread, or a host's cores.
        per_second: Most frames a second that it admits.
    """

    name: str
    per_second: float


def least(cost: Cost) -> float:
    """Return the least that one packet costs, ns."""
    return (cost["fixed"] + cost["byte"] * HEADER_BYTES) * cost.least


def least_way(costs: Costs, wire: Wire) -> float:
    """Return the least time from sending a packet to having received it, ns."""
    jitter = wire.jitter_ns * wire.jitter[0] if wire.jitter else 0.0
    under_way = wire.base["fixed"] + wire.base["byte"] * HEADER_BYTES
    under_way = max(under_way + wire.delay_ns + jitter, 0.0)
    ends = least(costs.send) + 2 * least(costs.io) + least(costs.receive)
    return ends + under_way - 5.0  # each part may be rounded down


def latency_bound(
    plan: Plan, ways: Mapping[str, float], handle: Mapping[str, float],
    service: Mapping[str, I64],
) -> F64:  # fmt: skip
    """Return (frames,) float64: the least latency of each frame, ns.

    Args:
        plan: Partitions in topological order.
        ways: Least time of a link, by its name.
        handle: Least time of handling a packet, by partition.
        service: (frames,) int64, what a partition's kernels worked on each frame.
    """
    first: dict[str, float] = {CLIENT: 0.0}
    closed: dict[str, F64] = {CLIENT: np.zeros(1)}
    for part in plan.partitions:
        links = plan.inbound(part.name)
        arrived = min(first[k.source] + ways[k.name] for k in links)
        last = [closed[k.source] + ways[k.name] for k in links]
        first[part.name] = arrived + handle[part.name]
        marker = np.maximum.reduce(np.broadcast_arrays(*last)) + handle[part.name]
        closed[part.name] = np.maximum(marker, arrived + service[part.name])
    ends = [closed[k.source] + ways[k.name] for k in plan.inbound(CLIENT)]
    return np.asarray(np.maximum.reduce(np.broadcast_arrays(*ends)))


def busiest(names: Mapping[str, tuple[float, int]], frames: int) -> Busiest:
    """Return the resource that admits fewest frames a second.

    Args:
        names: Of each resource, its work in ns and how many do it at a time.
        frames: That it worked for.
    """
    limits = {
        name: frames * servers / work * 1e9
        for name, (work, servers) in names.items()
        if work > 0
    }
    if not limits:
        return Busiest("none", float("inf"))
    name = min(limits, key=lambda key: limits[key])
    return Busiest(name, limits[name])
