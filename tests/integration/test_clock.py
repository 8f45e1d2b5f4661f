"""Real processes under a clock: the same spikes, and who waited for whom."""

import pytest

from tests.integration.test_impairments import counts, run
from tests.support.processes import summary, table


@pytest.fixture(scope="module")
def free(tmp_path_factory):
    out = tmp_path_factory.mktemp("clock") / "free"
    found = run(out)
    assert (found["clock"], found["barrier"]) == ("none", None)
    return counts(out)


@pytest.mark.parametrize("clock", ["pipeline", "layer", "frame"])
def test_a_clock_changes_times_and_nothing_else(clock, free, tmp_path):
    found = run(tmp_path / "run", "--clock", clock)
    assert counts(tmp_path / "run") == free
    assert found["clock"] == clock
    if clock != "frame":
        least = {"pipeline": 80, "layer": 80 // 16 * 5}[clock]
        assert found["barrier"]["rounds"] >= least - 1
    else:
        assert found["window"] == 1


@pytest.mark.parametrize("clock", ["pipeline", "layer"])
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


@pytest.mark.parametrize("barrier", ["central", "dissemination"])
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
