"""Costs are measured on real processes and can be read by the simulation."""

import dataclasses

import numpy as np
import pytest

from neurocluster.bench.clocked import measure_prices
from neurocluster.bench.costs import fit_costs
from neurocluster.bench.samples import SETTINGS, measure, pairs_of
from neurocluster.config import RunConfig
from neurocluster.dtypes import CLIENT
from neurocluster.model.convert import convert
from neurocluster.simulate.costs import read_costs
from tests.support.builders import small_graph
from tests.support.simulated import simulate, small_work

FRAMES = 60
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def samples():
    """Return what the nodes of one cluster did."""
    fixed = convert(small_graph(0), [0.5])
    images = np.random.default_rng(0).integers(0, 256, (20, 72)).astype(np.uint8)
    pairs = list(pairs_of(fixed, images, [40.0, 20.0, 5.0]))
    found = [s for group in measure(pairs[0], RunConfig(), FRAMES) for s in group]
    return pairs, found


def test_every_layer_is_measured_whole_and_cut(samples):
    pairs, _ = samples
    names = {name for pair in pairs for name in pair.layers}
    assert names == {"conv", "hidden", "out", CLIENT}
    cut = [next(iter(pair.split.items()), None) for pair in pairs]
    assert cut == [
        None, ("conv", "rows:2"), None, ("hidden", "neurons:2"), ("out", "neurons:2"),
    ]  # fmt: skip


def test_each_call_of_each_node_is_timed(samples):
    _, found = samples
    assert len(found) == 3 * len(SETTINGS)
    for sample in found:
        assert len(sample.handled) == len(sample.received) > 0
        assert (sample.received[:, 1] > 0).all()
        assert (sample.handled[:, 5] > 0).all()
        frames = FRAMES // (3 if sample.window == 1 else 1)
        # The warm-up ends with a turn, which may finish a window of frames.
        closed = sample.handled[:, 4].sum()
        assert 0.9 * frames - sample.window <= closed <= frames
        assert sample.figures["main_ns"] > 0
    first = next(s for s in found if s.layer == "conv")
    assert first.handled[:, 2].sum() > first.handled[:, 1].sum() > 0


@pytest.fixture(scope="module")
def price(samples):
    """Return what a round took of a real cluster."""
    (price,) = measure_prices(samples[0][:1], RunConfig(), FRAMES)
    return price


def test_a_round_of_a_barrier_is_priced(price):
    assert price.nodes == 3
    assert price.controller_ns > 0
    assert price.round_ns > price.controller_ns


def test_costs_that_were_fitted_drive_a_simulation(samples, price, tmp_path):
    costs = fit_costs(samples[1], {}, [price])
    assert costs.barrier_tell["fixed"] > 0
    path = tmp_path / "costs.json"
    path.write_text(costs.to_json())
    again = read_costs(path)
    assert dataclasses.replace(again, told={}) == dataclasses.replace(costs, told={})
    outcome = simulate(small_work(), again)
    assert outcome.duration_ns > 0
