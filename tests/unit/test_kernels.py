"""Compiled kernels and their slow twins agree to the last spike, in order."""

import itertools

import numpy as np
import pytest

from neurocluster.coding.delay import input_order
from neurocluster.data.idx import load_dataset
from neurocluster.kernels import tables
from neurocluster.kernels.chain import Chain
from neurocluster.kernels.reference import SlowPartition, slow_chain
from neurocluster.model.convert import convert
from neurocluster.model.graph import Shape
from tests.support.builders import golden_graph, planned, small_graph, specs_of

GEOMETRIES = [
    {},
    {"kernel": (5, 5), "padding": (2, 2), "channels": 8},
    {"channels": 16, "pools": ()},
    {"stride": (2, 2), "pools": ()},
    {"kernel": (2, 3), "stride": (1, 2), "padding": (0, 1)},
    {"pools": (((3, 3), (1, 1)),)},
    {"pools": (((2, 2), (1, 1)), ((2, 2), (2, 2)))},
    {"shape": Shape(7, 7, 1), "padding": (1, 1)},
    {"relu": False},
    {"hidden": 20, "gain": 3.0},
]


def run_compiled(spec, spikes):
    """Run a partition's compiled kernel on (address, sign); return what fires."""
    width = 2
    layer = tables.compile_layer(spec, width, width)
    states, _kept = layer.new_states(1)
    import ctypes

    kind = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_uint64] * 5)
    words = np.array([a << 1 | (s < 0) for a, s in spikes] or [0], np.uint16)
    out = np.zeros(1 << 20, np.uint16)
    address, state = layer.record.ctypes.data, states.ctypes.data
    kind(layer.reset.address)(address, state, 0, 0, 0)
    count = 0
    if layer.start is not None:
        count = kind(layer.start.address)(address, state, 0, 0, out.ctypes.data)
    count += kind(layer.kernel.address)(
        address, state, words.ctypes.data, len(spikes), out[count:].ctypes.data
    )
    fired = [(int(w >> 1), -1 if w & 1 else 1) for w in out[:count]]
    return fired, states[0], layer


@pytest.mark.parametrize("geometry", range(len(GEOMETRIES)))
@pytest.mark.parametrize(
    ("quantizer", "fire"),
    list(itertools.product(("hysteresis", "floor", "round"), ("once", "settle"))),
)
def test_kernels_agree_with_their_twins(geometry, quantizer, fire):
    graph = small_graph(geometry, **GEOMETRIES[geometry])
    plan = planned(graph)
    random = np.random.default_rng(geometry)
    for spec in specs_of(graph, plan, quantizer=quantizer, fire=fire):
        size = spec.input_shape.size
        spikes = [
            (int(a), int(s))
            for a, s in zip(
                random.integers(0, size, 60), random.choice((-1, 1), 60), strict=True
            )
        ]
        slow = SlowPartition(spec)
        expected = slow.open()
        for address, sign in spikes:
            expected += slow.apply(address, sign)
        fired, state, _ = run_compiled(spec, spikes)
        assert fired == expected
        assert state["fired"] == slow.fired
        assert state["pooled"] == slow.pooled
        assert state["synops"] == slow.synops


@pytest.mark.parametrize(
    "split", ["conv=rows:3", "conv=channels:3", "hidden=neurons:2", "conv=rows:2"]
)
def test_cut_partitions_agree_with_their_twins(split):
    graph = small_graph(3, channels=9, kernel=(5, 5), padding=(2, 2))
    plan = planned(graph, split)
    random = np.random.default_rng(1)
    for part, spec in zip(plan.partitions, specs_of(graph, plan), strict=True):
        link = plan.inbound(part.name)[0]
        spikes = [
            (int(a), int(s))
            for a, s in zip(
                random.integers(link.first, link.last, 80),
                random.choice((-1, 1), 80),
                strict=True,
            )
        ]
        slow = SlowPartition(spec)
        expected = [x for a, s in spikes for x in slow.apply(a, s)]
        fired, state, layer = run_compiled(spec, spikes)
        assert fired == expected
        assert state["synops"] == slow.synops
        assert len(layer.neuron_cells) == slow.level.size


def test_reference_network_frame_equals_the_slow_chain():
    graph, image = golden_graph(), load_dataset().images[0]
    plan = planned(graph)
    specs = specs_of(graph, plan, threshold=1.0)
    spikes = slow_chain(specs, input_order(image, graph.input).tolist())
    run = Chain(convert(graph, [1.0])).run(image[None])
    assert [len(s) for s in spikes] == run.figures[0, :, 0].tolist()
    counts = np.zeros(10, int)
    for address, sign in spikes[-1]:
        counts[address] += sign
    assert counts.tolist() == run.counts[0].tolist()


def test_potential_out_of_range_is_flagged():
    graph = small_graph(0, pools=())
    spec = specs_of(graph, planned(graph))[0]
    spec.weight[:] = (1 << 29) - 1
    fired, state, _ = run_compiled(spec, [(0, 1)] * 4)
    assert fired
    assert state["out_of_range"] > 0
