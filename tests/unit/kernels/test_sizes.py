"""The sizes of tables, told in advance, are those of the tables when built."""

import pytest

from neurocluster.kernels.records import STATE
from neurocluster.kernels.tables import compile_layer, layer_sizes
from neurocluster.model.graph import Shape
from tests.support.builders import golden_graph, planned, small_graph, specs_of

THREE = ((3, 3), (2, 2))


@pytest.mark.parametrize("split", ["", "conv=channels:3,hidden=neurons:3"])
@pytest.mark.parametrize(
    ("geometry", "settings"),
    [
        ({}, {}),
        ({"padding": (0, 0), "pools": ()}, {}),
        ({"stride": (2, 2), "pools": ()}, {}),
        ({"pools": (THREE,), "shape": Shape(9, 9, 2)}, {}),
        ({"relu": False}, {}),
        ({"channels": 17, "hidden": 40}, {}),
        ({}, {"quantizer": "floor", "fire": "settle"}),
        ({"gain": 9.0}, {"fire": "settle"}),
    ],
)
def test_sizes_are_those_of_the_tables(geometry, settings, split):
    graph = small_graph(0, **geometry)
    for spec in specs_of(graph, planned(graph, split), **settings):
        assert layer_sizes(spec) == compile_layer(spec, 2, 2).sizes


def test_the_sizes_of_the_reference_network():
    graph = golden_graph()
    plan = planned(graph, "conv1=rows:4,conv2=channels:2,fc1=neurons:2")
    for spec in specs_of(graph, plan):
        assert layer_sizes(spec) == compile_layer(spec, 2, 2).sizes


@pytest.mark.parametrize("geometry", [{}, {"stride": (2, 2), "pools": ()}])
def test_the_bytes_of_a_context_are_those_allocated(geometry):
    graph = small_graph(0, **geometry)
    for spec in specs_of(graph, planned(graph)):
        layer = compile_layer(spec, 2, 2)
        _, one = layer.new_states(1)
        _, three = layer.new_states(3)
        grown = sum(a.nbytes for a in three) - sum(a.nbytes for a in one)
        assert 0 <= 2 * layer.sizes.context_bytes - grown <= 2 * STATE.itemsize
