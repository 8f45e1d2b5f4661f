"""No process takes more memory than `describe` says before anything starts."""

import asyncio
import json
import subprocess
import sys

import pytest

from neurocluster import LocalCluster, load_dataset
from neurocluster.config import RunConfig
from tests.support.overload import FAST
from tests.support.processes import ENVIRONMENT, neurocluster, roster, start
from tests.support.watch import Watch, anonymous_kib

SPLIT = "conv1=rows:2"
BUSY = {"window": 64, "hwm": 2, "max_spikes": 64}
IDLE = {"window": 1, "hwm": 1, "max_spikes": 1}
FRAMES = 1000
CUT = "conv1=rows:4,conv2=channels:2,fc1=neurons:2"
ARRAY = 3000


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
        assert cluster.session.recoveries == []  # or it had two engines for a moment
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


@pytest.mark.slow
async def test_workers_stay_below_the_bound_of_describe():
    await peaks(0, **IDLE)  # a compiler, where it runs, takes more than anything
    base, busy = await peaks(0, **IDLE), await peaks(FRAMES, **BUSY)
    limits = bounds()  # of one epoch: nothing fails here
    assert set(base) == set(busy) == set(limits)
    for name, limit in limits.items():
        grown = busy[name] - base[name]
        print(f"{name}: {grown} KiB, describe allows {limit:.0f}")
        assert grown <= limit, f"{name}: {grown} KiB, describe allows {limit:.0f}"
    # The states of a window are most of the first layer's bound, and they are there.
    assert busy["conv1.0"] - base["conv1.0"] > limits["conv1.0"] / 2


# -- every process -------------------------------------------------------------


def described(folder, **settings):
    """Write a config; return its path and what `describe` prints of it, in advance."""
    path = folder / "c.toml"
    path.write_text(RunConfig().replace(**settings).to_toml())
    done = neurocluster("describe", "--json", "--config", path)
    assert done.returncode == 0, done.stderr
    return path, json.loads(done.stdout)


def check(plan, found, names):
    """Compare the peaks of all processes with the bounds of a plan."""
    limits = {p["process"]: p["memory_bytes"] / 1024 for p in plan["processes"]}
    assert set(names.values()) == set(limits)
    for pid, name in names.items():
        share = f"{name}: {found[pid]} KiB, describe allows {limits[name]:.0f}"
        print(share)
        assert found[pid] <= limits[name], share
    # No bound is so wide that it says nothing.
    assert all(3 * found[pid] > limits[name] for pid, name in names.items())


@pytest.mark.parametrize(
    "settings",
    [
        {**IDLE, "frames": 60, "compare": True},
        pytest.param(
            {"window": 512, "split": CUT, "frames": 4000, "compare": False},
            marks=pytest.mark.slow,
        ),
    ],
    ids=["small", "large window, cut"],
)
def test_every_process_of_a_run_stays_below_its_bound(tmp_path, settings):
    path, plan = described(tmp_path, **settings)
    process = start("run", "--config", path, "--out", tmp_path / "out", "--quiet")
    with Watch(process.pid) as watch:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    told = roster(tmp_path / "out")
    names = {entry["pid"]: entry["partition"] for entry in told["workers"]}
    names |= {told["controller"]["pid"]: "controller", process.pid: "client"}
    # What else ran below was asked for the platform's name, and small.
    launcher = max(watch.peaks.keys() - names.keys(), key=watch.peaks.get)
    check(plan, watch.peaks, names | {launcher: "launcher"})


def test_a_flood_of_images_is_slowed_down_and_takes_no_more(tmp_path):
    path, plan = described(
        tmp_path, window=64, hwm=2, max_spikes=64, split=SPLIT, frames=ARRAY,
    )  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.overload", path], env=ENVIRONMENT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with Watch(process.pid) as watch:
        out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    told = json.loads(out)
    assert (told["array"], told["iterator"], told["errors"]) == (ARRAY, FAST, 0)
    assert told["recoveries"] == 1
    assert told["blocked_ns"] > 0
    assert told["drawn_first"] <= 3 * 64
    names = {int(pid): name for pid, name in told["pids"].items()}
    check(plan, watch.peaks, names | {process.pid: "client"})
