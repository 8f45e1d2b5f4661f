"""Graphs, plans, files: shapes, refusals, round trips."""

import dataclasses

import numpy as np
import pytest

from neurocluster import load_network, save_network
from neurocluster.errors import ModelError, PartitionError
from neurocluster.model.check import checked
from neurocluster.model.convert import convert
from neurocluster.model.cut import even
from neurocluster.model.graph import Flatten, Graph, Input, MaxPool, Shape
from neurocluster.model.partition import make_plan
from neurocluster.model.spec import spec_from_wire, spec_to_wire
from neurocluster.model.split import parse_splits
from tests.support.builders import golden_graph, planned, small_graph, specs_of


def test_the_reference_architecture_has_the_counts_of_the_paper():
    graph = load_network()
    assert graph.neuron_count == 15162
    assert sum(s.layer.weight.size for s in graph.stages) == 106_512
    assert [str(s.output_shape) for s in graph.stages] == [
        "14x14x16", "7x7x8", "1x1x256", "1x1x10",
    ]  # fmt: skip


def test_every_broken_rule_is_reported_at_once():
    graph = golden_graph()
    conv = dataclasses.replace(graph.layers[0], bias=np.full(3, np.nan, np.float32))
    layers = (conv, MaxPool("conv1", (2, 2), (3, 3)), Flatten("Bad Name"))
    with pytest.raises(ModelError) as error:
        checked(Graph("x", Input(Shape(28, 28, 1)), layers, (1.0, -1.0, 2.0)))
    text = str(error.value)
    for words in (
        "two layers are named 'conv1'", "'Bad Name' may only use",
        "the last layer must be conv2d or dense", "bias has shape (3,), not (16,)",
        "not finite", "3 thresholds given", "above 0",
    ):  # fmt: skip
        assert words in text


def test_network_files_survive_a_round_trip(tmp_path):
    graph = golden_graph()
    save_network(tmp_path / "n.npz", graph)
    again = load_network(tmp_path / "n.npz")
    for one, two in zip(graph.stages, again.stages, strict=True):
        assert (one.layer.weight == two.layer.weight).all()
    assert again.stages[0].output_shape == graph.stages[0].output_shape


def test_conversion_rounds_half_to_even_and_refuses_overflow():
    graph = small_graph(0)
    weight = graph.stages[0].layer.weight
    weight[:] = 0
    weight[0, 0, 0, :3] = np.array([0.5, 1.5, 2.5]) / 65536
    fixed = convert(graph, [1.0])
    assert fixed.stages[0].weight[0, 0, 0, :3].tolist() == [0, 2, 2]
    weight[0, 0, 0, 0] = 9000
    with pytest.raises(ModelError, match=r"conv.weight reaches 9000"):
        convert(graph, [1.0])


def test_parts_are_even_larger_first():
    assert [b - a for a, b in even(14, 4)] == [4, 4, 3, 3]
    plan = make_plan(golden_graph(), parse_splits("conv1=rows:4"))
    rows = [p.rows[1] - p.rows[0] for p in plan.partitions if p.stage == 0]
    assert rows == [8, 8, 6, 6]


def test_halo_links_carry_only_the_rows_that_are_read():
    plan = make_plan(golden_graph(), parse_splits("conv1=rows:2,conv2=rows:7"))
    row = 14 * 16
    links = {
        link.name: (link.first // row, link.last // row) for link in plan.links[2:]
    }
    assert links["conv1.0->conv2.0"] == (0, 4)
    assert links["conv1.0->conv2.2"] == (2, 8)
    assert links["conv1.1->conv2.2"] == (2, 8)
    assert "conv1.1->conv2.0" not in links


@pytest.mark.parametrize(
    ("split", "words"),
    [
        ("hidden=rows:2", "cut by neurons"),
        ("conv=rows:9", "exceeds"),
        ("conv=rows:2,conv=channels:2", "named twice"),
        ("nope=rows:2", "no weight layer is named nope"),
        ("conv=rows", "write LAYER=KIND:PARTS"),
    ],
)
def test_splits_that_cannot_work(split, words):
    with pytest.raises(PartitionError, match=words):
        planned(small_graph(0), split)


def test_overlapping_pooling_is_not_cut_by_rows():
    graph = small_graph(0, pools=(((3, 3), (1, 1)),))
    with pytest.raises(PartitionError, match="overlapping pooling"):
        planned(graph, "conv=rows:2")


def test_a_partition_survives_the_wire():
    graph = small_graph(0)
    for spec in specs_of(graph, planned(graph, "conv=rows:2")):
        again = spec_from_wire(spec_to_wire(spec))
        for field in dataclasses.fields(spec):
            a, b = getattr(spec, field.name), getattr(again, field.name)
            assert np.array_equal(a, b), field.name
