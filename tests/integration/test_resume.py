"""A run that did not finish goes on with the frames that have no result."""

import shutil
import signal
import time
from pathlib import Path

import pytest

from neurocluster.results.folder import RunFolder
from tests.support.processes import (
    kill,
    neurocluster,
    roster,
    start,
    summary,
    table,
    wait_for,
)

SLOW = ("--window", "1", "--threshold", "0.5")


def results(out):
    """Return what a run says of each frame, without times."""
    return [
        {k: v for k, v in row.items() if not k.endswith("_ns")}
        for row in table(out, "frames.csv")
    ]


def assert_same(out, tmp_path, frames):
    good = tmp_path / "good"
    done = neurocluster("run", "--out", good, "--frames", frames, "--no-compare", *SLOW)
    assert done.returncode == 0, done.stderr
    rows, wanted = results(out), results(good)
    assert [row["frame"] for row in rows] == [str(k) for k in range(frames)]
    for row, one in zip(rows, wanted, strict=True):
        if not row["spikes"]:  # its report was lost with the controller
            row |= {k: one[k] for k in ("spikes", "spikes_pool", "synops")}
    assert rows == wanted
    assert summary(out)["accuracy_by_count"] == summary(good)["accuracy_by_count"]


@pytest.mark.parametrize(
    "end", ["kill", pytest.param("interrupt", marks=pytest.mark.slow)]
)
def test_a_run_goes_on(end, tmp_path):
    out = tmp_path / "out"
    process = start("run", "--out", out, "--frames", 3000, "--no-compare", *SLOW)
    found = roster(out)
    time.sleep(0.3)
    if end == "kill":
        kill(found["controller"]["pid"])
    else:
        process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == (1 if end == "kill" else 130), errors
    assert (
        f"frames have no result; go on with: neurocluster run --resume {out}" in errors
    )
    assert (out / "unfinished.npz").exists()
    first = len(table(out, "frames.csv"))
    assert 0 < first < 3000
    done = neurocluster("run", "--resume", out)
    assert done.returncode == 0, done.stderr
    assert not (out / "unfinished.npz").exists()
    assert len(table(out, "workers.csv")) == 2 * 5
    assert_same(out, tmp_path, 3000)
    done = neurocluster("run", "--resume", out)
    assert done.returncode == 0
    assert f"Nothing to do: all frames of {out} have results." in done.stderr


def test_a_stream_goes_on_with_another_controller(tmp_path):
    connection, out = tmp_path / "c.json", tmp_path / "out"
    controller = start("controller", "--connection", connection, *SLOW)
    wait_for(connection.exists)
    workers = start("worker", "--connect", connection, "--workers", 4)
    client = start(
        "stream", "--connect", connection, "--out", out, "--frames", 3000,
        "--no-compare",
    )  # fmt: skip
    found = roster(out)
    time.sleep(0.3)
    kill(found["workers"][0]["pid"], signal.SIGSTOP)  # or all would soon be done
    controller.kill()
    controller.communicate(timeout=5)
    _, errors = client.communicate(timeout=10)
    assert client.returncode == 1
    assert "error: the controller does not answer any more" in errors
    assert f"neurocluster stream --connect {connection} --resume {out}" in errors
    before = connection.read_text()
    other = start("controller", "--connection", connection, "--threshold", "0.9")
    resume = ("stream", "--connect", connection, "--resume", out, "--no-compare")
    wait_for(lambda: connection.read_text() != before)
    done = neurocluster(*resume)
    assert done.returncode == 2, done.stderr
    assert "was run by a cluster of another network, plan, threshold" in done.stderr
    other.send_signal(signal.SIGTERM)
    other.communicate(timeout=5)
    workers.communicate(timeout=10)  # they were told to leave
    following = start("controller", "--connection", connection, *SLOW)
    wait_for(connection.exists)
    workers = start("worker", "--connect", connection, "--workers", 4)
    done = neurocluster(*resume)
    assert done.returncode == 0, done.stderr
    assert_same(out, tmp_path, 3000)
    following.send_signal(signal.SIGTERM)
    following.communicate(timeout=5)
    workers.communicate(timeout=5)


def test_what_contradicts_the_run_is_refused(tmp_path):
    out = tmp_path / "out"
    assert neurocluster("run", "--out", out, "--frames", 5).returncode == 0
    for options, words in (
        (("--resume", out, "--frames", 9), "has its own settings; leave out --frames"),
        (("--resume", tmp_path / "nix"), "is no folder of a run"),
    ):
        done = neurocluster("run", *options)
        assert done.returncode == 2
        assert words in done.stderr


def test_a_run_that_is_being_run_is_refused(tmp_path):
    out = tmp_path / "out"
    process = start("run", "--out", out, "--no-compare", *SLOW)
    roster(out)
    done = neurocluster("run", "--resume", out)
    assert done.returncode == 2
    assert f"resume: {out} is being run: its controller (pid " in done.stderr
    assert f"or ask for it by 'neurocluster stop {out}'" in done.stderr
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 130


def test_a_session_keeps_off_a_folder_that_a_later_one_took(tmp_path):
    """A job that is started again while its lost host still runs it."""
    out = tmp_path / "out"
    process = start("run", "--out", out, "--no-compare", *SLOW)
    roster(out)
    time.sleep(0.3)
    RunFolder(out).take()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 130, errors
    assert f"error: a later session of this run has taken {out} over" in errors
    elsewhere = Path(errors.split("the results are in ")[1].split(" instead")[0])
    assert summary(elsewhere)["frames"] > 0
    shutil.rmtree(elsewhere)
    assert not (out / "summary.json").exists()
    assert (out / ".session").exists()
