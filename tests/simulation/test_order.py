"""Orders that a seed draws: the same spikes whatever arrives when; others by others."""

import pytest

from neurocluster.kernels.chain import Chain
from neurocluster.model.convert import convert
from tests.simulation.test_cluster import SPLITS, frames
from tests.simulation.test_impairments import drawn
from tests.support.builders import planned, small_graph
from tests.support.cluster import VirtualCluster


def ran(split, timing, order_seed, network=0, images=6, **settings):
    """Return what a cluster gave, frame by frame, and what each worker sent."""
    graph = small_graph(network)
    settings = {"max_spikes": 3, "window": 1 + timing % 5} | settings
    cluster = VirtualCluster(
        graph, planned(graph, split), timing, hwm=1 + timing % 3,
        impairments=drawn(timing), order_seed=order_seed, **settings,
    )  # fmt: skip
    results = cluster.run(frames(network, images))
    assert cluster.faults == []
    cluster.check_links()
    given = [(c.tolist(), p.tolist()) for _, c, p in results]
    sent = {
        name: engine.node.outbound[["spikes", "negative", "packets", "bytes"]].tolist()
        for name, engine in cluster.workers.items()
    }
    return given, sent


@pytest.mark.parametrize("network", range(2))
@pytest.mark.parametrize("split", SPLITS)
def test_timing_does_not_matter(split, network):
    first = ran(split, 0, 5, network)
    for timing in range(1, 4):
        assert ran(split, timing, 5, network) == first, timing


def test_another_seed_is_another_order():
    split = SPLITS[-1]
    sent = [str(ran(split, 0, seed, images=20)[1]) for seed in range(4)]
    assert len(set(sent)) > 1


def test_a_frame_has_its_order_whatever_came_before():
    split = SPLITS[-1]
    few, many = ran(split, 0, 5, images=3)[0], ran(split, 0, 5, images=9)[0]
    assert many[:3] == few


@pytest.mark.parametrize("seed", range(4))
def test_a_chain_has_one_order_only(seed):
    graph, images = small_graph(seed), frames(seed, 6)
    given, _ = ran("", seed, 3, seed)
    run = Chain(convert(graph, [0.5])).run(images)
    assert [c for c, _ in given] == run.counts.tolist()
