"""The memory bound is the formula of ARCHITECTURE.md, term by term."""

import pytest

from neurocluster.kernels.records import STATE
from neurocluster.kernels.tables import compile_layer
from neurocluster.model.memory import (
    IPC_BYTES,
    REPORT_BYTES,
    link_bytes,
    partition_bytes,
)
from neurocluster.worker.engine import Engine
from neurocluster.worker.records import REPORT_FIELDS
from tests.support.builders import link_specs, planned, small_graph, specs_of

GRAPH = small_graph(0)


def test_a_link_holds_both_queues_and_what_the_kernel_holds():
    link = planned(GRAPH).links[1]
    assert link.width == 2
    assert link_bytes(link, 16, 512) == 34 * (512 * 2 + 64) + IPC_BYTES
    assert link_bytes(link, 1, 1) == 4 * 66 + IPC_BYTES


@pytest.mark.parametrize("split", ["", "hidden=neurons:3"])
@pytest.mark.parametrize(("window", "most"), [(1, 1), (4, 16), (64, 512)])
def test_a_partition_holds_arrays_contexts_and_outboxes(split, window, most):
    plan = planned(GRAPH, split)
    spec = specs_of(GRAPH, plan, window=window, max_spikes=most)[0]
    outbound = plan.outbound("conv.0")
    found = partition_bytes(
        spec, outbound, touched=27, firings=2, array_bytes=5000, context_bytes=700
    )
    assert found.weights == 5000 + (1 << 14) * 5 * 8
    assert found.contexts == window * 700
    links = len(outbound)
    assert links == (3 if split else 1)
    assert found.outboxes == links * (27 * 2 * (2 * most + 64) + 2 * window * most)
    assert found.total == found.weights + found.contexts + found.outboxes


@pytest.mark.parametrize("geometry", [{}, {"stride": (2, 2), "pools": ()}])
def test_the_bytes_of_a_context_are_those_allocated(geometry):
    graph = small_graph(0, **geometry)
    for spec in specs_of(graph, planned(graph)):
        layer = compile_layer(spec, 2, 2)
        _, one = layer.new_states(1)
        _, three = layer.new_states(3)
        grown = sum(a.nbytes for a in three) - sum(a.nbytes for a in one)
        assert 0 <= 2 * layer.sizes.context_bytes - grown <= 2 * STATE.itemsize
        assert layer.sizes.array_bytes == sum(a.nbytes for a in layer.arrays)


def test_reports_are_as_large_as_the_bound_says():
    plan = planned(GRAPH)
    spec = specs_of(GRAPH, plan)[0]
    links = [
        link_specs(end) for end in (plan.inbound("conv.0"), plan.outbound("conv.0"))
    ]
    engine = Engine(spec, *links)
    assert engine.record["report_size"][0] * REPORT_FIELDS * 8 == REPORT_BYTES
