"""Run a whole cluster on this machine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import Any

from neurocluster.cluster.base import Cluster
from neurocluster.config import RunConfig
from neurocluster.controller.connection import Connection
from neurocluster.launch.local import LocalLauncher
from neurocluster.member.meeting import Meeting
from neurocluster.model.placement import check_pins


class LocalCluster(Cluster):
    """Start controller and workers as processes here; stream frames through them.

    Use it as an asynchronous context manager; leaving it ends every process:

        async with LocalCluster(split="conv1=rows:2") as cluster:
            async for result in cluster.stream(images):
                print(result.class_by_count)
    """

    def __init__(self, config: RunConfig | None = None, **given: Any) -> None:
        """Describe a cluster; nothing starts before ``async with`` or `open`.

        Args:
            config: See `cluster.base.Cluster`; it places nothing on other hosts.
            **given: See `cluster.base.Cluster`.
        """
        super().__init__(config, **given)
        check_pins(self.plan, (), self.config.place)
        self.config.impairments().check_names([p.name for p in self.plan.partitions])

    @property
    def _endpoint(self) -> str:
        return f"ipc://{self._folder}/control"

    def _place(self) -> dict[str, str]:
        return {"bind": self._endpoint}

    async def _start_beside(self, launcher: LocalLauncher) -> None:
        slots = {p.name: str(slot) for slot, p in enumerate(self.plan.partitions)}
        slots |= {f"spare.{k}": "" for k in range(self.config.spares)}
        cores = round_robin(list(slots)) if self.config.pin else {}
        starts = [
            launcher.start(
                name,
                "worker",
                {"endpoint": self._endpoint, "slot": slot, **cores.get(name, {})},
            )
            for name, slot in slots.items()
        ]
        await asyncio.gather(*starts)

    def _meeting(self, connection: Connection) -> Meeting:
        return Meeting(connection.endpoint)


def round_robin(slots: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return by slot the argument that binds its worker to one of this process's cores.

    The same slots get the same cores in every run, and a worker that is started again
    that of the one before.
    """
    cores = sorted(os.sched_getaffinity(0))
    return {slot: {"core": str(cores[k % len(cores)])} for k, slot in enumerate(slots)}
