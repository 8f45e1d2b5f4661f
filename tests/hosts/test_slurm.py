"""Workers on the nodes of a Slurm job, submitted by an ordinary user."""

import json
import shutil
import time

import pytest

from tests.hosts.conftest import (
    NAMESPACES,
    NET,
    PYTHON,
    ROOT,
    USER,
    open_to_all,
)
from tests.hosts.slurm import Slurm
from tests.hosts.test_ssh import FRAMES, LONG, assert_only_lost, counted, workers
from tests.support.processes import neurocluster, wait_for

pytestmark = pytest.mark.hosts


@pytest.fixture(scope="module")
def slurm(hosts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("slurm")
    open_to_all(folder)
    addresses = {name: f"{NET}.{name[1:]}" for name in hosts.names}
    made = Slurm(folder, NAMESPACES, addresses, f"{NET}.254")
    yield made
    made.close()


@pytest.fixture
def home(tmp_path):
    """A folder of the user's, with the script that ships."""
    open_to_all(tmp_path)
    folder = tmp_path / "home"
    folder.mkdir()
    shutil.copy(ROOT / "deploy" / "slurm.sbatch", folder)
    shutil.chown(folder, USER, USER)
    return folder


def submit(slurm, home, *options):
    """Submit the script on three nodes; return the job and its folder of results."""
    job = slurm.submit(
        USER, home, PYTHON, "--nodes=3", "slurm.sbatch", "--no-compare", "--out", "out",
        *options,
    )  # fmt: skip
    return job, home / "out"


def said(home, job):
    return (home / f"neurocluster-{job}.out").read_text()


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


def test_a_cancelled_job_leaves_nothing(hosts, slurm, home):
    job, out = submit(slurm, home, "--frames", LONG)
    wait_for((out / "roster.json").exists, 120)
    slurm.cancel(job)
    slurm.wait(job, 30)
    wait_for(lambda: not workers(hosts), 10)


def test_a_lost_node_is_survived_before_slurm_notices(hosts, slurm, home):
    job, out = submit(slurm, home, "--frames", LONG, "--spares", 3)
    wait_for((out / "roster.json").exists, 120)
    roster = json.loads((out / "roster.json").read_text())
    first = roster["client"]["host"]
    lost = next(w["host"] for w in roster["workers"] if w["host"] != first)
    time.sleep(0.5)
    hosts.link(lost, "down")
    begin = time.monotonic()
    wait_for(lambda: "Recovered after" in said(home, job), 10)
    assert time.monotonic() - begin < 5
    wait_for(lambda: "Nothing lost: " in said(home, job), 60)
    hosts.link(lost, "up")
    slurm.cancel(job)
    slurm.wait(job, 90)
    wait_for(lambda: not workers(hosts), 60)
    summary = json.loads((out / "summary.json").read_text())
    assert summary["frames"] == 10_000
    assert_only_lost(summary["recoveries"], lost)


def test_outside_of_a_job_it_says_what_to_do(hosts):
    done = neurocluster("run", "--engine", "slurm")
    assert done.returncode == 2
    assert "this is no Slurm job; submit 'sbatch deploy/slurm.sbatch'" in done.stderr
