"""Clusters under a clock, on a virtual one: the same spikes, in rounds."""

import numpy as np
import pytest

from neurocluster.controller.watch import STALL_NS, LinkWatch
from neurocluster.impairments import Impairments
from neurocluster.kernels.chain import Chain
from neurocluster.member.counts import counters
from neurocluster.member.dissemination import step_count
from neurocluster.model.convert import convert
from neurocluster.transport.turn import BUDGET_PACKETS
from tests.simulation.test_cluster import SPLITS, frames
from tests.simulation.test_impairments import drawn
from tests.support.builders import planned, small_graph
from tests.support.cluster import VirtualCluster

CLOCKED = ("pipeline", "layer", "neighbour")
BARRIERS = ("central", "dissemination")
KINDS = [
    (clock, barrier)
    for clock in CLOCKED
    for barrier in BARRIERS
    if clock != "neighbour" or barrier == "central"  # others wait for all
]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(("clock", "barrier"), KINDS)
def test_a_clocked_chain_gives_the_spikes_of_one_process(clock, barrier, seed):
    graph, images = small_graph(seed), frames(seed)
    cluster = VirtualCluster(
        graph, planned(graph), seed, hwm=1 + seed % 3, clock=clock, window=6,
        barrier=barrier, barrier_ns=1 + 5000 * (seed % 2), impairments=drawn(seed),
    )  # fmt: skip
    results = cluster.run(images)
    run = Chain(convert(graph, [0.5])).run(images)
    assert cluster.faults == []
    assert cluster.rounds >= (7 if clock == "layer" else len(images))
    assert [c.tolist() for _, c, _ in results] == run.counts.tolist()
    assert [p.tolist() for _, _, p in results] == run.potentials.tolist()
    cluster.check_links()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("clock", CLOCKED)
def test_a_clocked_cut_network_loses_nothing(clock, split, seed):
    graph = small_graph(seed)
    cluster = VirtualCluster(
        graph, planned(graph, split), seed, window=1 + seed, clock=clock,
        barrier="central" if clock == "neighbour" else BARRIERS[seed % 2],
    )  # fmt: skip
    cluster.run(frames(seed, 9))
    assert cluster.faults == []
    assert cluster.rounds > 9 // (1 + seed)
    cluster.check_links()


class Late(VirtualCluster):
    """A loop that hears of the next round before a node takes its next turn."""

    def schedule(self, action):
        self.at(self.now() + self.random.randrange(1, 40), action)


@pytest.mark.parametrize("seed", range(8))
def test_a_round_that_ends_with_a_turns_budget_is_handled_once(seed):
    """A batch as large as a budget: the next round opens before the next turn."""
    graph, count = small_graph(seed), 4 * BUDGET_PACKETS
    cluster = Late(
        graph, planned(graph), seed, window=BUDGET_PACKETS, hwm=99, stall=0,
        max_spikes=512, clock="layer", barrier_ns=10, delay_ns=2,
    )  # fmt: skip
    cluster.run(frames(seed, count))
    assert cluster.faults == []
    cluster.check_links()


class Timed:
    """A chain whose workers take a time for each frame; wires and computing none."""

    def __init__(
        self, clock, cv=0.0, slow=None, images=60, window=16, barrier_ns=0,
        barrier="central",
    ):  # fmt: skip
        workers = [{"service_us": 1000, "service_cv": cv}]
        if slow is not None:
            workers.append({"partition": slow, "service_us": 4000})
        graph = small_graph(0)
        self.cluster = VirtualCluster(
            graph, planned(graph), 1, window=window, delay_ns=2, stall=0, hwm=64,
            clock=clock, barrier=barrier, barrier_ns=barrier_ns,
            impairments=Impairments.from_wire({"worker": workers}),
        )  # fmt: skip
        rows = [row for row, _, _ in self.cluster.run(frames(0, images))]
        self.done = np.array([int(row["done_ns"]) for row in rows])
        self.started = np.array([int(row["started_ns"]) for row in rows])
        self.workers = len(self.cluster.workers)

    @property
    def frame_ns(self):
        """Return the time from one result to the next, once the pipe is full."""
        return (self.done[-1] - self.done[10]) / (len(self.done) - 11)


def test_in_a_pipeline_every_partition_works_on_its_own_frame():
    run = Timed("pipeline", barrier_ns=7_000)
    assert run.frame_ns == pytest.approx(1_000_000 + 7_000, rel=0.001)
    latency = (run.done - run.started)[10:]
    # The client starts a frame in a round of its own.
    assert latency == pytest.approx((1 + run.workers) * 1_000_000, rel=0.01)
    frames_and_drain = 60 + run.workers
    assert run.cluster.rounds == pytest.approx(frames_and_drain, abs=3)


def test_layer_by_layer_the_others_rest():
    run = Timed("layer", images=64, window=16)
    # A batch of 16 goes through the layers one after the other.
    assert run.done[-1] - run.started[0] == pytest.approx(
        4 * run.workers * 16 * 1_000_000, rel=0.02
    )
    assert set(np.diff(run.started) > 0) == {False, True}
    assert (np.diff(run.started) > 0).sum() == 3


@pytest.mark.parametrize("barrier", BARRIERS)
def test_without_variation_a_pipeline_costs_its_barrier_and_nothing_more(barrier):
    free = Timed("none").frame_ns
    assert Timed("pipeline", barrier=barrier).frame_ns == pytest.approx(free, rel=0.001)
    dear = Timed("pipeline", barrier=barrier, barrier_ns=250_000)
    nodes = 1 + dear.workers
    steps = step_count(nodes) if barrier == "dissemination" else 1
    hops = (dear.frame_ns - free) / 250_000
    # The client is done early: who hears of it first ends its round a step before.
    assert 0.999 <= hops <= 1.001 * steps


def test_with_variation_rounds_wait_for_the_slowest_and_free_workers_do_not():
    free = Timed("none", cv=1.0, images=400).frame_ns
    clocked = Timed("pipeline", cv=1.0, images=400).frame_ns
    assert clocked > 1.25 * free


def test_who_waits_for_neighbours_only_waits_less_than_for_all():
    """And more than who waits for nobody; without variation for nothing."""
    clocks = ("none", "neighbour", "pipeline")
    free, near, all_ = (Timed(c, cv=1.0, images=400).frame_ns for c in clocks)
    assert free < near < all_
    free, near = (Timed(c).frame_ns for c in clocks[:2])
    assert near == pytest.approx(free, rel=0.001)


@pytest.mark.parametrize("barrier", BARRIERS)
def test_what_others_wait_for_is_attributed_to_the_straggler(barrier):
    slow = "hidden.0"
    run = Timed("pipeline", slow=slow, barrier=barrier)
    found = run.cluster.waits
    assert max(found, key=lambda node: found[node][2]) == slow
    slowest_ns, last, held_up_ns = found[slow]
    assert last >= 60
    assert held_up_ns == pytest.approx(60 * 3_000_000, rel=0.1)
    assert slowest_ns < 0.1 * held_up_ns
    for node, (waited_ns, _, _) in found.items():
        if node not in (slow, "client"):
            assert waited_ns == pytest.approx(60 * 3_000_000, rel=0.1)
            _, waits, _ = run.cluster.pumps[node].times()
            assert waits["wait_clock_ns"] >= 0.9 * waited_ns


@pytest.mark.parametrize("clock", CLOCKED)
def test_what_waits_for_the_clock_is_received_and_no_link_stalls(clock):
    """Rounds last longer than a link may stand still."""
    graph = small_graph(0)
    plan = planned(graph)
    slow = {"partition": "hidden.0", "service_us": 1.3 * STALL_NS / 1000}
    cluster = VirtualCluster(
        graph, plan, 1, window=4, hwm=64, stall=0, clock=clock,
        impairments=Impairments.from_wire({"worker": [slow]}),
    )  # fmt: skip
    watch = LinkWatch({k.index: (k.source, k.destination) for k in plan.links})
    found, stashed = [], []

    def beat():
        engines = {**cluster.workers, "client": cluster.client}
        for name, engine in engines.items():
            waits = cluster.clocks[name].stashed()
            stashed.append(0 if waits is None else int(waits[:, 1].sum()))
            watch.beat(name, counters(engine.node, cluster.pumps[name], waits))
        found.append(watch.stalled(cluster.now()))
        cluster.at(cluster.now() + STALL_NS // 20, beat)

    beat()
    cluster.run(frames(0, 8))
    assert len(found) > 100
    assert found == [None] * len(found)
    assert max(stashed) > 0
