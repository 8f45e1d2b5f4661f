"""No worker takes more memory than `describe` says before anything starts."""

import asyncio
import json
from pathlib import Path

from neurocluster import LocalCluster, load_dataset
from tests.support.processes import neurocluster

SPLIT = "conv1=rows:2"
BUSY = {"window": 64, "hwm": 2, "max_spikes": 64}
IDLE = {"window": 1, "hwm": 1, "max_spikes": 1}
FRAMES = 1500


def anonymous_kib(pid):
    """Return a process's own memory; pages of libraries are not counted."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1])
    raise AssertionError(pid)


async def peaks(frames, **settings):
    """Return the most memory each partition took: read again and again, and last."""
    found = {}
    images = load_dataset().images[:frames]
    async with LocalCluster(split=SPLIT, threshold=0.35, **settings) as cluster:
        workers = {e["partition"]: e["pid"] for e in cluster.roster}
        workers.pop("client")

        def look():
            for name, pid in workers.items():
                found[name] = max(found.get(name, 0), anonymous_kib(pid))

        look()
        count = 0
        async for _ in cluster.stream(images):
            count += 1
            if count % 100 == 0:
                look()
                await asyncio.sleep(0)
        look()
    assert count == frames
    return found


def bounds():
    """Return what `describe` prints for each partition and all of its links, in KiB."""
    options = [(f"--{key.replace('_', '-')}", value) for key, value in BUSY.items()]
    done = neurocluster(
        "describe", "--json", "--split", SPLIT, *(x for pair in options for x in pair)
    )
    plan = json.loads(done.stdout)
    return {
        part["partition"]: sum(
            entry["memory_bytes"]
            for entry in [part, *plan["links"]]
            if part["partition"]
            in (entry.get("partition"), entry.get("source"), entry.get("destination"))
        )
        / 1024
        for part in plan["partitions"]
    }


async def test_workers_stay_below_the_bound_of_describe():
    await peaks(0, **IDLE)  # a compiler, where it runs, takes more than anything
    base, busy = await peaks(0, **IDLE), await peaks(FRAMES, **BUSY)
    limits = bounds()
    assert set(base) == set(busy) == set(limits)
    for name, limit in limits.items():
        grown = busy[name] - base[name]
        print(f"{name}: {grown} KiB, describe allows {limit:.0f}")
        assert grown <= limit, f"{name}: {grown} KiB, describe allows {limit:.0f}"
    # The states of a window are most of the first layer's bound, and they are there.
    assert busy["conv1.0"] - base["conv1.0"] > limits["conv1.0"] / 2
