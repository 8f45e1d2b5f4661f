"""Clusters under clocks that step through a frame's phases, on a virtual clock."""

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurocluster.coding.delay import input_order
from neurocluster.dtypes import ONE
from neurocluster.kernels.chain import Chain
from neurocluster.kernels.reference import SlowPartition, slow_phases
from neurocluster.model.convert import convert
from tests.simulation.test_cluster import SPLITS, change, frames
from tests.simulation.test_impairments import drawn
from tests.support.builders import planned, small_graph, specs_of
from tests.support.cluster import VirtualCluster

PHASES = (1, 2, 3, 8)


def phases_of(image, graph, count):
    """Return the addresses that fire in each phase of a frame."""
    order = input_order(image, graph.input).tolist()
    ends = [len(order) * k // count for k in range(count + 1)]
    return [order[a:b] for a, b in itertools.pairwise(ends)]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("split", SPLITS[::3])
def test_with_one_phase_step_is_pipeline(split, seed):
    graph, runs = small_graph(seed), []
    for clock in ("pipeline", "step"):
        cluster = VirtualCluster(
            graph, planned(graph, split), seed, window=1 + seed % 5, clock=clock,
            barrier_ns=1 + 5000 * (seed % 2), impairments=drawn(seed),
        )  # fmt: skip
        results = cluster.run(frames(seed))
        runs.append(([[part.tolist() for part in one] for one in results],
                     cluster.barrier.rounds, cluster.barrier.tables()))  # fmt: skip
    assert runs[0] == runs[1]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("phases", PHASES)
def test_a_chain_that_steps_gives_the_spikes_of_one_process(phases, seed):
    """Phases keep the order in which the input fires."""
    graph, images = small_graph(seed), frames(seed)
    cluster = VirtualCluster(
        graph, planned(graph), seed, hwm=1 + seed % 3, clock="step", phases=phases,
        window=1 + seed % 4, impairments=drawn(seed),
    )  # fmt: skip
    results = cluster.run(images)
    run = Chain(convert(graph, [0.5])).run(images)
    assert cluster.faults == []
    assert cluster.barrier.rounds >= phases * len(images)
    assert [c.tolist() for _, c, _ in results] == run.counts.tolist()
    assert [p.tolist() for _, _, p in results] == run.potentials.tolist()
    cluster.check_links()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize(("clock", "fire"), [
    ("step", "once"), ("step", "settle"), ("step-batch", "once"),
])  # fmt: skip
def test_a_cut_network_that_steps_loses_nothing(clock, fire, split, seed):
    graph = small_graph(seed)
    cluster = VirtualCluster(
        graph, planned(graph, split), seed, window=1 + seed, clock=clock, fire=fire,
        phases=PHASES[seed % 4],
    )  # fmt: skip
    cluster.run(frames(seed, 7))
    assert cluster.faults == []
    cluster.check_links()
    for engine in (*cluster.workers.values(), cluster.client):
        assert engine.node.record["contexts_peak"][0] <= 1 + seed
        assert engine.node.record["open_frames"][0] == 0
        assert set(engine.node.inbound["next_phase"]) == {0}


@pytest.mark.parametrize("clock", ["step", "step-batch"])
@pytest.mark.parametrize("phases", PHASES)
def test_a_frame_takes_as_many_rounds_as_phases_and_layers(phases, clock):
    graph = small_graph(0)
    alone = VirtualCluster(
        graph, planned(graph), 1, window=1, clock=clock, phases=phases, hwm=64,
        stall=0, delay_ns=2, barrier_ns=1_000_000,
    )  # fmt: skip
    rows = [row for row, _, _ in alone.run(frames(0, 6))]
    deepest = len(alone.workers)
    took = [int(row["done_ns"] - row["started_ns"]) for row in rows]
    assert took == pytest.approx([(phases + deepest - 1) * 1_000_000] * 6, rel=0.01)
    started = np.diff([int(row["started_ns"]) for row in rows])
    assert started == pytest.approx((phases + deepest) * 1_000_000, rel=0.01)
    full = VirtualCluster(
        graph, planned(graph), 1, window=16, clock=clock, phases=phases, hwm=64,
        stall=0, delay_ns=2, barrier_ns=1_000_000,
    )  # fmt: skip
    done = np.diff([int(row["done_ns"]) for row, _, _ in full.run(frames(0, 12))])
    assert done == pytest.approx(phases * 1_000_000, rel=0.01)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("split", SPLITS)
def test_batches_give_what_the_reference_gives_for_every_cut_and_order(split, seed):
    graph, images, phases = small_graph(seed), frames(seed, 6), PHASES[seed % 4]
    cluster = VirtualCluster(
        graph, planned(graph, split), seed, hwm=1 + seed % 3, window=3,
        clock="step-batch", phases=phases, max_spikes=(1, 7, 64)[seed % 3],
    )  # fmt: skip
    results = cluster.run(images)
    specs = specs_of(graph, planned(graph), batch=True)
    for image, (_, counts, _) in zip(images, results, strict=True):
        expected = [0] * 4
        for stages in slow_phases(specs, phases_of(image, graph, phases)):
            for address, sign in stages[-1]:
                expected[address] += sign
        assert counts.tolist() == expected


def matrix(spec):
    """Return (neurons, inputs) int64: the weights of a partition that is not cut."""
    found = np.zeros((spec.neurons, spec.input_shape.size), np.int64)
    shape = SlowPartition(spec).level.shape
    for address in range(found.shape[1]):
        for y, x, c, weight in SlowPartition(spec)._touched(address):
            found[np.ravel_multi_index((y, x, c), shape), address] = weight
    return found


@given(st.integers(0, 2**32 - 1), st.sampled_from(PHASES), st.booleans())
@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
def test_batches_are_matrix_products_between_thresholds(seed, phases, cut):
    """The rule of `step-batch` in five lines of numpy."""
    graph = small_graph(seed, pools=())
    images = frames(seed, 3)
    cluster = VirtualCluster(
        graph, planned(graph, SPLITS[3] if cut else ""), seed, clock="step-batch",
        phases=phases,
    )  # fmt: skip
    results = cluster.run(images)
    stages = [(spec, matrix(spec)) for spec in specs_of(graph, planned(graph))]
    for image, (_, counts, potentials) in zip(images, results, strict=True):
        v = [SlowPartition(spec).potential.ravel() for spec, _ in stages]
        level = [np.zeros(spec.neurons, np.int64) for spec, _ in stages]
        for addresses in phases_of(image, graph, phases):
            spikes = np.bincount(addresses, minlength=image.size)
            for k, (spec, weights) in enumerate(stages):
                v[k] += weights @ spikes
                gap = (np.maximum(v[k], 0) if spec.relu else v[k]) - level[k] * ONE
                spikes = (gap >= ONE).astype(np.int64) - (gap <= -ONE)
                level[k] += spikes
        assert counts.tolist() == level[-1].tolist()
        assert potentials.tolist() == v[-1].tolist()


@pytest.mark.parametrize(
    ("tamper", "words"),
    [
        (change("phase", lambda p: p - 1), "phase out of order"),
        (change("payload", lambda p: p + b"\0\0"), "spikes received differ"),
        (change("close", lambda c: c + 5), "spikes received differ"),
    ],
)
def test_a_wrong_phase_is_found(tamper, words):
    graph = small_graph(2)
    cluster = VirtualCluster(
        graph, planned(graph), 3, tamper=("conv.0->hidden.0", tamper), max_spikes=64,
        clock="step", phases=4,
    )  # fmt: skip
    cluster.run(frames(2))
    assert "conv.0->hidden.0" in cluster.faults[0]
    assert words in cluster.faults[0]
