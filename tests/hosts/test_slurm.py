"""Workers on the nodes of a Slurm job, submitted by an ordinary user."""

import contextlib
import json
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from neurocluster import load_dataset
from tests.hosts.conftest import NAMESPACES, PYTHON, ROOT, USER, open_to_all
from tests.hosts.test_ssh import FRAMES, LONG, assert_only_lost, counted, workers
from tests.support.idx import idx_bytes
from tests.support.processes import (
    kill,
    neurocluster,
    parent,
    summary,
    table,
    wait_for,
)

pytestmark = pytest.mark.hosts
SLOW = ("--window", 1)
"""One frame after the other: ten thousand take some seconds."""


@pytest.fixture
def home(tmp_path):
    """A folder of the user's, with the script that ships."""
    open_to_all(tmp_path)
    folder = tmp_path / "home"
    folder.mkdir()
    shutil.copy(ROOT / "deploy" / "slurm.sbatch", folder)
    shutil.chown(folder, USER, USER)
    return folder


@pytest.fixture(autouse=True)
def _nothing_left(hosts, slurm):
    """Every test begins with idle nodes, and leaves no process."""
    slurm.ready()
    yield
    for name in hosts.names:
        hosts.link(name, "up")
    subprocess.run(["scancel", "--user", USER], env=slurm.environment, check=True)
    wait_for(lambda: not workers(hosts), 90)


def submit(slurm, home, *options, to_slurm="--nodes=3"):
    """Submit the script; return the job and its folder of results."""
    job = slurm.submit(
        USER, home, PYTHON, to_slurm, "slurm.sbatch", "--no-compare", "--out", "out",
        *options,
    )  # fmt: skip
    return job, home / "out"


def said(home, job):
    return (home / f"neurocluster-{job}.out").read_text()


def running(out):
    """Wait until a run has begun; return its roster."""
    wait_for((out / "roster.json").exists, 120)
    found = json.loads((out / "roster.json").read_text())
    time.sleep(0.5)
    return found


def a_worker_elsewhere(found):
    """Return a worker that is not on the client's node."""
    first = found["client"]["host"]
    return next(w for w in found["workers"] if w["host"] != first)


def parent_on(hosts, node):
    """Return the process that is the parent of a node's workers."""
    pids = hosts.pids(node, "neurocluster worker --connect env")
    return next(pid for pid in pids if parent(pid) not in pids)


@contextlib.contextmanager
def drained(slurm, node):
    """Take a node out of service."""
    slurm.control("update", f"nodename={node}", "state=drain", "reason=maintenance")
    try:
        yield
    finally:
        slurm.control("update", f"nodename={node}", "state=resume")


def assert_each_once(out, frames=10_000):
    assert [row["frame"] for row in table(out, "frames.csv")] == [
        str(k) for k in range(frames)
    ]
    assert summary(out)["frames"] == frames


def test_a_job_gives_the_results_of_one_machine(hosts, slurm, home, tmp_path):
    job, out = submit(slurm, home, "--frames", FRAMES)
    slurm.wait(job)
    assert "Nothing lost: " in said(home, job), said(home, job)
    near = neurocluster(
        "run", "--out", tmp_path / "near", "--frames", FRAMES, "--no-compare"
    )
    assert near.returncode == 0, near.stderr
    assert counted(out) == counted(tmp_path / "near")
    roster = json.loads((out / "roster.json").read_text())
    assert {w["host"] for w in roster["workers"]} == set(hosts.names)
    wait_for(lambda: not workers(hosts))


def test_without_a_name_the_results_are_named_by_the_job(slurm, home):
    job = slurm.submit(
        USER, home, PYTHON, "slurm.sbatch", "--no-compare", "--frames", 5
    )
    slurm.wait(job)
    assert summary(home / "runs" / f"job-{job}")["frames"] == 5


def test_within_salloc(hosts, slurm, home):
    """The controller is where the user is, here on a node, which knows the others."""
    command = (
        f"salloc -N3 {PYTHON} -m neurocluster run --engine slurm --out out "
        f"--no-compare --frames {FRAMES}"
    )
    inside = [NAMESPACES, "in", "n1", *slurm.as_user(USER, home, command)]
    done = subprocess.run(inside, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Nothing lost: " in done.stdout
    roster = json.loads((home / "out" / "roster.json").read_text())
    assert {w["host"] for w in roster["workers"]} == set(hosts.names)


def test_a_cancelled_job_saves_its_results_and_leaves_nothing(hosts, slurm, home):
    job, out = submit(slurm, home, *SLOW)
    running(out)
    slurm.cancel(job)
    slurm.wait(job, 30)
    wait_for(lambda: not workers(hosts), 10)
    assert 0 < summary(out)["frames"] < 10_000
    assert "go on with: neurocluster run --engine slurm --resume out" in said(home, job)
    assert not (out / "connection.json").exists()
    job = slurm.submit(USER, home, PYTHON, "slurm.sbatch", "--resume", "out")
    slurm.wait(job)
    assert_each_once(out)


def test_a_killed_parent_is_survived_with_spares(hosts, slurm, home):
    job, out = submit(slurm, home, *SLOW, "--spares", 3)
    node = a_worker_elsewhere(running(out))["host"]
    kill(parent_on(hosts, node))
    slurm.wait(job)
    text = said(home, job)
    assert f"host {node}: the parent of its workers ended; srun says: task " in text
    assert ": Killed" in text
    assert "Recovered after" in text
    assert "error: " not in text.replace("srun: error: ", "")
    assert_each_once(out)


def test_without_spares_the_error_names_the_node_and_what_slurm_says(
    hosts, slurm, home
):
    job, out = submit(slurm, home, *SLOW)
    node = a_worker_elsewhere(running(out))["host"]
    begin = time.monotonic()
    kill(parent_on(hosts, node))
    slurm.wait(job, 30)
    assert time.monotonic() - begin < 15
    text = said(home, job)
    task = hosts.names.index(node)
    assert (
        f"error: host {node}: the parent of its workers ended; srun says: task {task}: "
        "Killed; "
    ) in text
    assert " workers are left for 4 partitions; last finished frame: " in text
    assert f"  {node} (the parent ended; srun says: task {task}: Killed):" in text
    assert "frames have no result; go on with: " in text
    assert (out / "unfinished.npz").exists()
    again = slurm.submit(USER, home, PYTHON, "slurm.sbatch", "--resume", "out")
    slurm.wait(again)
    assert_each_once(out)


def test_workers_that_crash_again_and_again_end_with_their_parents_exit_code(
    hosts, slurm, home
):
    job, out = submit(slurm, home, *SLOW, "--frames", LONG)
    node = a_worker_elsewhere(running(out))["host"]
    top = parent_on(hosts, node)
    while slurm.state(job) == "RUNNING" and "error: host" not in said(home, job):
        for pid in hosts.pids(node, "neurocluster worker --connect env"):
            if pid != top:
                with contextlib.suppress(ProcessLookupError):
                    kill(pid)
        time.sleep(0.5)
    slurm.wait(job, 30)
    text, task = said(home, job), hosts.names.index(node)
    assert (
        f"error: host {node}: the parent of its workers ended; srun says: task {task}: "
        "Exited with exit code 137; "
    ) in text


def test_a_node_without_the_package_is_named(hosts, slurm, home, tmp_path):
    """It is not where the other nodes have it."""
    empty = tmp_path / "empty"
    empty.mkdir()
    (daemon,) = hosts.pids("n2", "slurmd -f")
    inside = ["nsenter", f"--mount=/proc/{daemon}/ns/mnt"]
    place = Path(PYTHON).parents[1]
    subprocess.run([*inside, "mount", "--bind", empty, place], check=True)
    try:
        job, _ = submit(slurm, home, "--frames", 5)
        slurm.wait(job, 60)
    finally:
        subprocess.run([*inside, "umount", place], check=True)
    text = said(home, job)
    assert "error: the workers of n2 ended before they were there" in text
    assert "  n2 (the parent ended; srun says: task 1: Exited with exit code 2" in text
    assert "No such file or directory" in text


def test_a_lost_node_is_survived_before_slurm_notices(hosts, slurm, home):
    job, out = submit(slurm, home, "--frames", LONG, "--spares", 3)
    lost = a_worker_elsewhere(running(out))["host"]
    hosts.link(lost, "down")
    begin = time.monotonic()
    wait_for(lambda: "Recovered after" in said(home, job), 10)
    assert time.monotonic() - begin < 5
    wait_for(lambda: "Nothing lost: " in said(home, job), 60)
    hosts.link(lost, "up")
    slurm.cancel(job)
    slurm.wait(job, 90)
    wait_for(lambda: not workers(hosts), 60)
    assert summary(out)["frames"] == 10_000
    assert_only_lost(summary(out)["recoveries"], lost)


@pytest.mark.slow
def test_the_job_goes_on_when_slurm_has_given_the_node_up(hosts, slurm, home):
    images = np.tile(load_dataset().images, (10, 1, 1, 1)).reshape(-1, 28, 28)
    (home / "t10k-images-idx3-ubyte").write_bytes(idx_bytes(images))
    job, out = submit(
        slurm, home, *SLOW, "--spares", 3, "--data", home,
        to_slurm="--nodes=3 --no-kill",
    )  # fmt: skip
    lost = a_worker_elsewhere(running(out))["host"]
    hosts.link(lost, "down")
    wait_for(lambda: slurm.shown(job, "%D") == "2", 60)
    time.sleep(2)
    assert slurm.state(job) == "RUNNING"
    text = said(home, job)
    assert text.count("Recovering: ") == text.count("Recovered after") <= 3, text
    assert f"host {lost}: the parent of its workers ended; srun says: Node fail" in text
    hosts.link(lost, "up")
    slurm.cancel(job)
    slurm.wait(job, 90)
    assert summary(out)["frames"] > 10_000


def test_a_job_that_is_requeued_goes_on(slurm, home):
    job, out = submit(slurm, home, *SLOW)
    running(out)
    slurm.control("requeue", job)
    again = "Slurm started this job again: going on with out"
    wait_for(lambda: again in said(home, job), 60)
    slurm.wait(job)
    assert "Nothing lost: " in said(home, job).split(again)[1]
    assert_each_once(out)
    assert len(table(out, "workers.csv")) == 2 * 5  # of both sessions


def test_a_job_whose_first_node_is_lost_goes_on_elsewhere(hosts, slurm, home, tmp_path):
    """On two of three nodes; the lost one cannot be told, and tries on meanwhile."""
    job, out = submit(slurm, home, *SLOW, to_slurm="--nodes=2")
    first = running(out)["client"]["host"]
    hosts.link(first, "down")
    again = "Slurm started this job again: going on with out"
    wait_for(lambda: again in said(home, job), 90)
    slurm.wait(job)
    found = json.loads((out / "roster.json").read_text())
    assert first not in {w["host"] for w in (*found["workers"], found["client"])}
    hosts.link(first, "up")
    wait_for(lambda: not workers(hosts), 90)
    assert_each_once(out)
    assert not (out / "unfinished.npz").exists()
    near = neurocluster("run", "--out", tmp_path / "near", "--no-compare")
    assert near.returncode == 0, near.stderr
    rows, wanted = counted(out)[1], counted(tmp_path / "near")[1]
    for row, one in zip(rows, wanted, strict=True):
        if not row["spikes"]:  # its report was lost with the node
            row |= {k: one[k] for k in ("spikes", "spikes_pool", "synops")}
    assert rows == wanted


def test_a_drained_node_ends_what_it_runs(hosts, slurm, home):
    job, out = submit(slurm, home, *SLOW)
    node = a_worker_elsewhere(running(out))["host"]
    with drained(slurm, node):
        slurm.wait(job)
    text = said(home, job)
    assert "Nothing lost: " in text
    assert not [w for w in ("error: ", "Recover", "WARNING", "srun") if w in text], text
    assert_each_once(out)
    assert summary(out)["recoveries"] == []


def test_a_job_does_without_a_drained_node_or_waits_for_it(slurm, home):
    with drained(slurm, "n2"):
        job, out = submit(slurm, home, "--frames", 5, to_slurm="--nodes=2")
        slurm.wait(job)
        found = json.loads((out / "roster.json").read_text())
        assert {w["host"] for w in found["workers"]} == {"n1", "n3"}
        shutil.rmtree(out)
        job, out = submit(slurm, home, "--frames", 5)
        why = "Nodes required for job are DOWN, DRAINED"
        wait_for(lambda: why in slurm.shown(job, "%r"))
        assert not out.exists()
    slurm.wait(job)
    assert summary(out)["frames"] == 5


def test_outside_of_a_job_it_says_what_to_do(hosts):
    done = neurocluster("run", "--engine", "slurm")
    assert done.returncode == 2
    assert "this is no Slurm job; submit 'sbatch deploy/slurm.sbatch'" in done.stderr


def test_the_doctor_examines_the_nodes_of_a_job(hosts, slurm, home):
    script = home / "doctor.sbatch"
    command = "$NEUROCLUSTER_PYTHON -m neurocluster doctor --engine slurm --json"
    script.write_text(f"#!/bin/bash\n{command} > told.json\n")
    job = slurm.submit(
        USER, home, PYTHON, "--nodes=3", "--ntasks-per-node=1", "--cpus-per-task=2",
        "--output=said", script.name,
    )  # fmt: skip
    slurm.wait(job)
    told = json.loads((home / "told.json").read_text() or (home / "said").read_text())
    assert set(told["hosts"]) == {"this machine", *hosts.names}
    assert not [f for f in told["findings"] if f["level"] == "error"]
    assert len(told["ways"]) == 4 * 3
    assert all(way["whole"] for way in told["ways"])
    wait_for(lambda: not workers(hosts))
