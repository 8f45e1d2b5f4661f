"""Run a cluster in a Slurm allocation: controller and client here, workers on nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neurocluster.cluster.hosts import HostCluster
from neurocluster.config import RunConfig
from neurocluster.launch.base import HostLauncher
from neurocluster.launch.slurm import SlurmLauncher, allocated


class SlurmCluster(HostCluster):
    """Start a controller here and workers on all nodes of this job."""

    def __init__(self, config: RunConfig | None = None, **given: Any) -> None:
        """Describe a cluster; nothing starts before ``async with`` or `open`.

        Args:
            config: See `cluster.base.Cluster`.
            **given: See `cluster.hosts.HostCluster`.

        Raises:
            ConfigError: This process is in no Slurm job.
        """
        hosts = allocated()
        super().__init__(hosts, hosts[-1].name, config, **given)

    def _launcher_of_workers(self) -> HostLauncher:
        return SlurmLauncher(self._hosts, self.logs or Path())
