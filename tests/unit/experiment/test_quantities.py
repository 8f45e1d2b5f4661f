"""What a run measured: the warm-up is left out of times, and of nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.client.records import RESULT
from neurocluster.client.results import FrameTable
from neurocluster.experiment.quantities import QUANTITIES, measure, rate

SUMMARY = {
    "accuracy_by_count": 0.9, "accuracy_by_potential": 0.8, "frames_failed": 0,
    "spikes_per_neuron": 0.2, "spikes_per_neuron_with_pool": 0.3,
    "synops_per_frame": 1000.0, "recoveries": [],
    "one_process": {"frames_equal": None, "decisions_flipped": None},
}  # fmt: skip
LINK = {"spikes_sent": 100, "spikes_received": 100, "packets": 10, "bytes": 250,
        "blocked_ns": 40}  # fmt: skip


def table(started, done):
    rows = np.zeros(len(done), RESULT)
    rows["started_ns"], rows["done_ns"] = started, done
    n = len(done)
    return FrameTable(
        np.arange(n), rows, np.zeros((n, 10), np.int32), np.zeros((n, 10), np.int32),
        {}, np.zeros((n, 3), np.int64),
    )  # fmt: skip


def test_throughput_counts_from_the_last_result_of_the_warm_up():
    done = np.array([10, 11, 12, 13, 14]) * 10**9
    assert rate(done, 0) == rate(done, 1) == 1
    slow_start = np.array([5, 10, 11, 12, 13]) * 10**9
    assert rate(slow_start, 2) == 1
    assert rate(slow_start, 1) == 0.5
    assert rate(done, 4) == 1
    assert rate(done, 5) is None
    assert rate(done[:1], 0) is None


@given(
    st.lists(st.integers(1, 10**6), min_size=4, max_size=30), st.randoms(),
    st.integers(0, 2),
)  # fmt: skip
def test_the_order_of_results_does_not_matter(gaps, random, warm_up):
    done = np.cumsum(gaps).astype(np.int64)
    other = done.tolist()
    random.shuffle(other)
    assert rate(np.array(other), warm_up) == rate(done, warm_up)


def test_every_quantity():
    found = measure(
        SUMMARY, table([0, 0, 100, 200], [900, 1000, 2100, 3200]), [LINK, LINK],
        [
            {"partition": "a", "service_ns": 8, "kernel_ns": 4},
            {"partition": "b", "service_ns": 4, "kernel_ns": None},
            {"partition": "client", "service_ns": None, "kernel_ns": None},
        ],
        2,
    )  # fmt: skip
    assert tuple(found) == QUANTITIES
    assert found["latency_ns_p50"] == 2500
    assert found["latency_ns_max"] == 3000
    assert found["latency_ns_mean"] == 2500
    assert found["frames_per_second"] == pytest.approx(2 / 2200e-9)
    assert found["packets_per_frame"] == 5
    assert found["bytes_per_spike"] == 2.5
    assert found["spikes_per_packet"] == 10
    assert found["blocked_ns_per_frame"] == 20
    assert found["spikes_lost"] == 0
    assert found["service_ns_per_frame"] == 3
    assert found["kernel_ns_per_frame"] == 1
    assert found["decisions_flipped"] is None
    assert found["recoveries"] == 0


def test_what_a_link_does_not_tell_is_not_made_up():
    found = measure(SUMMARY, table([0], [9]), [LINK, LINK | {"bytes": None}], [], 0)
    assert found["bytes_per_frame"] is found["bytes_per_spike"] is None
    assert found["packets_per_frame"] == 20
    assert found["service_ns_per_frame"] is None
