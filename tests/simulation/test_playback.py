"""Input that is played over real time: the same spikes, each when it is due."""

import numpy as np
import pytest

from neurocluster.coding.delay import rank_table, rank_times
from neurocluster.dtypes import CLIENT
from neurocluster.impairments import Impairments
from neurocluster.kernels.chain import Chain
from neurocluster.model.convert import convert
from tests.simulation.test_cluster import frames
from tests.support.builders import planned, small_graph
from tests.support.cluster import VirtualCluster

TU_S = 0.002
TU_NS = 2_000_000


def played(seed, images, **settings):
    graph = small_graph(seed)
    settings = {"hwm": 4, "window": 4, "tu_s": TU_S} | settings
    cluster = VirtualCluster(graph, planned(graph), seed, stall=0, **settings)
    results = cluster.run(images)
    assert cluster.faults == []
    cluster.check_links()
    return graph, cluster, results


@pytest.mark.parametrize("seed", range(5))
def test_playing_changes_times_and_nothing_else(seed):
    images = frames(seed, 5)
    graph, _, results = played(seed, images)
    run = Chain(convert(graph, [0.5])).run(images)
    assert [c.tolist() for _, c, _ in results] == run.counts.tolist()
    assert [p.tolist() for _, _, p in results] == run.potentials.tolist()


@pytest.mark.parametrize("slow_us", [0, 3000])
def test_frames_begin_after_the_result_and_the_unit_of_time(slow_us):
    images = frames(0, 6)
    rules = Impairments.from_wire({"worker": [{"service_us": slow_us}]})
    graph, _, results = played(0, images, impairments=rules)
    rows = [row for row, _, _ in results]
    times, ranks = rank_times(graph.input) * TU_NS, rank_table(graph.input)
    for image, row, after in zip(images, rows, [*rows[1:], None], strict=True):
        fired = ranks[image.reshape(-1)]
        fired = fired[fired >= 0]
        first, last = times[fired.min()], times[fired.max()]
        assert int(row["input_ns"]) == pytest.approx(last - first, abs=2)
        assert int(row["done_ns"]) > int(row["started_ns"]) + int(row["input_ns"])
        if after is not None:
            begun = int(row["started_ns"]) - first
            later = ranks[images[list(rows).index(row) + 1].reshape(-1)]
            next_begun = int(after["started_ns"]) - times[later[later >= 0].min()]
            over = max(begun + TU_NS, int(row["done_ns"]))
            assert next_begun == pytest.approx(over, abs=3)


def test_spikes_leave_when_they_are_due():
    image = np.zeros((1, 6, 6, 2), np.uint8)
    image[0, 0, 0, 0], image[0, 1, 1, 1], image[0, 5, 5, 0] = 255, 128, 64
    graph, cluster, _ = played(0, image)
    times = rank_times(graph.input)[rank_table(graph.input)[[255, 128, 64]]]
    assert times == pytest.approx(1 - np.array([255, 128, 64]) / 255)
    # One packet each: nothing else is due when one is.
    assert int(cluster.client.node.outbound["packets"][0]) == 3


def test_a_frame_without_spikes_ends_at_once_and_lasts_its_time():
    images = np.zeros((3, 6, 6, 2), np.uint8)
    _, _, results = played(0, images)
    started = [int(row["started_ns"]) for row, _, _ in results]
    assert np.diff(started) == pytest.approx([TU_NS, TU_NS], abs=2)


def test_a_full_link_makes_spikes_late_and_loses_none():
    images = np.full((2, 6, 6, 2), 0, np.uint8)
    images[...] = np.linspace(60, 255, images[0].size, dtype=np.uint8).reshape(6, 6, 2)
    rules = Impairments.from_wire({"worker": [{"slow": 1, "service_us": 4000}]})
    _, cluster, results = played(0, images, hwm=1, impairments=rules)
    assert len(results) == 2
    client = cluster.workers and cluster.client.node.record[0]
    assert client["contexts_peak"] == 1
    assert cluster.pumps[CLIENT].waiting is False
