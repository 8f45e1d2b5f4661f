"""Real processes: what a user gets from `run` and from separate commands."""

import json
import signal
import subprocess
import sys

import numpy as np
import pytest

from neurocluster import LocalCluster, load_dataset, load_network
from neurocluster.coding.readout import class_by_count
from neurocluster.errors import ClusterError
from neurocluster.kernels.chain import Chain
from neurocluster.model.convert import convert
from tests.support.byhand import ByHand, code
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
    same = {"frames_equal": 300, "decisions_flipped": 0}
    assert summary(out)["one_process"] == same


def test_a_cut_tells_what_differs_from_one_process(tmp_path):
    out, cut = tmp_path / "cut", "conv1=rows:2,conv2=channels:2"
    done = neurocluster("run", "--frames", 200, "--split", cut, "--out", out)
    assert done.returncode == 0, done.stderr
    run = Chain(convert(load_network(), None)).run(load_dataset().images[:200])
    rows = table(out, "frames.csv")
    counts = np.array([[int(row[f"count_{k}"]) for k in range(10)] for row in rows])
    classes = [int(row["class_by_count"]) for row in rows]
    expected = class_by_count(run.counts, run.potentials)
    assert summary(out)["one_process"] == {
        "frames_equal": (counts == run.counts).all(1).sum(),
        "decisions_flipped": (classes != expected).sum(),
    }
    settled = ["--quantizer", "floor", "--fire", "settle", "--frames", 30]
    out = tmp_path / "settled"
    done = neurocluster("run", "--split", cut, *settled, "--out", out)
    same = {"frames_equal": 30, "decisions_flipped": 0}
    assert summary(out)["one_process"] == same
    done = neurocluster("run", "--no-compare", "--frames", 5, "--out", tmp_path / "n")
    assert summary(tmp_path / "n")["accuracy_ann"] is None


def test_json_summary_is_the_file(tmp_path):
    out = tmp_path / "out"
    done = neurocluster("run", "--frames", 5, "--out", out, "--json")
    assert json.loads(done.stdout) == summary(out)


@pytest.mark.slow
def test_separate_commands_do_the_same(tmp_path):
    connection, out = tmp_path / "c.json", tmp_path / "out"
    controller = start("controller", "--connection", connection, "--once")
    wait_for(connection.exists)
    workers = [start("worker", "--connect", connection) for _ in range(4)]
    done = neurocluster("stream", "--connect", connection, "--frames", 40, "--out", out)
    assert done.returncode == 0, done.stderr
    processes = [controller, *workers]
    errors = [process.communicate(timeout=10)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 5, errors
    check_links(out)
    found = summary(out)
    assert found["frames"] == found["one_process"]["frames_equal"] == 40
    assert found["accuracy_ann"] == 1.0
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
    assert [r.frame for r in again] == list(range(20))


async def test_a_stream_that_is_left_early_leaves_the_next_one_alone():
    images = load_dataset().images[:200]
    async with LocalCluster() as cluster:
        async for first in cluster.stream(images):
            assert first.frame == 0
            break
        later = cluster.stream(list(images[100:110]))
        found = [result async for result in later]
        assert [r.frame for r in found] == list(range(10))
        overtaken = cluster.stream(images)
        await anext(overtaken)
        assert (await anext(cluster.stream(images[7:9]))).class_by_count == 9
        with pytest.raises(ClusterError, match=r"another stream began"):
            await anext(overtaken)
    labels = load_dataset().labels[100:110].tolist()
    assert [r.class_by_count for r in found] == labels


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


async def test_an_iterator_that_raises_is_heard():
    images = load_dataset().images

    def broken():
        yield from images[:30]
        yield [[1, 2], [3]]
        yield images[31]
        raise OSError("disk error")

    found = []
    async with LocalCluster() as cluster:
        try:
            async for result in cluster.stream(broken()):
                found.append(result)  # noqa: PERF401 - what came before the error
        except OSError as error:
            heard = str(error)
        again = [r.class_by_count async for r in cluster.stream(images[:2])]
    assert heard == "disk error"
    assert [r.frame for r in found] == list(range(32))
    assert [r.frame for r in found if r.error] == [30]
    assert "the image is no array" in found[30].error
    assert again == [7, 2]


async def test_closing_in_the_middle_loses_and_invents_nothing():
    images = np.tile(load_dataset().images[:1000], (30, 1, 1, 1))
    cluster = LocalCluster()
    await cluster.open()
    session = cluster.session
    async for _ in cluster.stream(images):
        break
    await cluster.close()
    assert session.failure is None
    for sent, _, received in session.link_counts():
        assert sent == received > 0
    sent = {row[0]: row[1] for table in session.reports for row in table["outbound"]}
    got = {row[0]: row[1] for table in session.reports for row in table["inbound"]}
    assert sent == got


def test_the_first_interrupt_ends_a_stream_that_waits(tmp_path):
    with ByHand(tmp_path) as cluster:
        controller = cluster.controller("--once")
        client = cluster.start(
            "stream", "--connect", cluster.connection, "--out", tmp_path / "out"
        )
        # It waits for workers that never come.
        cluster.wait(lambda found: [m["role"] for m in found["members"]] == ["client"])
        client.send_signal(signal.SIGINT)
        _, errors = client.communicate(timeout=10)
        assert client.returncode == 130, errors
        assert "Traceback" not in errors
        assert code(controller) == 1
