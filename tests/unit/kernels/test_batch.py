"""The kernel that tests once a phase agrees with its twin, spike for spike."""

import ctypes

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurocluster.dtypes import ONE
from neurocluster.kernels.batch import BLOCK
from neurocluster.kernels.reference import SlowPartition
from neurocluster.kernels.tables import compile_layer
from tests.support.builders import planned, small_graph, specs_of

GEOMETRIES = (
    {},
    {"kernel": (2, 3), "stride": (1, 2), "padding": (0, 1)},
    {"pools": (((2, 2), (1, 1)), ((2, 2), (2, 2)))},
    {"relu": False, "channels": 16, "pools": ()},
    {"hidden": 70, "gain": 3.0},
)
KERNEL = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_uint64] * 5)


class Compiled:
    """A partition's compiled kernels of one frame."""

    def __init__(self, spec):
        self.layer = compile_layer(spec, 2, 2)
        self.states, self._kept = self.layer.new_states(1)
        self._at = self.layer.record.ctypes.data, self.states.ctypes.data
        KERNEL(self.layer.reset.address)(*self._at, 0, 0, 0)

    def phase(self, spikes):
        """Add spikes, sweep; return what fires."""
        words = np.array([a << 1 | (s < 0) for a, s in spikes] or [0], np.uint16)
        out = np.zeros(1 << 14, np.uint16)
        begin = KERNEL(self.layer.kernel.address)
        assert begin(*self._at, words.ctypes.data, len(spikes), out.ctypes.data) == 0
        count = KERNEL(self.layer.sweep.address)(*self._at, 0, 0, out.ctypes.data)
        return [(int(w >> 1), -1 if w & 1 else 1) for w in out[:count]]


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(GEOMETRIES),
    st.sampled_from(("", "conv=rows:2", "conv=channels:3,hidden=neurons:2")),
    st.sampled_from(("hysteresis", "floor", "round")),
    st.data(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_what_fires_at_the_end_of_each_phase(seed, geometry, split, quantizer, data):
    graph = small_graph(seed, **geometry)
    if "rows" in split and geometry:
        split = ""
    plan = planned(graph, split)
    specs = specs_of(graph, plan, quantizer=quantizer, batch=True)
    for part, spec in zip(plan.partitions, specs, strict=True):
        link = plan.inbound(part.name)[0]
        address = st.integers(link.first, link.last - 1)
        spike = st.tuples(address, st.sampled_from((-1, 1)))
        slow, compiled = SlowPartition(spec), Compiled(spec)
        for spikes in data.draw(st.lists(st.lists(spike, max_size=20), max_size=5)):
            for one in spikes:
                slow.add(*one)
            assert compiled.phase(spikes) == slow.sweep()
        state = compiled.states[0]
        assert state["fired"] == slow.fired
        assert state["pooled"] == slow.pooled
        assert state["synops"] == slow.synops


def test_a_neuron_fires_once_a_phase_and_goes_on_in_the_next():
    graph = small_graph(1, hidden=2 * BLOCK)
    spec = specs_of(graph, planned(graph), batch=True)[1]
    spec.weight[:], spec.initial[:] = 0, 0
    spec.weight[BLOCK + 1, 3] = 3 * ONE
    compiled = Compiled(spec)
    assert compiled.phase([(3, 1), (3, 1), (3, -1)]) == [(BLOCK + 1, 1)]
    assert compiled.phase([]) == [(BLOCK + 1, 1)]
    assert compiled.phase([]) == [(BLOCK + 1, 1)]
    assert compiled.phase([]) == []
    assert compiled.phase([(3, -1)]) == [(BLOCK + 1, -1)]
