"""Whole clusters in one process: seeded delay, reordering between links, stalls."""

import numpy as np
import pytest

from neurocluster.coding.delay import input_order, input_spikes
from neurocluster.kernels.chain import Chain
from neurocluster.model.convert import convert
from neurocluster.model.dense import q_ann
from neurocluster.wire.packet import decode_packet, encode_packet
from tests.support.builders import planned, small_graph
from tests.support.cluster import VirtualCluster

SPLITS = [
    "",
    "conv=rows:3",
    "conv=channels:2,hidden=neurons:2",
    "conv=rows:2,hidden=neurons:3,out=neurons:2",
]


def frames(seed, count=12):
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, 6, 6, 2)).astype(np.uint8)


@pytest.mark.parametrize("seed", range(25))
def test_a_chain_gives_the_spikes_of_one_process(seed):
    graph, images = small_graph(seed), frames(seed)
    cluster = VirtualCluster(graph, planned(graph), seed, hwm=1 + seed % 3)
    results = cluster.run(images)
    run = Chain(convert(graph, [0.5])).run(images)
    assert cluster.faults == []
    assert [c.tolist() for _, c, _ in results] == run.counts.tolist()
    assert [p.tolist() for _, _, p in results] == run.potentials.tolist()
    fired = sum(int(r[1]) for e in cluster.workers.values() for r in e.take_reports())
    assert fired + run.inputs.sum() == run.spikes.sum()
    cluster.check_links()


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("split", SPLITS)
def test_floor_and_settle_equal_the_q_ann_for_every_order(split, seed):
    graph, images = small_graph(seed), frames(seed, 6)
    cluster = VirtualCluster(
        graph, planned(graph, split), seed, hwm=1 + seed % 4,
        max_spikes=(1, 7, 64)[seed % 3], quantizer="floor", fire="settle",
    )  # fmt: skip
    results = cluster.run(images)
    fixed = convert(graph, [0.5])
    levels, potentials = q_ann(fixed, input_spikes(images, graph.input), "floor")
    assert [c.tolist() for _, c, _ in results] == levels.tolist()
    assert [p.tolist() for _, _, p in results] == potentials.tolist()
    cluster.check_links()


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("fire", ["once", "settle"])
def test_nothing_is_lost_and_contexts_stay_in_the_window(fire, split, seed):
    graph = small_graph(seed)
    cluster = VirtualCluster(graph, planned(graph, split), seed, fire=fire, window=3)
    cluster.run(frames(seed, 8))
    cluster.check_links()
    for engine in cluster.workers.values():
        assert engine.node.record["contexts_peak"][0] <= 3
        assert engine.node.record["open_frames"][0] == 0


def test_the_same_seed_replays_the_same_run():
    graph = small_graph(1)
    plan = planned(graph, "conv=rows:3")
    first, second = (VirtualCluster(graph, plan, 7) for _ in range(2))
    a, b = first.run(frames(1)), second.run(frames(1))
    assert [r[0].tolist() for r in a] == [r[0].tolist() for r in b]


def change(field, value):
    """Return a tamper that changes one field of the third packet."""
    seen = []

    def tamper(data):
        seen.append(data)
        if len(seen) != 3:
            return (data,)
        packet = decode_packet(data, 1 << 20)
        values = {f: getattr(packet, f) for f in packet.__dataclass_fields__}
        values[field] = value(values[field])
        return (encode_packet(type(packet)(**values)),)

    return tamper


def drop_third():
    seen = []

    def tamper(data):
        seen.append(data)
        return () if len(seen) == 3 else (data,)

    return tamper


def double_third():
    seen = []

    def tamper(data):
        seen.append(data)
        return (data, data) if len(seen) == 3 else (data,)

    return tamper


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (drop_third(), "packet lost, repeated or out of order"),
        (double_third(), "packet lost, repeated or out of order"),
        (change("payload", lambda p: p[2:] or b"\0\0"), "spikes received differ"),
        (change("payload", lambda _p: b"\xff\xff"), "outside the link's addresses"),
        (change("close", lambda c: c + 5), "spikes received differ"),
        (change("frame", lambda f: f + 100), "outside the window"),
    ],
)
def test_a_tampered_packet_is_found(tamper, words):
    graph = small_graph(2)
    cluster = VirtualCluster(
        graph, planned(graph), 3, tamper=("conv.0->hidden.0", tamper), max_spikes=64
    )
    cluster.run(frames(2))
    assert cluster.faults
    assert "conv.0->hidden.0" in cluster.faults[0]
    assert words in cluster.faults[0]
    assert "frame" in cluster.faults[0]


def test_an_overflow_fails_its_frame_alone():
    graph = small_graph(4, pools=(), gain=1.0)
    for layer in graph.layers:
        if layer.name == "conv":
            layer.weight[:] = 0
            layer.weight[0, 0, 1, 1] = 4000.0
    images = np.zeros((3, 6, 6, 2), np.uint8)
    images[1, :, :, 0] = 255
    layer = graph.layers[0]
    layer.weight[0, 0, :, :] = 4000.0
    images[0, 0, 0, 1] = 255
    cluster = VirtualCluster(graph, planned(graph), 1)
    results = cluster.run(images)
    assert [int(r[0]["failed"]) for r in results] == [0, 1, 0]


def test_the_input_fires_brightest_first():
    graph = small_graph(0)
    image = frames(0)[0]
    order = input_order(image, graph.input)
    values = image.reshape(-1)[order]
    assert (np.diff(values.astype(int)) <= 0).all()
    assert (values > 51).all()
