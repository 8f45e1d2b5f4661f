"""Say what starts the workers of a run: this machine, ssh or Slurm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from neurocluster.cluster.base import Cluster
from neurocluster.errors import ConfigError
from neurocluster.launch.hosts import HostEntry, no_ssh, read_hosts
from neurocluster.model.placement import Host
from neurocluster.transport.address import Reach

ENGINES: Final = ("local", "ssh", "slurm")


@dataclass(frozen=True, slots=True)
class Engine:
    """What starts workers on other hosts.

    Attributes:
        make: Makes a cluster of settings.
        hosts: Where its workers run.
    """

    make: Callable[..., Cluster]
    hosts: tuple[Host, ...]


def engine_of(
    engine: str | None, hosts: Path | None, advertise: str | None = None,
    interface: str | None = None,
) -> Engine | None:  # fmt: skip
    """Return what makes a cluster whose workers are elsewhere; None has them here.

    Raises:
        ConfigError: The options contradict each other, the hosts file is wrong, or
            what the engine needs is not there.
    """
    engine = engine_name(engine, hosts)
    reach = reach_of(engine, advertise, interface)
    if engine == "local":
        return None
    if engine == "slurm":
        from neurocluster.cluster.slurm import SlurmCluster
        from neurocluster.launch.slurm import allocated

        return Engine(partial(SlurmCluster, reach=reach), tuple(allocated()))
    return _ssh(read_hosts(hosts or Path()), reach)


def engine_name(engine: str | None, hosts: Path | None) -> str:
    """Return what starts workers, given what options say.

    Raises:
        ConfigError: There is no such engine, or it does not go with a hosts file.
    """
    engine = engine or ("local" if hosts is None else "ssh")
    if engine not in ENGINES:
        message = f"engine: {engine!r} is none of {', '.join(ENGINES)}"
        raise ConfigError(message)
    if (hosts is None) == (engine == "ssh"):
        message = "hosts: the file and --engine ssh go together"
        raise ConfigError(message)
    return engine


def reach_of(engine: str, advertise: str | None, interface: str | None) -> Reach:
    """Return how other hosts reach this machine.

    Raises:
        ConfigError: There are no others.
    """
    reach = Reach(advertise=advertise, interface=interface)
    if engine == "local" and reach != Reach():
        message = "advertise, interface: they say how other hosts reach this one"
        raise ConfigError(message)
    return reach


def _ssh(entries: Sequence[HostEntry], reach: Reach) -> Engine:
    try:
        from neurocluster.cluster.ssh import SshCluster
    except ModuleNotFoundError as error:
        raise no_ssh(error) from error
    there = tuple(entry.host for entry in entries)
    return Engine(partial(SshCluster, entries, reach=reach), there)
