"""A simulated cluster has the spikes of a real one, and the times of arithmetic."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurocluster.client.records import RESULT
from neurocluster.impairments import Impairments
from neurocluster.kernels.chain import Chain
from neurocluster.simulate.clock import BARRIERS
from neurocluster.simulate.costs import CLIENT_LAYER, Cost, Costs, factors_of
from neurocluster.simulate.outcome import WAITS, outcome_of
from neurocluster.simulate.site import Site
from tests.support.simulated import (
    US,
    cluster_of,
    costs_strategy,
    fixed,
    frames_of,
    pipeline,
    simulate,
    sites,
    small_work,
)

RANDOM = factors_of(np.random.default_rng(1).exponential(size=1000))
VARIED = Costs(
    receive=Cost({"fixed": 1500.0, "byte": 1.0}, RANDOM), send=fixed(2),
    layers={"others": Cost({"fixed": 2000.0, "spike": 50.0, "synop": 5.0}, RANDOM)},
    wake=Cost({"fixed": 5000.0}, RANDOM), late=fixed(10), io=fixed(2), wire=fixed(1),
)  # fmt: skip
SPLITS = ["", "conv=rows:3", "conv=rows:2,hidden=neurons:3,out=neurons:2"]


def rows_of(cluster, frames=12):
    images = frames_of(cluster.work, frames)
    cluster.run(lambda _copy: images, frames)
    return np.concatenate(cluster.copies[0].rows)


def test_a_chain_has_the_counts_and_potentials_of_one_process():
    work = small_work()
    cluster = cluster_of(work, VARIED, Site(1, 2), seed=3)
    rows_of(cluster)
    images = frames_of(work, 12)
    run = Chain(work.fixed).run(images.reshape(12, 6, 6, 2))
    copy = cluster.copies[0]
    assert np.concatenate(copy.counts).tolist() == run.counts.tolist()
    assert np.concatenate(copy.potentials).tolist() == run.potentials.tolist()
    fired = sum(int(np.concatenate(table)[:, 1].sum()) for table in copy.reports)
    assert fired + run.inputs.sum() == run.spikes.sum()


@pytest.mark.parametrize("split", SPLITS)
def test_spikes_sent_are_received_and_packets_are_those_of_the_engines(split):
    outcome = simulate(small_work(split), VARIED, Site(2, 1, 30_000), seed=2)
    for line in outcome.links:
        assert line["spikes_sent"] == line["spikes_received"]
        assert line["packets"] >= 10


def test_the_same_seed_gives_the_same_run_and_another_one_does_not():
    def run(seed):
        return rows_of(cluster_of(small_work(SPLITS[1]), VARIED, Site(), seed=seed))

    assert run(5).tolist() == run(5).tolist()
    assert run(5)["done_ns"].tolist() != run(6)["done_ns"].tolist()


def test_a_pipeline_has_the_latency_computed_by_hand():
    costs = Costs(
        receive=fixed(3), send=fixed(5), wire=fixed(20), wake=fixed(14), late=fixed(11),
        io=fixed(2), io_late=fixed(1), io_wake=fixed(4),
        layers={"d0": fixed(13), "d1": fixed(17), CLIENT_LAYER: fixed(19)},
    )  # fmt: skip
    rows = rows_of(cluster_of(pipeline(), costs), 5)
    # Sent, both I/O threads woken, received by a process that slept.
    hop = 5 + (1 + 4 + 2) + 20 + (1 + 4 + 2) + 11 + 7 + 3
    latency = rows["done_ns"] - rows["started_ns"]
    # The first frame starts while the client sleeps, the others while it works.
    assert latency.tolist() == [
        (11 + 7 + 3 * hop + 13 + 17) * US, *[(19 + 3 * hop + 13 + 17) * US] * 4,
    ]  # fmt: skip
    assert (np.diff(rows["done_ns"]) == latency[1:]).all()


def test_a_pipeline_has_the_throughput_of_its_slowest_worker():
    costs = Costs(
        receive=fixed(3), send=fixed(5), wire=fixed(20),
        layers={"d0": fixed(13), "d1": fixed(40), CLIENT_LAYER: fixed(1)},
    )  # fmt: skip
    work = pipeline()
    work = type(work)(work.fixed, work.plan, window=16)
    outcome = simulate(work, costs, frames=100)
    spacing = np.diff(outcome.frames.rows["done_ns"])[20:]
    assert (spacing == (3 + 40 + 5) * US).all()
    assert outcome.busiest.name == "d1.0"
    assert outcome.busiest.per_second == pytest.approx(1e6 / 48, rel=1e-3)


@pytest.mark.parametrize("copies", [2, 5])
def test_so_many_busy_chains_on_one_core_take_so_many_times_as_long(copies):
    costs = Costs(
        receive=fixed(3), send=fixed(5), layers={"others": fixed(13)},
        quantum_ns=50 * US,
    )  # fmt: skip

    def duration(number):
        return simulate(pipeline(), costs, Site(1, 1), copies=number).duration_ns

    # A chain with one frame in flight always has something to do, and one thing.
    last = 13 * US  # work of the client after its last frame is not waited for
    expected = copies * duration(1)
    assert expected <= duration(copies) <= expected + copies * last


def test_a_full_link_blocks_its_sender_and_nothing_is_lost():
    costs = Costs(
        send=fixed(1), layers={"hidden": fixed(200), "others": fixed(1)},
        kernel_bytes=0,
    )  # fmt: skip
    work = small_work(hwm=1, window=16, max_spikes=1)
    outcome = simulate(work, costs, frames=10)
    by_name = {line["partition"]: line for line in outcome.workers}
    assert by_name["conv.0"]["wait_outbound_ns"] > 0
    assert by_name["hidden.0"]["wait_outbound_ns"] == 0
    blocked = {line["source"]: line["blocked_ns"] for line in outcome.links}
    assert blocked["conv.0"] > 0
    assert all(k["spikes_sent"] == k["spikes_received"] for k in outcome.links)


@settings(max_examples=40, deadline=None)
@given(
    costs=costs_strategy(), site=sites,
    clock=st.sampled_from(["none", "pipeline", "layer"]),
    barrier=st.sampled_from(BARRIERS), delay_us=st.sampled_from([0.0, 70.0]),
)  # fmt: skip
def test_bounds_are_never_beaten_and_time_is_accounted_for(
    costs, site, clock, barrier, delay_us
):
    link = [{"delay_us": delay_us, "jitter_us": delay_us}]
    rules = Impairments.from_wire({"link": link, "worker": [], "seed": 1})
    work = small_work(SPLITS[2], hwm=1, clock=clock, impairments=rules)
    cluster = cluster_of(work, costs, site, seed=1, barrier=barrier)
    images = frames_of(work, 6)
    cluster.run(lambda _copy: images, 6)
    outcome = outcome_of(cluster, np.arange(6))
    rows = outcome.frames.rows
    assert (rows["done_ns"] - rows["started_ns"] >= outcome.bound_ns).all()
    seconds = outcome.duration_ns / 1e9
    assert seconds == 0 or 6 / seconds <= outcome.busiest.per_second * (1 + 1e-9)
    for line in outcome.workers:
        waited = sum(line[name] for name in WAITS)
        assert 0 <= waited <= outcome.duration_ns + 1


def test_results_have_the_form_of_real_ones():
    rows = rows_of(cluster_of(small_work(), VARIED))
    assert rows.dtype == RESULT
    assert rows["frame"].tolist() == list(range(12))
