"""Every rule of a graph, broken alone and found by its words."""

import dataclasses

import numpy as np
import pytest

from neurocluster.errors import ModelError
from neurocluster.model.check import RULES, checked
from neurocluster.model.graph import (
    Conv2d,
    Dense,
    Flatten,
    Graph,
    Input,
    MaxPool,
    Shape,
)
from tests.support.builders import small_graph

GOOD = small_graph(0)
CONV, POOL, FLAT, HIDDEN, OUT = GOOD.layers


def graph(*layers, source=GOOD.input, thresholds=None):
    return Graph("g", source, layers, thresholds)


def but(layer, **changes):
    return dataclasses.replace(layer, **changes)


def zeros(*shape):
    return np.zeros(shape, np.float32)


CASES = {
    "name": (graph(but(CONV, name="Conv 1"), *GOOD.layers[1:]), "'Conv 1' may only"),
    "empty name": (graph(but(CONV, name=""), *GOOD.layers[1:]), "'' may only use"),
    "twice": (graph(*GOOD.layers[:-1], but(OUT, name="conv")), "two layers are named"),
    "input": (
        graph(*GOOD.layers, source=Input(Shape(0, 6, 2))), "0x6x2 must be positive"
    ),
    "scale": (
        graph(*GOOD.layers, source=Input(GOOD.input.shape, np.inf)), "must be finite"
    ),
    "shift": (
        graph(*GOOD.layers, source=Input(GOOD.input.shape, 1, np.nan)),
        "must be finite",
    ),
    "nothing": (graph(), "needs at least one conv2d or dense layer"),
    "only shapes": (graph(FLAT), "needs at least one conv2d or dense layer"),
    "ends with pool": (graph(CONV, POOL), "must be conv2d or dense, not max_pool"),
    "ends with flatten": (graph(CONV, FLAT), "must be conv2d or dense, not flatten"),
    "relu at the end": (
        graph(*GOOD.layers[:-1], but(OUT, relu=True)), '"relu": false'
    ),
    "conv when flat": (graph(FLAT, CONV, OUT), "conv: conv2d cannot follow a flat"),
    "pool when flat": (
        graph(CONV, FLAT, POOL, OUT), "pool0: max_pool cannot follow a flat layer"
    ),
    "pool first": (graph(POOL, CONV, FLAT, OUT), "needs a conv2d layer before it"),
    "kernel 0": (
        graph(but(CONV, kernel=(0, 3)), *GOOD.layers[1:]),
        "kernel and stride must be at least 1",
    ),
    "stride 0": (
        graph(CONV, but(POOL, stride=(2, 0)), *GOOD.layers[2:]),
        "kernel and stride must be at least 1",
    ),
    "kernel too large": (
        graph(CONV, but(POOL, kernel=(7, 1), stride=(1, 1)), *GOOD.layers[2:]),
        "a kernel of (7, 1) does not fit 6x6x3",
    ),
    "gaps in pooling": (
        graph(CONV, but(POOL, stride=(2, 3)), *GOOD.layers[2:]),
        "stride must not exceed the kernel",
    ),
    "padding": (
        graph(but(CONV, padding=(-1, 1)), *GOOD.layers[1:]),
        "padding must not be negative",
    ),
    "dense on a plane": (
        graph(CONV, POOL, HIDDEN, OUT), "needs a flatten layer before it"
    ),
    "weight shape": (
        graph(but(CONV, weight=zeros(3, 1, 3, 3)), *GOOD.layers[1:]),
        "conv.weight has shape (3, 1, 3, 3), not (3, 2, 3, 3)",
    ),
    "bias shape": (
        graph(*GOOD.layers[:-1], but(OUT, bias=zeros(5))),
        "out.bias has shape (5,), not (4,)",
    ),
    "no outputs": (
        graph(*GOOD.layers[:-1], Dense("out", 0, False, zeros(0, 5), zeros(0))),
        "out: needs at least one output",
    ),
    "nan": (
        graph(*GOOD.layers[:-1], but(OUT, bias=zeros(4) * np.nan)),
        "out.bias holds values that are not finite",
    ),
    "inf": (
        graph(*GOOD.layers[:-1], but(OUT, weight=zeros(4, 5) + np.inf)),
        "out.weight holds values that are not finite",
    ),
    "thresholds": (
        graph(*GOOD.layers, thresholds=(1.0, 2.0)),
        "2 thresholds given; give one, or one for each of conv, hidden, out",
    ),
    "threshold 0": (graph(*GOOD.layers, thresholds=(0.0,)), "finite and above 0"),
    "threshold nan": (
        graph(*GOOD.layers, thresholds=(1.0, np.nan, 1.0)), "finite and above 0"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_broken_rule_is_named(case):
    wrong, words = CASES[case]
    with pytest.raises(ModelError) as caught:
        checked(wrong, "the source")
    assert words in str(caught.value)
    assert str(caught.value).startswith("the source cannot be used:\n  - ")


def test_a_good_graph_breaks_no_rule():
    for thresholds in (None, (1.0,), (1.0, 0.5, 2.0)):
        good = dataclasses.replace(GOOD, thresholds=thresholds)
        assert [list(rule(good)) for rule in RULES] == [[]] * len(RULES)
        assert checked(good) is good


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_alone_survives_any_graph(rule):
    """A rule must report, not crash, on what other rules forbid."""
    for wrong, _ in CASES.values():
        assert all(isinstance(problem, str) for problem in rule(wrong))


def test_a_conv_may_be_the_output():
    conv = Conv2d("out", 4, (6, 6), (1, 1), (0, 0), False, zeros(4, 2, 6, 6), zeros(4))
    assert checked(graph(conv)).stages[-1].output_shape == Shape(1, 1, 4)


def test_flatten_alone_before_dense_is_enough():
    out = Dense("out", 2, False, zeros(2, 72), zeros(2))
    assert checked(graph(Flatten("f"), out)).neuron_count == 74


def test_overlapping_pools_are_allowed():
    pool = MaxPool("pool", (3, 3), (1, 1))
    hidden = but(HIDDEN, weight=zeros(5, 4 * 4 * 3))
    assert checked(graph(CONV, pool, FLAT, hidden, OUT))
