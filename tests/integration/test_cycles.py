"""Starting and stopping leaves nothing behind: descriptors, processes, memory."""

import gc
import os
from pathlib import Path

import pytest

from neurocluster import LocalCluster, load_dataset


def memory_kib():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def shared_memory():
    return len(list(Path("/dev/shm").iterdir()))


def children():
    pid = os.getpid()
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


async def cycle(image):
    async with LocalCluster(split="") as cluster:
        results = [result async for result in cluster.stream([image])]
    assert results[0].error is None


async def cycles(count, settle):
    image = load_dataset().images[0]
    for _ in range(settle):
        await cycle(image)
    gc.collect()
    before, start, shared = descriptors(), memory_kib(), shared_memory()
    for _ in range(count):
        await cycle(image)
    gc.collect()
    assert descriptors() <= before
    assert shared_memory() <= shared
    assert children() == []
    return (memory_kib() - start) / count


async def test_ten_cycles_leave_nothing():
    await cycles(10, 2)


@pytest.mark.slow
async def test_many_cycles_do_not_grow():
    assert await cycles(900, 100) < 1.0
