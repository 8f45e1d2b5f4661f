"""Who is examined: this machine alone, hosts of a file, nodes of a job."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from neurocluster.doctor.examine import Rendezvous
from neurocluster.doctor.report import HERE
from neurocluster.errors import ConfigError
from neurocluster.launch.base import PROBE, HostLauncher
from neurocluster.launch.hosts import HostEntry, no_ssh, read_hosts
from neurocluster.model.placement import Host
from neurocluster.transport.address import Reach, choose, parse_ports, tcp

SSH_PORT: Final = 22


@dataclass(frozen=True, slots=True)
class Site:
    """The hosts that are examined; none are this machine alone.

    Attributes:
        hosts: As placement takes them.
        entries: Of a hosts file, by name; empty with another engine.
    """

    hosts: tuple[Host, ...] = ()
    entries: Mapping[str, HostEntry] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the hosts' names."""
        return tuple(host.name for host in self.hosts)

    @contextlib.contextmanager
    def logs(self) -> Iterator[Path]:
        """Make a folder for what probes print; leaving this removes it.

        Slurm opens the logs of a node there, so the folder must be on a disk that the
        nodes share; the working folder mostly is.

        Raises:
            ConfigError: It cannot be made.
        """
        where = Path.cwd() if self.hosts and not self.entries else None
        try:
            made = tempfile.TemporaryDirectory(prefix="nc-doctor-", dir=where)
        except OSError as error:
            message = (
                f"cannot make a folder in {where or tempfile.gettempdir()}: "
                f"{error.strerror}; go to one that you can write"
            )
            raise ConfigError(message) from error
        with made as folder:
            yield Path(folder)

    def launcher(self, logs: Path) -> HostLauncher:
        """Return what starts their probes.

        Raises:
            ConfigError: What that needs is not installed.
        """
        if not self.entries:
            from neurocluster.launch.slurm import SlurmLauncher

            return SlurmLauncher(self.hosts, logs, PROBE)
        try:
            from neurocluster.launch.ssh import SshLauncher
        except ModuleNotFoundError as error:
            raise no_ssh(error) from error
        return SshLauncher(tuple(self.entries.values()), logs, PROBE)

    def rendezvous(self, reach: Reach) -> Rendezvous:
        """Return where their probes meet us: by the route to one of them.

        Raises:
            ConfigError: There is no route to any, or no such interface.
        """
        near = [entry.where for entry in self.entries.values()]
        problem: ConfigError | None = None
        for where in near or reversed(self.names):
            try:
                return Rendezvous(*choose(reach, tcp(where, 1)), reach)
            except ConfigError as error:
                problem = problem or error
        raise problem or ConfigError("hosts: there are none")

    def ports(self, host: str) -> tuple[int, int] | None:
        """Return the ports that a host is confined to, if it is.

        Raises:
            ConfigError: They are no range.
        """
        entry = self.entries.get(host)
        told = entry.ports if entry is not None else None
        return parse_ports(told) if told is not None else None

    def python(self, host: str) -> str:
        """Return the interpreter of a host, for remedies."""
        entry = self.entries.get(host)
        return entry.python if entry is not None else "python"

    def login(self, host: str) -> str:
        """Return a command that logs in as the launcher does; empty for none."""
        entry = self.entries.get(host)
        if entry is None:
            return ""
        words = ["ssh", *(["-p", str(entry.port)] if entry.port != SSH_PORT else [])]
        words += ["-i", entry.key] if entry.key is not None else []
        where = f"{entry.user}@{entry.where}" if entry.user else entry.where
        return " ".join([*words, where, "true"])


def site_of(engine: str, hosts: Path | None) -> Site:
    """Return who is examined, given what would start workers.

    Raises:
        ConfigError: The hosts file is wrong, or this is no Slurm job.
    """
    if engine == "slurm":
        from neurocluster.launch.slurm import allocated

        return Site(tuple(allocated()))
    if hosts is None:
        return Site()
    entries = read_hosts(hosts)
    named = {entry.name: entry for entry in entries}
    if HERE in named:
        message = f"hosts: {hosts}: no host can be called {HERE!r}"
        raise ConfigError(message)
    return Site(tuple(entry.host for entry in entries), named)
