"""Start and stop a cluster again and again; say what that took and what it left.

    python cycles.py local|ssh|slurm COUNT [HOSTS]

The tests run it as an ordinary user, within `salloc` for Slurm. One more cycle goes
before, which may keep what a process keeps for good.
"""

import asyncio
import json
import os
import statistics
import sys
import time
from pathlib import Path

import neurocluster
from neurocluster.launch.hosts import read_hosts

FRAMES = 4


def make(engine, hosts):
    if engine == "local":
        return neurocluster.LocalCluster()
    if engine == "slurm":
        return neurocluster.SlurmCluster()
    return neurocluster.SshCluster(read_hosts(Path(hosts)))


def held():
    """Return what this process holds: descriptors, children."""
    pid = os.getpid()
    return [
        len(list(Path("/proc/self/fd").iterdir())),
        Path(f"/proc/{pid}/task/{pid}/children").read_text().split(),
    ]


async def cycle(engine, hosts, images):
    begin = time.monotonic()
    async with make(engine, hosts) as cluster:
        results = [result async for result in cluster.stream(images)]
    assert [result.error for result in results] == [None] * FRAMES
    return time.monotonic() - begin


async def main(engine, count, hosts=None):
    images = neurocluster.load_dataset().images[:FRAMES]
    await cycle(engine, hosts, images)
    first = held()
    took = [await cycle(engine, hosts, images) for _ in range(int(count))]
    last = held()
    median = statistics.median(took) if took else None
    print(json.dumps({"first": first, "last": last, "seconds": median}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
