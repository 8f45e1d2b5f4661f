"""Real processes: what a user gets from `run` and from separate commands."""

import json
import signal
import subprocess
import sys

import numpy as np
import pytest

from neurocluster import LocalCluster, load_dataset, load_network
from neurocluster.kernels.chain import Chain
from neurocluster.model.convert import convert
from tests.support.processes import (
    ENVIRONMENT,
    neurocluster,
    start,
    summary,
    table,
    wait_for,
)

CONFIGS = ("reference", "split", "direct")


def check_links(folder):
    for link in table(folder, "links.csv"):
        assert link["spikes_sent"] == link["spikes_received"], link


@pytest.mark.parametrize("name", CONFIGS)
def test_each_config_runs_fifty_frames(name, tmp_path):
    out = tmp_path / "out"
    done = neurocluster(
        "run", "--config", f"configs/{name}.toml", "--frames", 50, "--out", out
    )
    assert done.returncode == 0, done.stderr
    assert "Nothing lost" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    found = summary(out)
    assert found["frames"] == 50
    assert found["spikes_sent"] == found["spikes_received"] > 0
    check_links(out)
    assert len(table(out, "frames.csv")) == 50
    assert {p.name for p in out.iterdir()} >= {
        "summary.json", "links.csv", "layers.csv", "workers.csv", "frames.csv",
        "roster.json", "config.toml", "logs",
    }  # fmt: skip


def test_a_chain_on_processes_equals_one_process(tmp_path):
    out = tmp_path / "out"
    done = neurocluster(
        "run", "--frames", 300, "--start", 100, "--threshold", "0.7", "--out", out, "-q"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    graph, images = load_network(), load_dataset().images[100:400]
    run = Chain(convert(graph, [0.7])).run(images)
    rows = table(out, "frames.csv")
    counts = [[int(row[f"count_{k}"]) for k in range(10)] for row in rows]
    assert counts == run.counts.tolist()
    assert [int(row["spikes"]) for row in rows] == run.spikes.tolist()
    assert [int(row["spikes_pool"]) for row in rows] == run.spikes_pool.tolist()
    assert [int(row["synops"]) for row in rows] == run.synops.tolist()
    assert [int(row["frame"]) for row in rows] == list(range(100, 400))


def test_json_summary_is_the_file(tmp_path):
    out = tmp_path / "out"
    done = neurocluster("run", "--frames", 5, "--out", out, "--json")
    assert json.loads(done.stdout) == summary(out)


def test_separate_commands_do_the_same(tmp_path):
    connection, out = tmp_path / "c.json", tmp_path / "out"
    controller = start("controller", "--connection", connection)
    wait_for(connection.exists)
    workers = [start("worker", "--connect", connection) for _ in range(4)]
    done = neurocluster("stream", "--connect", connection, "--frames", 40, "--out", out)
    assert done.returncode == 0, done.stderr
    processes = [controller, *workers]
    errors = [process.communicate(timeout=10)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 5, errors
    check_links(out)
    assert summary(out)["frames"] == 40
    assert not connection.exists()


def test_two_runs_do_not_disturb_each_other(tmp_path):
    runs = [start("run", "--frames", 200, "--out", tmp_path / str(k)) for k in range(2)]
    for k, process in enumerate(runs):
        process.communicate(timeout=60)
        assert process.returncode == 0
        check_links(tmp_path / str(k))


def test_describe_and_version(tmp_path):
    done = neurocluster("describe", "--split", "conv1=rows:4")
    assert done.returncode == 0, done.stderr
    assert "conv1.3" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 100
    described = json.loads(neurocluster("describe", "--json").stdout)
    assert described["neurons"] == 15162
    assert neurocluster("--version").stdout.startswith("neurocluster 0.")


def test_interrupt_saves_what_finished(tmp_path):
    out = tmp_path / "out"
    process = start("run", "--out", out, "--threshold", "0.35")
    wait_for(lambda: (out / "roster.json").exists())
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert len(table(out, "frames.csv")) == summary(out)["frames"]


async def test_the_python_api_streams(tmp_path):
    images = load_dataset().images[:20]
    async with LocalCluster(threshold=0.7, split="conv1=rows:2") as cluster:
        results = [result async for result in cluster.stream(images)]
        again = [result async for result in cluster.stream(images)]
    assert [r.frame for r in results] == list(range(20))
    assert all(r.error is None and r.latency_ns > 0 for r in results)
    assert len(again) == 20


API = """
import asyncio
from neurocluster import LocalCluster, load_dataset

async def main():
    async with LocalCluster() as cluster:
        async for result in cluster.stream(load_dataset().images[:5]):
            print(result.class_by_count)

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("command", ["run", "api"])
def test_the_first_run_on_a_machine_compiles_and_succeeds(command, tmp_path):
    """Nothing is compiled yet, so members are busy for seconds and must not be lost."""
    arguments = ["-c", API]
    if command == "run":
        out = str(tmp_path / "out")
        arguments = ["-m", "neurocluster", "run", "--frames", "5", "--out", out]
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False,
        timeout=300, env=ENVIRONMENT | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    if command == "api":
        assert done.stdout.split() == ["7", "2", "1", "0", "4"]


async def test_a_bad_image_fails_alone():
    good = load_dataset().images[:4].astype(float) / 255
    bad = good[1].copy()
    bad[3, 3] = np.nan
    stream = [good[0], bad, np.zeros((3, 3)), good[2] * 2, good[3]]
    async with LocalCluster() as cluster:
        results = [result async for result in cluster.stream(stream)]
    assert [r.error is None for r in results] == [True, False, False, False, True]
    assert "NaN" in results[1].error
    assert "shape (3, 3), expected (28, 28, 1)" in results[2].error
    assert "[0, 1]" in results[3].error
