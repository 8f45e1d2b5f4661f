"""Do things to the hosts of a cluster, and to the network between them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from neurocluster.cluster.base import Cluster
from neurocluster.cluster.hosts import HostCluster
from tools.faults import injure
from tools.faults.cut import Network
from tools.faults.watched import Act
from tools.hosts import PORT, USER


class Harm:
    """Do things to the hosts of a cluster.

    Attributes:
        network: That joins them.
    """

    def __init__(self, network: Network) -> None:
        """Take the network."""
        self.network = network
        self._later: set[asyncio.Task[None]] = set()

    def whole(self) -> None:
        """Undo all that was done, and do nothing any more."""
        for task in self._later:
            task.cancel()
        self._later.clear()
        self.network.heal()
        for name in self.network.hosts.names:
            self.network.hosts.start_sshd(name)

    def gone(self, victim: int) -> Act:
        """Kill all processes of a host at once."""
        return self._to_host(victim, self.network.hosts.kill)

    def back(self, victim: int, after_s: float) -> Act:
        """Kill all processes of a host, and start its sshd after some time."""
        hosts = self.network.hosts

        async def act(cluster: Cluster) -> None:
            name = host_of(cluster, victim)
            hosts.kill(name)
            self._after(after_s, lambda: hosts.start_sshd(name))

        return act

    def down(self, victim: int, seconds: float | None = None) -> Act:
        """Set a host's link down."""
        return self._to_host(victim, self.network.down, seconds)

    def one_way(self, victim: int, way: str, seconds: float | None = None) -> Act:
        """Cut one direction of a host's link."""
        return self._to_host(
            victim, lambda name: self.network.one_way(name, way), seconds
        )

    def pair(self, source: int, to: int) -> Act:
        """Cut what one host sends to another."""

        async def act(cluster: Cluster) -> None:
            self.network.pair(host_of(cluster, source), host_of(cluster, to))

        return act

    def data(self, victim: int, seconds: float | None = None) -> Act:
        """Cut a host's data links; its members still reach the controller."""

        async def act(cluster: Cluster) -> None:
            self.network.data(host_of(cluster, victim), [control_port(cluster)])
            self._heal(seconds)

        return act

    def control(self, victim: int, seconds: float | None = None) -> Act:
        """Cut a host's members from the controller; data links work."""

        async def act(cluster: Cluster) -> None:
            self.network.port(host_of(cluster, victim), control_port(cluster))
            self._heal(seconds)

        return act

    def lose(self) -> Act:
        """Lose one packet in a hundred, to and from every host."""
        return self._to_all(self.network.lose)

    def slow(self) -> Act:
        """Let every host send and receive 100 Mbit/s."""
        return self._to_all(self.network.slow)

    def session_killed(self, victim: int) -> Act:
        """Kill the sshd that serves the launcher's connection to a host."""
        hosts = self.network.hosts

        def kill(name: str) -> None:
            for pid in hosts.pids(name, f"sshd: {USER}"):
                injure.kill(pid)

        return self._to_host(victim, kill)

    def session_cut(self, victim: int) -> Act:
        """Cut the launcher's connection to a host; everything else works."""
        return self._to_host(victim, lambda name: self.network.port(name, PORT))

    def _to_host(
        self, victim: int, hit: Callable[[str], None], seconds: float | None = None
    ) -> Act:
        async def act(cluster: Cluster) -> None:
            hit(host_of(cluster, victim))
            self._heal(seconds)

        return act

    def _to_all(self, hit: Callable[[str], None]) -> Act:
        async def act(_cluster: Cluster) -> None:
            for name in self.network.hosts.names:
                hit(name)

        return act

    def _heal(self, seconds: float | None) -> None:
        if seconds is not None:
            self._after(seconds, self.network.heal)

    def _after(self, seconds: float, undo: Callable[[], None]) -> None:
        """Do something later, while the cluster goes on."""

        async def wait() -> None:
            await asyncio.sleep(seconds)
            undo()

        self._later.add(asyncio.ensure_future(wait()))


def host_of(cluster: Cluster, partition: int) -> str:
    """Return the host that runs a partition now, or will."""
    names = [p.name for p in cluster.plan.partitions]
    name = names[partition % len(names)]
    for entry in cluster.roster:
        if entry["partition"] == name:
            return str(entry["host"])
    if isinstance(cluster, HostCluster):
        return cluster.placement[name]
    message = f"nobody runs {name}"
    raise AssertionError(message)


def control_port(cluster: Cluster) -> int:
    """Return the port at which the controller listens."""
    session = cluster.session
    if session is None:
        message = "there is no controller yet"
        raise AssertionError(message)
    return int(session.controller["endpoint"].rpartition(":")[2])
