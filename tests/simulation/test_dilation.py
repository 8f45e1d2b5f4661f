"""Dilated clusters on a virtual clock: every time is so many times as long."""

import numpy as np
import pytest

from neurocluster.impairments import Impairments, LinkImpairment, WorkerImpairment
from tests.simulation.test_cluster import frames
from tests.support.builders import planned, small_graph
from tests.support.cluster import VirtualCluster

RULES = {
    "link": [{"delay_us": 300, "jitter_us": 100, "loss": 0.1, "rate_mbit": 5}],
    "worker": [
        {"service_us": 500, "service_cv": 0.2}, {"partition": "hidden", "slow": 3},
    ],
    "seed": 2,
}  # fmt: skip


# Draws are a packet's, and how spikes are packed may hang on a nanosecond.
STEADY = {"link": [{"delay_us": 300}], "worker": RULES["worker"], "seed": 2}


def timed(by, rules=STEADY, images=20):
    """Return times of results, and the cluster; wires and computing take none."""
    graph = small_graph(0)
    cluster = VirtualCluster(
        graph, planned(graph), 1, window=6, delay_ns=2, stall=0, hwm=64,
        impairments=Impairments.from_wire({**rules, "dilation": by}),
    )  # fmt: skip
    rows = [row for row, _, _ in cluster.run(frames(0, images))]
    assert cluster.faults == []
    return np.array([int(row["done_ns"]) - int(rows[0]["started_ns"]) for row in rows])


@pytest.mark.parametrize("by", [2, 25])
def test_all_that_is_added_lasts_so_many_times_as_long(by):
    plain, dilated = timed(1), timed(by)
    # What the wires take, a nanosecond a hop, is not dilated.
    assert dilated / by == pytest.approx(plain, rel=1e-4)


def test_a_pipeline_that_is_limited_by_service_gives_its_throughput_back():
    rules = {"worker": [{"service_us": 1000}]}
    times = timed(20, rules)
    assert np.diff(times)[5:] / 20 == pytest.approx(1_000_000, rel=1e-3)


def test_what_dilation_does_to_rules():
    found = Impairments.from_wire({**RULES, "dilation": 10})
    assert found.link("a.0", "b.0", {}) == LinkImpairment(
        3000, 1000, rate_mbit=0.5, loss=0.1, resend_us=10_000
    )
    assert found.worker("hidden.0", {}) == WorkerImpairment(
        30, 5000, 0.2, by_processor=True
    )
    alone = Impairments.from_wire({"dilation": 10})
    assert alone
    assert alone.link("a.0", "b.0", {}) is None
    assert alone.worker("a.0", {}) == WorkerImpairment(10, by_processor=True)
    assert Impairments.from_wire(found.to_wire()) == found
