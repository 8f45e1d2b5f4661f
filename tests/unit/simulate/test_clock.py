"""A simulated clock has the rounds of a real one, and the price of arithmetic."""

import dataclasses

import numpy as np
import pytest

from neurocluster.dtypes import CLIENT
from neurocluster.impairments import Impairments
from neurocluster.kernels.chain import Chain
from neurocluster.simulate.clock import BARRIERS, CENTRAL, FREE
from neurocluster.simulate.costs import CLIENT_LAYER, Costs
from neurocluster.simulate.site import Site
from neurocluster.simulate.summary import mean_shares
from tests.support.simulated import (
    US,
    cluster_of,
    fixed,
    frames_of,
    pipeline,
    simulate,
    small_work,
)
from tests.unit.simulate.test_cluster import SPLITS, VARIED

PRICES = {
    "clock_hear": fixed(7), "clock_tell": fixed(5), "barrier_hear": fixed(11),
    "barrier_tell": fixed(3),
}  # fmt: skip
EQUAL = Costs(
    receive=fixed(3), send=fixed(5),
    layers={"others": fixed(20), CLIENT_LAYER: fixed(20)}, **PRICES,
)  # fmt: skip


def clocked(work, clock):
    return dataclasses.replace(work, clock=clock)


def hindered(work, link=(), worker=()):
    rules = Impairments.from_wire({"link": link, "worker": worker, "seed": 1})
    return dataclasses.replace(work, impairments=rules)


@pytest.mark.parametrize("barrier", BARRIERS)
@pytest.mark.parametrize("clock", ["pipeline", "layer"])
def test_a_clocked_chain_has_the_counts_of_one_process(clock, barrier):
    work = clocked(small_work(), clock)
    costs = VARIED.replace(**PRICES)
    cluster = cluster_of(work, costs, Site(2, 1, 30_000), seed=3, barrier=barrier)
    images = frames_of(work, 12)
    cluster.run(lambda _copy: images, 12)
    run = Chain(work.fixed).run(images.reshape(12, 6, 6, 2))
    counts = np.concatenate(cluster.copies[0].counts)
    assert counts.tolist() == run.counts.tolist()


def test_a_free_clock_costs_nothing_where_all_take_the_same():
    work = dataclasses.replace(pipeline(3), window=16)
    free = simulate(clocked(work, "pipeline"), EQUAL, frames=200, barrier=FREE)
    none = simulate(work, EQUAL, frames=200)
    assert free.duration_ns == pytest.approx(none.duration_ns, rel=0.05)
    assert mean_shares(free)["barrier"] < 0.02


def test_a_priced_barrier_costs_what_its_messages_take():
    work = clocked(dataclasses.replace(pipeline(3), window=16), "pipeline")
    times = {
        barrier: simulate(work, EQUAL, frames=200, barrier=barrier)
        for barrier in BARRIERS
    }
    nodes = 4
    # The controller has read most when the last one says that it is done; then it opens
    # for each, and the member that it tells last is waited for.
    least = 5 + 11 + nodes * 3 + 7
    most = least + (nodes - 1) * 11
    rounds = times[CENTRAL].barrier["rounds"]
    longer = times[CENTRAL].duration_ns - times[FREE].duration_ns
    assert least * US <= longer / rounds <= most * US
    assert mean_shares(times[CENTRAL])["barrier"] > mean_shares(times[FREE])["barrier"]


def test_the_wait_for_a_straggler_is_told_apart_and_is_its_own():
    rules = [{"partition": "d1.0", "slow": 20.0}]
    work = hindered(dataclasses.replace(pipeline(3), window=16), worker=rules)
    outcome = simulate(clocked(work, "pipeline"), EQUAL, frames=100, barrier=FREE)
    mean = mean_shares(outcome)
    assert mean["slowest"] > 0.4
    assert mean["barrier"] < 0.05
    rows = {row[0]: row for row in outcome.barrier["nodes"]}
    assert rows["d1.0"][2] > 0.9 * outcome.barrier["rounds"]
    assert outcome.busiest.name == "d1.0"


def test_the_same_rounds_are_opened_whatever_they_cost():
    work = clocked(small_work(SPLITS[2]), "pipeline")
    outcomes = [simulate(work, VARIED, barrier=barrier) for barrier in BARRIERS]
    assert all(o.barrier["rounds"] >= 10 for o in outcomes)
    assert {row[0] for row in outcomes[0].barrier["nodes"]} >= {CLIENT, "conv.0"}


def test_a_delay_of_an_impairment_is_in_every_link():
    free = Costs()
    work = pipeline()
    delayed = hindered(work, link=[{"delay_us": 300.0}])
    rows = [
        simulate(one, free, frames=5).frames.rows for one in (work, delayed)
    ]  # fmt: skip
    latency = [row["done_ns"] - row["started_ns"] for row in rows]
    assert (latency[1] - latency[0] == 3 * 300 * US).all()
    bound = simulate(delayed, free, frames=5).bound_ns
    assert (latency[1] >= bound).all()
    assert (bound > 880 * US).all()


def test_service_times_have_their_mean():
    rules = [{"partition": "d1.0", "service_us": 400.0, "service_cv": 1.0}]
    work = dataclasses.replace(pipeline(), window=16)
    outcome = simulate(hindered(work, worker=rules), EQUAL, frames=3000)
    assert outcome.duration_ns / 3000 == pytest.approx((400 + 28) * US, rel=0.1)
    slept = {line["partition"]: line["wait_sleep_ns"] for line in outcome.workers}
    assert slept["d1.0"] / 3000 == pytest.approx(400 * US, rel=0.1)
    assert slept["d0.0"] == 0


def test_copies_have_one_window():
    work = small_work()
    cluster = cluster_of(work, VARIED, Site(2, 1, 20_000), copies=3, seed=4)
    images = frames_of(work, 30)
    cluster.run(lambda _copy: images, 30)
    rows = [np.concatenate(copy.rows) for copy in cluster.copies]
    done = np.maximum.reduce([row["done_ns"] for row in rows])
    window = work.window
    for row in rows:
        assert (row["started_ns"][window:] >= done[:-window] - 100 * US).all()
    last = [row["done_ns"] for row in rows]
    assert (np.abs(last[0] - last[1]) > 0).any()


@pytest.mark.parametrize("barrier", BARRIERS)
def test_copies_are_under_one_clock(barrier):
    work = clocked(small_work(), "pipeline")
    costs = VARIED.replace(**PRICES)
    one = simulate(work, costs, Site(2, 2), frames=20, barrier=barrier)
    many = simulate(work, costs, Site(2, 2), frames=20, copies=4, barrier=barrier)
    assert len(many.barrier["nodes"]) == 4 * len(one.barrier["nodes"])
    assert one.barrier["rounds"] <= many.barrier["rounds"] < 2 * one.barrier["rounds"]
