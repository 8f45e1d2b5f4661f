"""Real processes under a clock: the same spikes, and who waited for whom."""

import re
import time

import numpy as np
import pytest

from neurocluster.model.graph import Dense, Flatten, Graph, Input, Shape
from neurocluster.model.save import save_network
from tests.integration.test_failures import assert_whole, run_and_hit
from tests.integration.test_impairments import counts, run
from tests.support.processes import (
    kill,
    neurocluster,
    roster,
    start,
    summary,
    table,
)

SPLIT = ("--split", "conv1=rows:2,fc1=neurons:2")


@pytest.fixture(scope="module")
def free(tmp_path_factory):
    out = tmp_path_factory.mktemp("clock") / "free"
    found = run(out)
    assert (found["clock"], found["barrier"]) == ("none", None)
    return counts(out)


@pytest.mark.parametrize("clock", ["pipeline", "layer", "frame", "step", "neighbour"])
def test_a_clock_changes_times_and_nothing_else(clock, free, tmp_path):
    found = run(tmp_path / "run", "--clock", clock)
    assert counts(tmp_path / "run") == free
    assert found["clock"] == clock
    if clock != "frame":
        least = {"layer": 80 // 16 * 5, "step": 8 * 80}.get(clock, 80)
        assert found["phases"] == (8 if clock == "step" else 1)
        assert found["barrier"]["rounds"] >= least - 1
    else:
        assert found["window"] == 1


@pytest.mark.slow
def test_batches_give_the_same_for_every_cut(free, tmp_path):
    """Sums do not depend on the order in which spikes arrive."""
    found = [
        run(tmp_path / name, "--clock", "step-batch", "--phases", 4, *options)
        for name, options in (("chain", ()), ("cut", SPLIT))
    ]
    assert counts(tmp_path / "chain") == counts(tmp_path / "cut") != free
    for one in found:
        assert (one["clock"], one["phases"]) == ("step-batch", 4)
        assert one["accuracy_by_count"] is not None
        assert one["spikes_per_neuron"] < 0.2
        assert one["synops_per_frame"] > 0


def test_alone_and_one_at_a_time_all_clocks_are_the_same(tmp_path):
    """One partition, one frame in flight, no delay: the control is fair."""
    random = np.random.default_rng(1)
    weight = random.normal(size=(10, 784)).astype(np.float32) / 8
    dense = Dense("fc", 10, False, weight, np.zeros(10, np.float32))
    layers = (Flatten("flat"), dense)
    graph = Graph("one", Input(Shape(28, 28, 1), scale=1 / 255), layers)
    save_network(tmp_path / "one.npz", graph)
    options = ("--network", tmp_path / "one.npz", "--threshold", 0.5, "--window", 1)
    for clock in ("none", "pipeline", "layer", "frame", "step", "neighbour"):
        phases = ("--phases", 1) if clock == "step" else ()
        found = run(tmp_path / clock, *options, "--clock", clock, *phases)
        assert (found["workers"], found["window"], found["phases"]) == (1, 1, 1)
        assert counts(tmp_path / clock) == counts(tmp_path / "none")
        links = [
            (row["source"], row["spikes_sent"], row["spikes_received"])
            for row in table(tmp_path / clock, "links.csv")
        ]
        assert min(int(sent) for _, sent, _ in links) > 0
        assert all(sent == got for _, sent, got in links)


def test_a_worker_killed_in_the_middle_of_a_phase_is_replaced(tmp_path):
    code, errors, _, _, _ = run_and_hit(
        tmp_path / "run", lambda r: kill(r["workers"][1]["pid"]), after=0.5,
        frames=600, options=("--clock", "step", *SPLIT),
    )  # fmt: skip
    assert code == 0, errors
    assert "was killed by signal 9 (SIGKILL)" in errors
    assert_whole(tmp_path / "run", 600)
    found = summary(tmp_path / "run")
    assert len(found["recoveries"]) == 1
    assert found["barrier"]["rounds"] > 8 * 600


def test_describe_says_how_long_a_frame_takes():
    done = neurocluster("describe", "--clock", "step", "--phases", 6)
    assert "Clock step, 6 phases a frame; 10 rounds" in done.stdout
    assert re.search(r"conv1\.0 .* 6\d\.\d", done.stdout)  # what waits for the clock


def test_batches_that_would_have_no_bound_are_refused():
    done = neurocluster("run", "--clock", "step-batch", "--fire", "settle")
    assert done.returncode == 2
    assert "leave fire at once, or use clock step" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "clock", ["pipeline", pytest.param("layer", marks=pytest.mark.slow)]
)
def test_nodes_that_tell_each_other_give_the_same(clock, free, tmp_path):
    found = run(tmp_path / "run", "--clock", clock, "--barrier", "dissemination")
    assert counts(tmp_path / "run") == free
    assert found["barrier"]["kind"] == "dissemination"
    assert (
        found["barrier"]["rounds"] >= {"pipeline": 79, "layer": 80 // 16 * 5 - 1}[clock]
    )
    nodes = found["barrier"]["nodes"]
    assert set(nodes) == {"client", "conv1.0", "conv2.0", "fc1.0", "fc2.0"}
    times = sum(node["times_slowest"] for node in nodes.values())
    assert found["barrier"]["rounds"] - 2 <= times <= found["barrier"]["rounds"]
    assert found["recoveries"] == []


@pytest.mark.parametrize("barrier", ["central", "dissemination"])
def test_a_cut_network_loses_nothing_under_either_barrier(barrier, tmp_path):
    found = run(
        tmp_path / "run", "--clock", "pipeline", "--barrier", barrier,
        "--split", "conv1=rows:2,fc1=neurons:2",
    )  # fmt: skip
    assert found["spikes_sent"] == found["spikes_received"] > 0
    assert found["barrier"]["rounds"] >= 79


@pytest.mark.parametrize(
    "barrier", ["central", pytest.param("dissemination", marks=pytest.mark.slow)]
)
def test_a_straggler_is_named_and_what_others_wait_for_it_is_told(barrier, tmp_path):
    run(
        tmp_path / "run", "--clock", "pipeline", "--straggler", "conv2.0=200",
        "--barrier", barrier,
    )  # fmt: skip
    nodes = summary(tmp_path / "run")["barrier"]["nodes"]
    assert max(nodes, key=lambda name: nodes[name]["held_up_ns"]) == "conv2.0"
    rows = {row["partition"]: row for row in table(tmp_path / "run", "workers.csv")}
    slept = float(rows["conv2.0"]["wait_sleep_ns"])
    for name in ("conv1.0", "fc1.0", "fc2.0"):
        clock, slowest = (
            float(rows[name][column]) for column in ("wait_clock_ns", "wait_slowest_ns")
        )
        assert slowest > 0.7 * slept
        assert clock > 0.9 * slowest
    assert float(rows["conv2.0"]["wait_slowest_ns"]) < 0.5 * slept


def test_after_a_loss_nodes_tell_each_other_anew(tmp_path):
    frames, out = 300, tmp_path / "run"
    process = start(
        "run", "--frames", frames, "--no-compare", "--clock", "pipeline", "--barrier",
        "dissemination", "--service-us", 5000, "--out", out,
    )  # fmt: skip
    workers = {row["partition"]: row["pid"] for row in roster(out)["workers"]}
    time.sleep(0.5)
    kill(workers["conv2.0"])
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    found = summary(out)
    assert found["recoveries"]
    assert found["frames"] == frames
    assert found["spikes_sent"] == found["spikes_received"]
    # A frame a round, those that were started again as well.
    assert found["barrier"]["rounds"] >= frames
