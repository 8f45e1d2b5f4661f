"""Failures of real processes: named, quick, and nothing is left behind."""

import contextlib
import os
import random
import signal
import time
from pathlib import Path

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


@pytest.mark.parametrize("seed", range(12))
def test_a_killed_worker_is_named(seed, tmp_path):
    """First frame and middle of a long run."""
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


@pytest.mark.parametrize("seed", range(10))
def test_a_worker_killed_near_the_end_loses_nothing_silently(seed, tmp_path):
    """Middle, last frame, draining, or just too late: done whole, or named."""
    out, slot = tmp_path / "out", seed % 4
    after = random.Random(seed).uniform(0, 0.4)

    def hit(found):
        with contextlib.suppress(ProcessLookupError):
            kill(found["workers"][slot]["pid"])

    code, errors, _, seconds, found = run_and_hit(out, hit, after=after, frames=1500)
    rows = table(out, "frames.csv")
    if code == 0:
        assert len(rows) == 1500
        assert all(row["spikes"] for row in rows)
        return
    assert code == 1
    assert f"worker pid {found['workers'][slot]['pid']}" in errors
    assert "signal 9 (SIGKILL)" in errors
    assert seconds < LIMIT_S
    assert len(rows) == summary(out)["frames"]


@pytest.mark.parametrize("seed", range(8))
def test_a_worker_killed_before_go_is_named(seed, tmp_path):
    out, slot = tmp_path / "out", seed % 4
    process = start("run", "--out", out)
    template = wait_for(lambda: children(process.pid))[0]
    wait_for(lambda: len(children(template)) > slot + 1)
    pids = children(template)
    kill(pids[slot + 1])  # the controller is the first
    begin = time.monotonic()
    _, errors = process.communicate(timeout=15)
    assert process.returncode == 1
    assert time.monotonic() - begin < LIMIT_S
    assert f"pid {pids[slot + 1]}" in errors
    assert "signal 9 (SIGKILL)" in errors
    assert "Traceback" not in errors
    none_alive([template, *pids])


def children(pid):
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in text.split()]


def test_a_stopped_worker_is_found_by_its_silence(tmp_path):
    stopped = []

    def stop(found):
        stopped.append(found["workers"][1]["pid"])
        os.kill(stopped[0], signal.SIGSTOP)

    code, errors, _, seconds, _ = run_and_hit(tmp_path / "out", stop, after=0.2)
    assert code == 1
    assert "partition conv2.0" in errors
    assert "silent" in errors
    assert seconds < LIMIT_S
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
