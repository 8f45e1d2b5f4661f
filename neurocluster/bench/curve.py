"""Measure what encryption costs: links, hops, clusters over tcp, with and without it.

What is compared differs in nothing else. All processes are of this machine and talk
over its loopback interface, so that no network hides the cost.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Final

from neurocluster.bench.cluster import run_cluster
from neurocluster.bench.ends import LOOPBACK, run_ends
from neurocluster.bench.hop import percentiles
from neurocluster.bench.link import SECONDS
from neurocluster.cluster.local import LocalCluster
from neurocluster.config import RunConfig
from neurocluster.controller.connection import Connection
from neurocluster.dtypes import U8
from neurocluster.launch.local import LocalLauncher
from neurocluster.member.meeting import Meeting
from neurocluster.transport.keys import Keys, make_keys
from neurocluster.wire.packet import HEADER_BYTES

PLAIN, CURVE = "plain", "curve"
KINDS: Final = (PLAIN, CURVE)
PACKET_BYTES: Final = (256, 1024, 8192)
"""Of a full packet on the wire."""
WORD: Final = 2


def keys_of_kind(kind: str) -> Keys | None:
    """Return new keys, or None for plain links."""
    return make_keys() if kind == CURVE else None


def curve_link_step(kind: str, hwm: int) -> dict[str, float]:
    """Measure each packet size, in thousand packets a second; count what was lost."""
    found: dict[str, float] = {}
    lost = 0
    for size in PACKET_BYTES:
        spikes = (size - HEADER_BYTES) // WORD
        settings = {"hwm": hwm, "max_spikes": spikes, "seconds": SECONDS}
        near, far = run_ends("link", settings, tcp=True, keys=keys_of_kind(kind))
        spent = near["cpu_ns"] + far["cpu_ns"]
        found[f"{kind}_link_{size}"] = near["packets"] / near["seconds"] / 1e3
        found[f"{kind}_link_{size}_cpu_us"] = spent / near["packets"] / 1e3
        lost += far["spikes"] - near["spikes"]
    return {**found, f"{kind}_link_lost": lost}


def curve_hop_step(kind: str, hwm: int) -> dict[str, float]:
    """Measure a hop between idle processes, in microseconds."""
    near, _ = run_ends("hop", {"hwm": hwm}, tcp=True, keys=keys_of_kind(kind))
    p50, p99 = percentiles(near["hop"])
    return {f"{kind}_hop_p50_us": p50, f"{kind}_hop_p99_us": p99}


def curve_cluster_step(
    kind: str, config: RunConfig, images: U8, frames: int
) -> dict[str, float]:
    """Measure the frames a second of a cluster with the window full."""
    make = partial(TcpCluster, keys_of_kind(kind))
    run = run_cluster(make, config, images, frames)
    return {f"{kind}_fps": run.rate(), f"{kind}_lost": run.lost()}


class TcpCluster(LocalCluster):
    """A local cluster whose links are tcp, with a key or without."""

    def __init__(self, keys: Keys | None, config: RunConfig, **given: Any) -> None:
        """Take the keys; see `cluster.base.Cluster`."""
        super().__init__(config, **given)
        self._keys = keys

    @property
    def _secret(self) -> dict[str, str]:
        return {"secret": self._keys.secret} if self._keys is not None else {}

    def _place(self) -> dict[str, str]:
        return {"bind": f"tcp://{LOOPBACK}:*", "where": "tcp", **self._secret}

    async def _start_beside(self, launcher: LocalLauncher) -> None:
        """Start nobody: the port is not known yet."""

    async def _start_behind(self, connection: Connection) -> None:
        if self._launcher is None:
            return
        starts = [
            self._launcher.start(
                part.name, "worker",
                {"endpoint": connection.endpoint, "slot": str(slot), **self._secret},
            )
            for slot, part in enumerate(self.plan.partitions)
        ]  # fmt: skip
        await asyncio.gather(*starts)

    def _meeting(self, connection: Connection) -> Meeting:
        return Meeting(connection.endpoint, self._keys)
