"""Failures of real processes: survived or named, quick, and nothing is left behind."""

import os
import re
import signal
import time

import pytest

from tests.support.processes import (
    children,
    kill,
    none_alive,
    parent,
    pids_of,
    roster,
    start,
    summary,
    table,
    wait_for,
)

LIMIT_S = 2.0
KILLED = (
    r"Recovering: partition {} \(worker pid {} on \S+\) was killed by signal 9 \(SI"
)
SILENT = (
    r"Recovering: partition {} \(worker pid {} on \S+\) has been silent for 1\.\d s"
)


def run_and_hit(out, act, *, after, frames=10000, options=()):
    """Start a run, act on its roster after some seconds; return what came."""
    process = start(
        "run", "--out", out, "--frames", frames, "--threshold", "0.5", "--no-compare",
        *options,
    )  # fmt: skip
    found = roster(out)
    time.sleep(after)
    begin = time.monotonic()
    act(found)
    output, errors = process.communicate(timeout=40)
    seconds = time.monotonic() - begin
    none_alive(pids_of(found))
    assert "Traceback" not in errors
    return process.returncode, errors, output, seconds, found


def assert_whole(out, frames):
    """Every frame has its result once, in order."""
    rows = table(out, "frames.csv")
    assert [int(row["frame"]) for row in rows] == list(range(frames))
    assert all(row["class_by_count"] for row in rows)
    found = summary(out)
    assert found["frames"] == frames
    assert found["spikes_sent"] == found["spikes_received"]


@pytest.mark.parametrize(
    ("hit", "words", "slot"),
    [
        *(
            pytest.param(signal.SIGKILL, KILLED, k, marks=[pytest.mark.slow] * (k != 1))
            for k in range(4)
        ),
        (signal.SIGSTOP, SILENT, 1),
    ],
)
def test_a_lost_worker_is_replaced_and_its_user_told(hit, words, slot, tmp_path):
    out = tmp_path / "out"
    code, errors, _, _, found = run_and_hit(
        out, lambda r: kill(r["workers"][slot]["pid"], hit), after=0.1
    )
    worker = found["workers"][slot]
    assert code == 0, errors
    assert re.search(words.format(worker["partition"], worker["pid"]), errors)
    assert re.search(r"Recovered after \d+\.\d\d s", errors)
    assert_whole(out, 10000)
    (recovery,) = summary(out)["recoveries"]
    assert f"worker pid {worker['pid']}" in recovery["reason"]
    assert 0 < recovery["seconds"] < LIMIT_S


def test_a_worker_killed_before_go_is_replaced(tmp_path):
    out = tmp_path / "out"
    process = start("run", "--out", out, "--frames", 500, "--no-compare")
    template = wait_for(lambda: children(process.pid))[0]
    wait_for(lambda: len(children(template)) > 2)
    kill(children(template)[2])  # the controller is the first
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert_whole(out, 500)
    none_alive([template])


def test_a_worker_that_crashes_again_and_again_fails_the_run(tmp_path):
    """Started again three times a minute; then the error says so."""
    out, name, hits = tmp_path / "out", "fc1.0", []

    def hit(found):
        (template,) = {parent(w["pid"]) for w in found["workers"]}
        (first,) = [w["pid"] for w in found["workers"] if w["partition"] == name]
        others = set(children(template)) - {first}
        pid = first
        for _ in range(4):
            kill(pid)
            hits.append(pid)
            if len(hits) < 4:
                pid = wait_for(lambda: set(children(template)) - others - set(hits))
                (pid,) = pid
                time.sleep(0.3)  # it must join, or it is not known to the controller

    code, errors, _, _, _ = run_and_hit(
        out, hit, after=0.05, options=("--fire", "settle", "--quantizer", "floor")
    )
    assert code == 1
    assert "was killed by signal 9 (SIGKILL)" in errors
    assert "it is not started again" in errors
    assert len(table(out, "frames.csv")) == summary(out)["frames"]


def test_a_worker_told_to_leave_is_not_replaced(tmp_path):
    code, errors, _, seconds, found = run_and_hit(
        tmp_path / "out", lambda r: kill(r["workers"][2]["pid"], signal.SIGTERM),
        after=0.1,
    )  # fmt: skip
    assert code == 1
    assert seconds < LIMIT_S
    pid = found["workers"][2]["pid"]
    assert f"error: partition fc1.0 (worker pid {pid} on" in errors
    assert "left: SIGTERM received" in errors
    assert "it is not started again" in errors


def test_a_spare_takes_its_place(tmp_path):
    code, errors, _, _, found = run_and_hit(
        tmp_path / "out", lambda r: kill(r["workers"][2]["pid"], signal.SIGTERM),
        after=0.1, options=("--spares", "1"),
    )  # fmt: skip
    assert code == 0, errors
    assert len(found["workers"]) == 4
    assert_whole(tmp_path / "out", 10000)


def test_a_killed_controller_is_reported(tmp_path):
    code, errors, _, seconds, _ = run_and_hit(
        tmp_path / "out", lambda r: kill(r["controller"]["pid"]), after=0.1
    )
    assert code == 1
    assert "error: the controller was killed by signal 9 (SIGKILL); last fin" in errors
    assert seconds < LIMIT_S


def test_a_killed_launcher_is_reported(tmp_path):
    out, parents = tmp_path / "out", []

    def hit(found):
        parents.append(parent(found["controller"]["pid"]))
        kill(parents[0])

    code, errors, _, seconds, _ = run_and_hit(out, hit, after=0.1)
    assert code == 1
    assert "error: the launcher was killed by signal 9 (SIGKILL), with all" in errors
    assert seconds < LIMIT_S
    none_alive(parents)


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


def test_a_client_that_is_gone_makes_room_for_the_next(tmp_path):
    connection, out = tmp_path / "c.json", tmp_path / "out"
    controller = start("controller", "--connection", connection)
    wait_for(connection.exists)
    workers = start("worker", "--connect", connection, "--workers", 4)
    client = start("stream", "--connect", connection, "--out", out)
    pids = [worker["pid"] for worker in roster(out)["workers"]]
    client.kill()
    client.communicate(timeout=5)
    following = start(
        "stream", "--connect", connection, "--out", tmp_path / "next", "--frames", 500,
        "--no-compare",
    )  # fmt: skip
    begin = time.monotonic()
    _, errors = following.communicate(timeout=20)
    busy = "cluster busy: held by client (pid" in errors
    while busy and time.monotonic() - begin < LIMIT_S:
        following = start(
            "stream", "--connect", connection, "--out", tmp_path / f"n{time.time()}",
            "--frames", 500, "--no-compare",
        )  # fmt: skip
        _, errors = following.communicate(timeout=20)
        busy = "cluster busy: held by client (pid" in errors
    assert following.returncode == 0, errors
    os.kill(controller.pid, signal.SIGTERM)
    _, log = controller.communicate(timeout=5)
    assert "session ends: client (pid" in log
    _, log = workers.communicate(timeout=5)
    assert workers.returncode == 0, log
    none_alive(pids)
