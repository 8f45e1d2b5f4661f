"""Starting and stopping leaves nothing behind: descriptors, processes, memory."""

import asyncio
import ctypes
import gc
import os
import statistics
import tempfile
from itertools import combinations
from pathlib import Path

import pytest

from neurocluster import LocalCluster, load_dataset
from tests.support.forge import Forge

LANES = 4
"""Cycles that overlap, where only their number matters."""
KIB_PER_CYCLE = 1.0


def memory_kib():
    """Return resident memory, without what malloc keeps for later."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise AssertionError


def left_behind():
    """Return what the system holds for us: descriptors, shared memory, folders."""
    return {
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "shared memory": sorted(p.name for p in Path("/dev/shm").iterdir()),
        "folders": sorted(p.name for p in Path(os.environ["TMPDIR"]).iterdir()),
    }


def children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


async def cycle(image, template=None):
    async with LocalCluster(split="", template=template) as cluster:
        results = [result async for result in cluster.stream([image])]
    assert results[0].error is None


async def cycles(forge, image, count, lanes=1):
    async def lane():
        for _ in range(count // lanes):
            await cycle(image, forge.spawn())

    await asyncio.gather(*(lane() for _ in range(lanes)))


def slope(samples):
    """Return the median slope of all pairs of (x, y): one step does not move it."""
    pairs = combinations(samples, 2)
    return statistics.median((b[1] - a[1]) / (b[0] - a[0]) for a, b in pairs)


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch):
    """Count the folders of these clusters alone, at a path short enough for ipc."""
    with tempfile.TemporaryDirectory(prefix="nct-") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield
        monkeypatch.undo()


async def test_cycles_of_real_templates_leave_nothing():
    image = load_dataset().images[0]
    await cycle(image)
    before = left_behind()
    for _ in range(3):
        await cycle(image)
    assert left_behind() == before
    assert children(os.getpid()) == []


@pytest.mark.slow
async def test_a_hundred_cycles_leave_nothing():
    image = load_dataset().images[0]
    with Forge() as forge:
        await cycles(forge, image, LANES, LANES)
        before = left_behind()
        await cycles(forge, image, 100, LANES)
        assert left_behind() == before
        assert children(os.getpid()) == [str(forge.process.pid)]
        assert children(forge.process.pid) == []


@pytest.mark.slow
async def test_a_thousand_cycles_do_not_grow():
    image, samples = load_dataset().images[0], []
    with Forge() as forge:
        await cycles(forge, image, 100)
        before = left_behind()
        for done in range(100, 1000, 50):
            samples.append((done, memory_kib()))
            await cycles(forge, image, 50)
            assert left_behind() == before
        samples.append((1000, memory_kib()))
        assert children(forge.process.pid) == []
    grown = slope(samples)
    print(f"{grown:.3f} KiB a cycle after the hundredth: {samples}")
    assert grown < KIB_PER_CYCLE, samples
