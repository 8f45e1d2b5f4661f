"""What an operator sees and does: status, stop, two controllers, on real processes."""

import asyncio
import json
import signal

import numpy as np
import pytest

from neurocluster import LocalCluster
from neurocluster.cli.stop import stop_command
from neurocluster.controller.process import HOSTNAME
from neurocluster.errors import ClusterStopped
from tests.support.byhand import SLOW, ByHand, code
from tests.support.processes import (
    kill,
    neurocluster,
    none_alive,
    pids_of,
    roster,
    start,
    summary,
    table,
    wait_for,
)


@pytest.fixture
def cluster(tmp_path):
    with ByHand(tmp_path) as made:
        yield made


def sentence(done):
    return done.stdout.splitlines()[0]


# -- status ------------------------------------------------------------------------


def test_an_incomplete_cluster_says_who_is_missing(cluster):
    cluster.controller()
    done = cluster.ask()
    assert done.returncode == 0
    assert sentence(done) == (
        "waiting for workers: conv1.0, conv2.0, fc1.0 and fc2.0 are missing; "
        "no client is there"
    )
    cluster.workers(2)
    assert sentence(cluster.ask()) == (
        "waiting for workers: fc1.0 and fc2.0 are missing; no client is there"
    )


def test_an_idle_cluster(cluster):
    cluster.controller()
    cluster.workers()
    done = cluster.ask()
    assert sentence(done) == "nothing to do: 4 workers stand by, no client is there"
    assert done.stdout.count("standby") == 4


def test_a_running_cluster(cluster):
    controller = cluster.controller(*SLOW)
    workers = cluster.workers()
    client = cluster.client()
    found = cluster.wait(lambda s: all(link["received"] for link in s["links"]))
    assert "is being computed" in found["sentence"]
    assert found["sentence"].startswith(f"frame {found['oldest_frame']} ")
    assert found["phase"] == "run"
    assert found["recoveries"] == []
    assert found["controller"]["pid"] == controller.pid
    runs = {m["node"]: m["pid"] for m in found["members"]}
    assert runs["client"] == client.pid
    assert [runs[p] for p in found["partitions"]] == [w.pid for w in workers]
    assert all(link["sent"] > 0 for link in found["links"])
    assert all(m["moved_ms"] < 1000 for m in found["members"])
    text = cluster.ask().stdout
    assert max(map(len, text.splitlines()[1:])) <= 100
    for words in ("conv1.0->conv2.0", "Recoveries of this session: none", HOSTNAME):
        assert words in text


def test_a_stopped_worker_is_named_then_recovered_from(cluster):
    cluster.controller(*SLOW)
    workers = cluster.workers()
    cluster.client()
    pid = workers[1].pid
    kill(pid, signal.SIGSTOP)
    first = cluster.wait(lambda s: "(state T)" in s["sentence"])["sentence"]
    who = f"conv2.0 (pid {pid} on {HOSTNAME})"
    late = f"conv2.0 (worker pid {pid} on {HOSTNAME}) has been silent"
    assert f" waits for {who}, which is stopped (state T), silent for " in first
    found = cluster.wait(lambda s: s["phase"] == "gather")
    assert found["sentence"].startswith(f"recovering: partition {late}")
    assert "its process is stopped (state T)" in found["sentence"]
    assert "waiting for workers: conv2.0 is missing" in found["sentence"]
    kill(pid, signal.SIGCONT)
    found = cluster.wait(lambda s: "is being computed" in s["sentence"])
    (recovery,) = found["recoveries"]
    assert recovery["took_ms"] > 0
    assert late in recovery["reason"]


def test_a_controller_that_hangs_and_one_that_is_gone(cluster):
    controller = cluster.controller()
    kill(controller.pid, signal.SIGSTOP)
    who = f"the controller (pid {controller.pid} on {HOSTNAME}) does not answer"
    done = cluster.ask()
    assert done.returncode == 1
    assert done.stdout == f"{who}; its process is stopped (state T)\n"
    done = neurocluster("stop", cluster.connection)
    assert done.returncode == 1
    assert f"error: {who}" in done.stderr
    kill(controller.pid, signal.SIGCONT)
    assert cluster.ask().returncode == 0
    controller.kill()
    controller.wait()
    done = cluster.ask("--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["sentence"] == f"{who}; its process is gone"
    assert not found["answered"]


def test_watching_prints_a_line_a_look(cluster):
    cluster.controller()
    for option in ((), ("--json",)):
        watch = cluster.start("status", cluster.connection, "--watch", "0.1", *option)
        lines = [watch.stdout.readline() for _ in range(3)]
        watch.send_signal(signal.SIGINT)
        assert code(watch) == 0
        found = [json.loads(k)["sentence"] if option else k for k in lines]
        assert all(k.startswith("waiting for workers: conv1.0") for k in found)


# -- stop --------------------------------------------------------------------------


def stopped_early(process, out):
    """Check what a client leaves that was told to stop."""
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    rows = table(out, "frames.csv")
    assert 50 < len(rows) == summary(out)["frames"] < 10_000
    return errors, rows


def test_stop_drains_a_stream(cluster):
    controller = cluster.controller(*SLOW)
    workers = cluster.workers()
    client = cluster.client()
    done = neurocluster("stop", cluster.connection)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "stopped: the controller and 4 workers have ended; "
        "its client saves what finished\n"
    )
    errors, rows = stopped_early(client, cluster.folder / "out")
    assert "the cluster was asked to stop; the frames left were not" in errors
    assert all(row["spikes"] for row in rows)
    links = table(cluster.folder / "out", "links.csv")
    assert all(k["spikes_sent"] == k["spikes_received"] != "" for k in links)
    assert [code(p) for p in (controller, *workers)] == [0] * 5
    assert not cluster.connection.exists()


def test_stop_now_does_not_wait_for_frames(cluster):
    controller = cluster.controller(*SLOW)
    cluster.workers()
    client = cluster.client()
    assert neurocluster("stop", cluster.connection, "--now").returncode == 0
    errors, _ = stopped_early(client, cluster.folder / "out")
    assert "the cluster was stopped; unfinished frames have no result" in errors
    assert code(controller) == 0


@pytest.mark.slow
def test_a_second_stop_does_not_wait_either(cluster):
    """While a worker is missing, frames in flight cannot finish."""
    controller = cluster.controller(*SLOW)
    workers = cluster.workers()
    client = cluster.client()
    kill(workers[2].pid, signal.SIGSTOP)
    cluster.wait(lambda s: s["phase"] == "gather")
    first = cluster.start("stop", cluster.connection)
    cluster.wait(lambda s: s["sentence"].startswith("stopping: recovering: "))
    # After 5 s the first one would give up, and fail.
    assert stop_command(str(cluster.connection), now=False) == 0
    assert (code(first), code(controller)) == (0, 0)
    stopped_early(client, cluster.folder / "out")


@pytest.mark.slow
def test_a_drain_that_takes_too_long_is_told_and_fails(cluster):
    controller = cluster.controller(*SLOW)
    workers = cluster.workers()
    cluster.client()
    kill(workers[2].pid, signal.SIGSTOP)
    cluster.wait(lambda s: s["phase"] == "gather")
    done = neurocluster("stop", cluster.connection)
    assert done.returncode == 1
    assert "stopping: recovering: partition fc1.0" in done.stderr
    assert "the client did not finish its frames in time" in done.stderr
    assert code(controller) == 1


def test_stopping_while_a_client_waits_for_workers(cluster):
    controller = cluster.controller()
    client = cluster.start("stream", "--connect", cluster.connection)
    cluster.wait(lambda s: s["members"])
    done = neurocluster("stop", cluster.connection)
    assert (done.returncode, code(controller), code(client)) == (0, 0, 130)


def test_nothing_to_stop(cluster):
    done = neurocluster("stop", "ipc:///nowhere/at-all")
    assert done.returncode == 1
    assert "error: no controller answers at ipc:///nowhere/at-all" in done.stderr
    done = neurocluster("stop", cwd=cluster.folder)
    assert done.returncode == 2
    assert "name a connection file, an endpoint or a run's folder" in done.stderr


def test_a_run_is_found_and_stopped_by_its_folder(tmp_path):
    run = start("run", "--no-compare", *SLOW, cwd=tmp_path)
    out = wait_for(lambda: next(tmp_path.glob("runs/*/roster.json"), None)).parent
    found = roster(out)
    wait_for(lambda: "computed" in neurocluster("status", cwd=tmp_path).stdout)
    done = neurocluster("stop", out)
    assert done.returncode == 0, done.stderr
    errors, _ = stopped_early(run, out)
    assert "the cluster was asked to stop" in errors
    assert not (out / "connection.json").exists()
    none_alive(pids_of(found))


async def test_a_cluster_that_was_stopped_while_idle_says_so(tmp_path):
    connection = tmp_path / "c.json"
    images = np.full((3, 28, 28), 90, np.uint8)
    async with LocalCluster(connection=connection) as cluster:
        assert len([r async for r in cluster.stream(images)]) == 3
        done = await asyncio.to_thread(neurocluster, "stop", connection)
        assert done.returncode == 0, done.stderr
        with pytest.raises(ClusterStopped, match="asked to stop"):
            async for _ in cluster.stream(images):
                pass
    assert not connection.exists()


# -- two controllers ---------------------------------------------------------------


def test_a_second_controller_refuses(cluster):
    controller = cluster.controller()
    told = cluster.told()
    done = neurocluster("controller", "--connection", cluster.connection)
    assert done.returncode == 2
    assert f"(pid {controller.pid} on {HOSTNAME}) answers at" in done.stderr
    for words in (told["endpoint"], "neurocluster stop", "--replace"):
        assert words in done.stderr
    assert cluster.told() == told
    assert cluster.status()["answered"]


def test_replace_stops_the_old_one_first(cluster):
    old = cluster.controller()
    workers = cluster.workers()
    new = cluster.controller("--replace")
    assert [code(p) for p in (old, *workers)] == [0] * 5
    assert cluster.status()["controller"]["pid"] == new.pid


def test_of_two_that_start_at_once_one_stays(cluster):
    both = [
        cluster.start("controller", "--connection", cluster.connection)
        for _ in range(2)
    ]
    ended = wait_for(lambda: [p for p in both if p.poll() is not None], 30)
    (stays,) = [p for p in both if p not in ended]
    assert cluster.status()["controller"]["pid"] == stays.pid
    assert ended[0].returncode in (1, 2)  # it was overtaken, or came later


def test_a_stale_file_is_replaced(cluster):
    old = cluster.controller()
    old.kill()
    old.wait()
    assert cluster.told()["pid"] == old.pid
    new = cluster.controller()
    assert cluster.status()["controller"]["pid"] == new.pid


def test_one_that_hung_leaves_the_file_to_its_successor_and_ends(cluster):
    old = cluster.controller()
    kill(old.pid, signal.SIGSTOP)
    new = cluster.controller()
    kill(old.pid, signal.SIGCONT)
    told = old.communicate(timeout=20)[1]
    assert old.returncode == 1
    who = f"another controller (pid {new.pid} on {HOSTNAME})"
    assert f"{who} has taken {cluster.connection}" in told
    assert cluster.status()["controller"]["pid"] == new.pid
    new.send_signal(signal.SIGTERM)
    assert code(new) == 130
    assert not cluster.connection.exists()


def test_a_file_that_is_something_else_stays(cluster):
    cluster.connection.write_text("my notes")
    done = neurocluster("controller", "--connection", cluster.connection)
    assert done.returncode == 2
    assert "it is no connection file" in done.stderr
    assert cluster.connection.read_text() == "my notes"
