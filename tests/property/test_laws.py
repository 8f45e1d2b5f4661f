"""The laws of the clockless network, for random networks, cuts, packings, orders."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurocluster.coding.delay import input_spikes
from neurocluster.dtypes import ONE
from neurocluster.kernels.chain import Chain
from neurocluster.kernels.reference import SlowPartition
from neurocluster.model.convert import convert
from neurocluster.model.dense import q_ann
from tests.support.builders import planned, small_graph, specs_of
from tests.support.cluster import VirtualCluster

GEOMETRIES = (
    {},
    {"kernel": (5, 5), "padding": (2, 2)},
    {"stride": (2, 2), "pools": ()},
    {"pools": ()},
)
CUTS = {
    "conv": ("", "conv=rows:2", "conv=rows:3", "conv=channels:3"),
    "hidden": ("", "hidden=neurons:2", "hidden=neurons:5"),
    "out": ("", "out=neurons:4"),
}
slow = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
splits = st.tuples(*(st.sampled_from(options) for options in CUTS.values())).map(
    lambda parts: ",".join(filter(None, parts))
)


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(GEOMETRIES),
    splits,
    st.sampled_from((0.3, 0.5, 1.0)),
    st.integers(1, 40),
    st.integers(1, 5),
    st.integers(1, 6),
)
@slow
def test_laws_1_and_4(seed, geometry, split, threshold, max_spikes, hwm, window):
    graph = small_graph(seed, **geometry)
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (5, 6, 6, 2)).astype(np.uint8)
    cluster = VirtualCluster(
        graph, planned(graph, split), seed, threshold=threshold, quantizer="floor",
        fire="settle", max_spikes=max_spikes, hwm=hwm, window=window,
    )  # fmt: skip
    results = cluster.run(images)
    assert cluster.faults == []
    cluster.check_links()
    fixed = convert(graph, [threshold])
    levels, _ = q_ann(fixed, input_spikes(images, graph.input), "floor")
    assert [c.tolist() for _, c, _ in results] == levels.tolist()


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(GEOMETRIES),
    st.sampled_from(("hysteresis", "floor", "round")),
    st.sampled_from(("once", "settle")),
    st.data(),
)
@slow
def test_laws_2_and_3(seed, geometry, quantizer, fire, data):
    graph = small_graph(seed, **geometry)
    for spec in specs_of(graph, planned(graph), quantizer=quantizer, fire=fire):
        size = spec.input_shape.size
        spike = st.tuples(st.integers(0, size - 1), st.sampled_from((-1, 1)))
        partition = SlowPartition(spec)
        partition.open()
        net = np.zeros(size, np.int64)
        for address, sign in data.draw(st.lists(spike, max_size=40)):
            partition.apply(address, sign)
            net[address] += sign
        expected = SlowPartition(spec).potential
        for address in np.flatnonzero(net):
            for y, x, c, weight in partition._touched(int(address)):
                expected[y, x, c] += int(net[address]) * weight
        assert (partition.potential == expected).all()
        if fire == "settle":
            v = partition.potential
            target = np.maximum(v, 0) if spec.relu else v
            assert (abs(target - partition.level * ONE) < ONE).all()


@given(st.integers(0, 2**32 - 1), st.sampled_from(GEOMETRIES), st.booleans())
@slow
def test_the_chain_takes_any_order(seed, geometry, settle):
    """Law 4 for every order; the order as it is changes nothing."""
    graph = small_graph(seed, **geometry)
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (4, 6, 6, 2)).astype(np.uint8)
    fixed = convert(graph, [0.5])
    if settle:
        chain = Chain(fixed, "floor", "settle")
        run = chain.run(images, lambda _stage, words: random.permutation(len(words)))
        levels, _ = q_ann(fixed, input_spikes(images, graph.input), "floor")
        assert run.counts.tolist() == levels.tolist()
        return
    chain = Chain(fixed)
    as_it_is = chain.run(images, lambda _stage, words: np.arange(len(words)))
    assert as_it_is.counts.tolist() == chain.run(images).counts.tolist()
    assert (
        as_it_is.figures[:, :, :4].tolist()
        == chain.run(images).figures[:, :, :4].tolist()
    )
