"""Say which host runs which partition: loads even, neighbours together; pure.

Partitions are in the order of the network, so whoever is cut into runs of neighbours
keeps most spikes on one host. Of all cuts whose busiest host is within a tenth of the
least that is possible, the one is taken that sends fewest spikes between hosts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from neurocluster.dtypes import F64
from neurocluster.errors import PartitionError
from neurocluster.model.partition import Plan

SLACK: Final = 1.1
"""How much busier than need be the busiest host may become to save traffic."""


@dataclass(frozen=True, slots=True)
class Host:
    """A host that runs workers.

    Attributes:
        name: As users and launchers call it.
        cores: It may use so many.
    """

    name: str
    cores: int


def place(
    plan: Plan, hosts: Sequence[Host], *, cost: Mapping[str, float],
    traffic: Sequence[float], pins: Mapping[str, str] | None = None,
) -> dict[str, str]:  # fmt: skip
    """Return the host of each partition, in plan order.

    Args:
        plan: What is to be placed.
        hosts: Where; in an order in which neighbours are near each other.
        cost: Work of each partition for a frame, in any unit.
        traffic: Spikes a frame of each link, in plan order.
        pins: Hosts that were chosen by hand, by partition, or by layer for all of its
            partitions that are not named themselves.

    Raises:
        PartitionError: See `check_pins`.
    """
    check_pins(plan, hosts, pins or {})
    pins = _by_partition(plan, pins or {})
    free = [p.name for p in plan.partitions if p.name not in pins]
    before = np.zeros(len(hosts))
    names = [host.name for host in hosts]
    for name, there in pins.items():
        before[names.index(there)] += cost[name]
    kept = _kept(plan, free, traffic)
    loads = np.array([cost[name] for name in free])
    cores = np.array([float(host.cores) for host in hosts])
    ends = _cut(loads, kept, before, cores)
    begin = 0
    for host, end in zip(hosts, ends, strict=True):
        pins |= dict.fromkeys(free[begin:end], host.name)
        begin = end
    return {p.name: pins[p.name] for p in plan.partitions}


def check_pins(plan: Plan, hosts: Sequence[Host], pins: Mapping[str, str]) -> None:
    """Check hosts that were chosen by hand.

    Args:
        plan: What is to be placed.
        hosts: Where; none if all workers run on this machine.
        pins: See `place`.

    Raises:
        PartitionError: A pin names no partition and no layer, or no host.
    """
    layers = _layers(plan)
    names = [host.name for host in hosts]
    for pinned, host in pins.items():
        if pinned not in layers and pinned not in layers.values():
            message = f"place: there is no partition or layer {pinned!r}; there are "
            raise PartitionError(message + ", ".join(layers))
        if not names:
            message = (
                f"place: {pinned} is to run on {host!r}, but all workers run on this "
                "machine; name other hosts (--hosts, --engine slurm)"
            )
            raise PartitionError(message)
        if host not in names:
            message = f"place: {pinned} is to run on {host!r}, which is none of "
            raise PartitionError(message + ", ".join(names))


def _layers(plan: Plan) -> dict[str, str]:
    """Return the layer of each partition."""
    return {part.name: part.name.rpartition(".")[0] for part in plan.partitions}


def _by_partition(plan: Plan, pins: Mapping[str, str]) -> dict[str, str]:
    """Return pins with layers replaced by their partitions; single ones win."""
    layers = _layers(plan)
    by_layer = {name: pins[layer] for name, layer in layers.items() if layer in pins}
    return by_layer | {name: host for name, host in pins.items() if name in layers}


def _kept(plan: Plan, free: Sequence[str], traffic: Sequence[float]) -> F64:
    """Return (n + 1, n + 1), at j, i: spikes that stay where free[j:i] is."""
    at = {name: k for k, name in enumerate(free)}
    between = np.zeros((len(free) + 1, len(free) + 1))
    for link, spikes in zip(plan.links, traffic, strict=True):
        if link.source in at and link.destination in at:
            low, high = sorted((at[link.source], at[link.destination]))
            between[low, high + 1] += spikes
    # Those with both ends in [j, i): sums over rows from j on, columns up to i.
    return np.asarray(between[::-1].cumsum(0)[::-1].cumsum(1))


def _cut(loads: F64, kept: F64, before: F64, cores: F64) -> list[int]:
    """Return where each host's run of partitions ends."""
    sums = np.concatenate([[0.0], loads.cumsum()])
    # busy[h, j, i]: how busy host h is with [j, i); never for i < j.
    runs = sums[None, :] - sums[:, None]
    busy = (before[:, None, None] + runs) / cores[:, None, None]
    busy[:, np.tri(len(sums), k=-1, dtype=bool)] = np.inf
    least = busy[0, 0]
    for host in busy[1:]:
        least = np.maximum(least[:, None], host).min(0)
    allowed = busy <= max(least[-1], (before / cores).max()) * SLACK
    gain = np.where(allowed[0, 0], kept[0], -np.inf)
    choices = []
    for host in allowed[1:]:
        found = gain[:, None] + np.where(host, kept, -np.inf)
        choices.append(found.argmax(0))
        gain = found.max(0)
    ends = [len(loads)]
    for choice in reversed(choices):
        ends.append(int(choice[ends[-1]]))
    return ends[::-1]
