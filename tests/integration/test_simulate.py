"""`neurocluster simulate` writes the tables of a run, and names mistakes."""

import csv
import json

import pytest

from neurocluster.results.tables import FRAME_COLUMNS, LINK_COLUMNS, WORKER_COLUMNS
from neurocluster.simulate.costs import Costs
from tests.support.processes import neurocluster
from tests.support.simulated import fixed


@pytest.fixture(scope="module")
def costs(tmp_path_factory):
    path = tmp_path_factory.mktemp("costs") / "costs.json"
    made = Costs(
        receive=fixed(1), send=fixed(2), wake=fixed(5), io=fixed(2), wire=fixed(1),
        layers={"others": fixed(3, spike=10.0, synop=0.1)},
    )  # fmt: skip
    path.write_text(made.to_json())
    return str(path)


def table(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def test_it_writes_what_a_run_leaves(costs, tmp_path):
    out = tmp_path / "out"
    done = neurocluster(
        "simulate", "--costs", costs, "--frames", "30", "--hosts", "2", "--wire-us",
        "50", "--out", str(out), "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary | {"folder": 0} == json.loads((out / "summary.json").read_text()) | {
        "folder": 0
    }
    assert summary["accuracy_by_count"] > 0.9
    assert summary["spikes_sent"] == summary["spikes_received"]
    assert summary["frames_per_second"] <= summary["frames_per_second_bound"]
    frames, links = table(out / "frames.csv"), table(out / "links.csv")
    workers = table(out / "workers.csv")
    assert set(FRAME_COLUMNS) <= set(frames[0])
    assert set(LINK_COLUMNS) <= set(links[0])
    assert set(WORKER_COLUMNS) <= set(workers[0])
    assert {w["host"] for w in workers} == {"h0", "h1", "h2"}
    assert all(int(f["latency_ns"]) >= int(f["latency_ns_bound"]) for f in frames)
    # The client is on a host of its own, so a delay lies on its links.
    assert int(links[0]["wire_ns_p50"]) > 50_000


def test_copies_are_told_apart(costs, tmp_path):
    out = tmp_path / "out"
    done = neurocluster(
        "simulate", "--costs", costs, "--frames", "20", "--copies", "3", "--hosts", "2",
        "--out", str(out),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "12 workers on 2 hosts" in done.stdout
    assert {line["copy"] for line in table(out / "links.csv")} == {"0", "1", "2"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--cores", "0"], "cores: 0 is out of range; give 1 to 4,096"),
        (["--wire-jitter", "often"], "'often' is none of exponential, normal, heavy"),
        (
            ["--barrier", "dear"],
            "barrier: 'dear' is none of central, free",
        ),
        (["--barrier", "free"], "clock none opens none; leave it out, or use clock"),
        (["--config", "dilated.toml"], "dilation: 2 is not simulated; leave it out"),
        (["--straggler", "conv9=2"], "conv9 is none of the partitions"),
        (["--copies", "9000"], "at most 20,000 are simulated"),
        (["--place", "conv1=n1", "--hosts", "2"], "which is none of h1, h2"),
    ],
)
def test_mistakes_have_one_line_and_leave_no_folder(options, words, costs, tmp_path):
    (tmp_path / "dilated.toml").write_text("dilation = 2\n")
    done = neurocluster("simulate", "--costs", costs, *options, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["dilated.toml"]


def test_help_names_only_clocks_that_are_simulated():
    said = " ".join(neurocluster("simulate", "--help").stdout.split())
    assert "none, pipeline, layer" in said
    assert "step-batch" not in said
