"""Orders that a seed draws: the same spikes whatever arrives when; others by others."""

import pytest

from neurocluster.kernels.chain import Chain
from neurocluster.model.convert import convert
from neurocluster.wire.packet import SPIKES, decode_packet
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


class Watched(VirtualCluster):
    """Compare, after each turn of a worker, what it says it received with what it took.

    Attributes:
        waited: Most spikes that were kept after a turn.
    """

    def watch(self):
        self.waited, self.taken = 0, {}
        for name, wire in self.wires.items():
            self.taken[name] = [0, 0]
            wire.take = lambda name=name, take=wire.take: self.took(name, take())

    def took(self, name, data):
        packet = decode_packet(data, len(data))
        if packet.kind == SPIKES:
            self.taken[name][0] += len(packet.payload) // 2
        self.taken[name][1] += packet.close > 0
        return data

    def _turned(self, name):
        super()._turned(name)
        if name in self.workers:
            node = self.workers[name].node
            order = self._orderings[list(self.workers).index(name)]
            kept = order.stashed()
            inbound = node.inbound
            told = zip(
                inbound["spikes"] + kept[:, 0], inbound["next_close"] + kept[:, 1],
                strict=True,
            )  # fmt: skip
            taken = [tuple(self.taken[link.name]) for link in node.inbound_specs]
            assert list(told) == taken
            self.waited = max(self.waited, int(kept[:, 0].sum()))


def test_what_waits_for_its_turn_counts_as_received():
    graph = small_graph(0)
    cluster = Watched(
        graph, planned(graph, SPLITS[-1]), 1, impairments=drawn(1), order_seed=5,
        max_spikes=3, hwm=2,
    )  # fmt: skip
    cluster.watch()
    cluster.run(frames(0, 12))
    assert cluster.faults == []
    assert cluster.waited > 0
