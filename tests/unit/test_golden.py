"""The golden numbers: weights A on all 10,000 test images, hysteresis, once."""

import numpy as np
import pytest

from neurocluster.coding.delay import input_spikes, intensity
from neurocluster.coding.readout import class_by_count
from neurocluster.data.idx import load_dataset
from neurocluster.kernels.chain import Chain
from neurocluster.model.convert import convert
from neurocluster.model.dense import ann, q_ann
from neurocluster.model.load import load_network
from tests.support.builders import golden_graph


@pytest.mark.parametrize(
    ("threshold", "accuracy", "spikes"),
    [
        (2.0, 0.9276, 0.036),
        (1.5, 0.9870, 0.071),
        (1.0, 0.9893, 0.151),
        (0.7, 0.9895, 0.258),
        (0.5, 0.9905, 0.384),
    ],
)
def test_weights_a_meet_the_golden_numbers(threshold, accuracy, spikes):
    graph, data = golden_graph(), load_dataset()
    run = Chain(convert(graph, [threshold])).run(data.images)
    classes = class_by_count(run.counts, run.potentials)
    assert (classes == data.labels).mean() == accuracy
    assert run.spikes.mean() / graph.neuron_count == pytest.approx(spikes, abs=6e-4)


def test_ann_of_weights_a_is_right():
    graph, data = golden_graph(), load_dataset()
    x = intensity(data.images.reshape(len(data), -1), graph.input)
    assert (ann(graph, x).argmax(1) == data.labels).mean() == 0.9907


def test_reference_network_is_good_enough():
    graph, data = load_network(), load_dataset()
    x = intensity(data.images.reshape(len(data), -1), graph.input)
    assert (ann(graph, x).argmax(1) == data.labels).mean() >= 0.993
    run = Chain(convert(graph)).run(data.images)
    classes = class_by_count(run.counts, run.potentials)
    assert (classes == data.labels).mean() >= 0.9915
    assert run.spikes.mean() / graph.neuron_count <= 0.25


def test_floor_and_settle_equal_the_quantised_network():
    graph, images = golden_graph(), load_dataset().images[:50]
    fixed = convert(graph, [1.0])
    levels, potentials = q_ann(fixed, input_spikes(images, graph.input), "floor")
    run = Chain(fixed, "floor", "settle").run(images)
    assert np.array_equal(run.counts, levels)
    assert np.array_equal(run.potentials, potentials)
