"""Run a whole cluster on this machine."""

from __future__ import annotations

import asyncio

from neurocluster.cluster.base import Cluster
from neurocluster.controller.connection import Connection
from neurocluster.launch.local import LocalLauncher
from neurocluster.member.meeting import Meeting


class LocalCluster(Cluster):
    """Start controller and workers as processes here; stream frames through them.

    Use it as an asynchronous context manager; leaving it ends every process:

        async with LocalCluster(split="conv1=rows:2") as cluster:
            async for result in cluster.stream(images):
                print(result.class_by_count)
    """

    @property
    def _endpoint(self) -> str:
        return f"ipc://{self._folder}/control"

    def _place(self) -> dict[str, str]:
        return {"bind": self._endpoint}

    async def _start_beside(self, launcher: LocalLauncher) -> None:
        slots = {p.name: str(slot) for slot, p in enumerate(self.plan.partitions)}
        slots |= {f"spare.{k}": "" for k in range(self.config.spares)}
        starts = [
            launcher.start(name, "worker", {"endpoint": self._endpoint, "slot": slot})
            for name, slot in slots.items()
        ]
        await asyncio.gather(*starts)

    def _meeting(self, connection: Connection) -> Meeting:
        return Meeting(connection.endpoint)
