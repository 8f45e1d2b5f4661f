"""Failures of real processes: named, quick, and nothing is left behind."""

import os
import random
import signal
import time

import pytest

from tests.support.processes import (
    alive,
    kill,
    none_alive,
    pids_of,
    roster,
    start,
    summary,
    table,
    wait_for,
)

LIMIT_S = 2.0


def run_and_hit(out, act, *, after, frames=20000):
    """Start a run, act on its roster after some seconds; return what came."""
    process = start("run", "--out", out, "--frames", frames, "--threshold", "0.5")
    found = roster(out)
    time.sleep(after)
    begin = time.monotonic()
    act(found)
    output, errors = process.communicate(timeout=15)
    seconds = time.monotonic() - begin
    none_alive(pids_of(found))
    assert "Traceback" not in errors
    return process.returncode, errors, output, seconds, found


@pytest.mark.parametrize("seed", range(8))
def test_a_killed_worker_is_named(seed, tmp_path):
    out, slot = tmp_path / "out", seed % 4
    after = random.Random(seed).choice([0, 0.05, 0.2, 0.5])
    code, errors, _, seconds, found = run_and_hit(
        out, lambda r: kill(r["workers"][slot]["pid"]), after=after
    )
    worker = found["workers"][slot]
    assert code == 1
    assert seconds < LIMIT_S
    assert f"partition {worker['partition']} (worker pid {worker['pid']}" in errors
    assert "was killed by signal 9 (SIGKILL)" in errors
    assert "finished" in errors
    assert len(table(out, "frames.csv")) == summary(out)["frames"]


def test_a_stopped_worker_is_found_by_its_silence(tmp_path):
    stopped = []

    def stop(found):
        stopped.append(found["workers"][1]["pid"])
        os.kill(stopped[0], signal.SIGSTOP)

    code, errors, _, seconds, _ = run_and_hit(tmp_path / "out", stop, after=0.2)
    assert code == 1
    assert "partition conv2.0" in errors
    assert "silent" in errors
    assert seconds < LIMIT_S + 2  # a stopped process is killed after 1.5 s
    assert not alive(stopped[0])


def test_a_killed_controller_is_reported(tmp_path):
    code, errors, _, seconds, _ = run_and_hit(
        tmp_path / "out", lambda r: kill(r["controller"]["pid"]), after=0.2
    )
    assert code == 1
    assert "controller was killed by signal 9 (SIGKILL)" in errors
    assert seconds < LIMIT_S


def test_a_killed_client_takes_all_with_it(tmp_path):
    out = tmp_path / "out"
    process = start("run", "--out", out, "--threshold", "0.5")
    found = roster(out)
    time.sleep(0.2)
    process.kill()
    process.communicate(timeout=5)
    none_alive(pids_of(found), LIMIT_S)
    log = (out / "logs" / "controller.log").read_text()
    assert "the process that started this controller is gone" in log


def test_a_lost_client_ends_a_cluster_started_by_hand(tmp_path):
    connection, out = tmp_path / "c.json", tmp_path / "out"
    controller = start("controller", "--connection", connection)
    wait_for(connection.exists)
    workers = [start("worker", "--connect", connection) for _ in range(4)]
    client = start("stream", "--connect", connection, "--out", out)
    roster(out)
    client.kill()
    client.communicate(timeout=5)
    _, errors = controller.communicate(timeout=5)
    assert controller.returncode == 1
    assert "client (pid" in errors
    assert "exit status 1" in errors
    for worker in workers:
        worker.communicate(timeout=5)
        assert worker.returncode == 0
