"""Run a cluster whose workers are on other hosts, reached by ssh."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from neurocluster.cluster.hosts import HostCluster
from neurocluster.config import RunConfig
from neurocluster.launch.base import HostLauncher
from neurocluster.launch.hosts import HostEntry
from neurocluster.launch.ssh import SshLauncher


class SshCluster(HostCluster):
    """Start a controller here and workers on hosts by ssh; stream frames through them.

    hosts = read_hosts(Path("hosts.toml"))
    async with SshCluster(hosts) as cluster:
        async for result in cluster.stream(images):
            print(result.class_by_count)
    """

    def __init__(
        self, hosts: Sequence[HostEntry], config: RunConfig | None = None,
        **given: Any,
    ) -> None:  # fmt: skip
        """Describe a cluster; nothing starts before ``async with`` or `open`.

        Args:
            hosts: Where workers run.
            config: See `cluster.base.Cluster`.
            **given: See `cluster.hosts.HostCluster`.
        """
        self._entries = tuple(hosts)
        near = self._entries[0].where
        super().__init__([host.host for host in hosts], near, config, **given)

    def _launcher_of_workers(self) -> HostLauncher:
        return SshLauncher(self._entries, self.logs or Path())
