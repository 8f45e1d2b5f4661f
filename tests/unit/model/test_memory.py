"""The memory bound is the formula of ARCHITECTURE.md, term by term."""

import pytest

from neurocluster.model.memory import IPC_BYTES, link_bytes, partition_bytes
from tests.support.builders import planned, small_graph, specs_of

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
    found = partition_bytes(spec, outbound, touched=27, firings=2)
    assert found.weights == 4 * (spec.weight.size + spec.initial.size)
    assert found.contexts == window * 8 * 6 * 6 * 3
    links = len(outbound)
    assert links == (3 if split else 1)
    assert found.outboxes == links * 2 * (most * 27 * 2 + window * most)
    assert found.total == found.weights + found.contexts + found.outboxes
