"""What a plan needs of each host, and which ways between hosts its links take; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from neurocluster.doctor.report import HERE
from neurocluster.dtypes import CLIENT
from neurocluster.launch.base import Share
from neurocluster.model.memory import BASE_BYTES, ClusterMemory
from neurocluster.model.partition import Plan

PROCESS_FILES: Final = 40
"""Descriptors of a process without its links: measured 21, with keys and clocks 30."""
LINK_IN_FILES, LINK_OUT_FILES = 1, 2
"""Of each end of a link, measured; for a moment those of two epochs are open."""
THE_CLIENT, CONTROLLER = "the client", "the controller"
PARENT: Final = "the parent of workers"
IDLE: Final = Share(())


@dataclass(frozen=True, slots=True)
class Need:
    """What a plan needs of one host.

    Attributes:
        runs: Partitions that are placed there.
        spares: Workers that stand by there.
        beside: Other processes that compute there: the client, the controller.
        files: Most descriptors that one process may take.
        files_of: That process.
        memory: Most bytes that all processes may take.
        cores: That the hosts file or the engine says; None if nothing does.
    """

    runs: tuple[str, ...] = ()
    spares: int = 0
    beside: tuple[str, ...] = ()
    files: int = 0
    files_of: str = ""
    memory: int = 0
    cores: int | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """What a plan needs.

    Attributes:
        hosts: By host, this machine among them.
        ways: By source and destination host, the links that go that way.
    """

    hosts: Mapping[str, Need]
    ways: Mapping[tuple[str, str], tuple[str, ...]]


def needs_of(
    plan: Plan, shares: Mapping[str, Share], memory: ClusterMemory,
    cores: Mapping[str, int],
) -> Needs:  # fmt: skip
    """Return what a plan needs, its workers shared out among hosts.

    Args:
        plan: What is to run.
        shares: By host; `HERE` runs all if there are no others.
        memory: Bound of each process.
        cores: By host, all others among them: what the hosts file or engine says.
    """
    names = [p.name for p in plan.partitions]
    hosts = {
        host: _of_host(host, shares.get(host, IDLE), plan, memory, cores.get(host))
        for host in (HERE, *cores, *shares)
    }
    where = {names[slot]: host for host, s in shares.items() for slot in s.slots}
    where[CLIENT] = HERE
    ways: dict[tuple[str, str], tuple[str, ...]] = {}
    for link in plan.links:
        way = where[link.source], where[link.destination]
        if way[0] != way[1]:
            ways[way] = (*ways.get(way, ()), link.name)
    return Needs(hosts, ways)


def _of_host(
    host: str, share: Share, plan: Plan, memory: ClusterMemory, cores: int | None
) -> Need:
    names = [p.name for p in plan.partitions]
    runs = tuple(names[slot] for slot in share.slots)
    bound = {process.name: process.total for process in memory.processes}
    workers = len(runs) + share.spares
    # A spare may take any partition's place.
    might = names if share.spares else list(runs)
    files = {name: _link_files(plan, name) for name in might}
    size = sum(bound[name] for name in runs)
    size += share.spares * bound.get("spare.0", 0)
    if workers:
        files[PARENT] = PROCESS_FILES + 2 * workers
        size += BASE_BYTES["launcher"]
    beside: tuple[str, ...] = ()
    if host == HERE:
        beside = THE_CLIENT, CONTROLLER
        files[THE_CLIENT] = _link_files(plan, CLIENT)
        files[CONTROLLER] = PROCESS_FILES + 2 * len(memory.processes)
        size += bound[CLIENT] + bound["controller"]
        size += 0 if workers else BASE_BYTES["launcher"]
    most = max(files, key=lambda name: files[name], default="")
    return Need(
        runs, share.spares, beside, files.get(most, 0), most, size, cores
    )  # fmt: skip


def _link_files(plan: Plan, name: str) -> int:
    ends = LINK_IN_FILES * len(plan.inbound(name))
    ends += LINK_OUT_FILES * len(plan.outbound(name))
    return PROCESS_FILES + 2 * ends
