"""Hindered clusters on a virtual clock: later, never other."""

import random

import pytest

from neurocluster.dtypes import CLIENT
from neurocluster.impairments import Impairments
from neurocluster.kernels.chain import Chain
from neurocluster.model.convert import convert
from tests.simulation.test_cluster import SPLITS, frames
from tests.support.builders import planned, small_graph
from tests.support.cluster import VirtualCluster


def drawn(seed):
    """Return rules of all kinds, drawn by a seed."""
    rng = random.Random(seed)
    some = {
        "delay_us": rng.uniform(0, 500), "jitter_us": rng.uniform(0, 500),
        "jitter": rng.choice(["exponential", "normal", "heavy"]),
        "loss": rng.choice([0, 0.2]), "duplicate": rng.choice([0, 0.2]),
        "rate_mbit": rng.choice([0, 1, 100]), "burst_kib": rng.choice([0, 1]),
    }  # fmt: skip
    worker = {
        "slow": rng.choice([1, 5]), "service_us": rng.choice([0, 200]),
        "service_cv": rng.uniform(0, 2), "pause_us": rng.choice([0, 900]),
        "pause_every_us": 2000,
    }  # fmt: skip
    return Impairments.from_wire(
        {"link": [some], "worker": [worker, {"partition": "hidden", "slow": 9}],
         "seed": seed}
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("linger_us", [0, 300])
def test_a_hindered_chain_gives_the_spikes_of_one_process(linger_us, seed):
    graph, images = small_graph(seed), frames(seed)
    cluster = VirtualCluster(
        graph, planned(graph), seed, hwm=1 + seed % 3, impairments=drawn(seed),
        linger_us=linger_us,
    )  # fmt: skip
    results = cluster.run(images)
    run = Chain(convert(graph, [0.5])).run(images)
    assert cluster.faults == []
    assert [c.tolist() for _, c, _ in results] == run.counts.tolist()
    assert [p.tolist() for _, _, p in results] == run.potentials.tolist()
    cluster.check_links()


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("split", SPLITS)
def test_a_hindered_cut_network_loses_nothing(split, seed):
    graph = small_graph(seed)
    cluster = VirtualCluster(
        graph, planned(graph, split), seed, window=3, impairments=drawn(seed)
    )
    cluster.run(frames(seed, 8))
    assert cluster.faults == []
    cluster.check_links()
    for engine in cluster.workers.values():
        assert engine.node.record["contexts_peak"][0] <= 3


def timed(images=4, **settings):
    """Return how long frames took one at a time, and the cluster; wires take 0."""
    graph = small_graph(0)
    cluster = VirtualCluster(
        graph, planned(graph), 1, window=1, delay_ns=2, stall=0, hwm=64, **settings
    )
    results = cluster.run(frames(0, images))
    times = [int(row["done_ns"] - row["started_ns"]) for row, _, _ in results]
    return times, cluster


def rules(**data):
    return {"impairments": Impairments.from_wire(data)}


def test_a_delay_is_paid_once_a_hop_to_the_nanosecond():
    free, cluster = timed()
    hops = 1 + len(cluster.workers)
    late, _ = timed(**rules(link=[{"delay_us": 250}]))
    assert [b - a for a, b in zip(free, late, strict=True)] == [hops * 250_000] * 4


def test_a_delay_on_one_link_is_paid_there_only():
    free, cluster = timed()
    last = list(cluster.workers)[-1]
    late, _ = timed(**rules(link=[{"from": last, "to": CLIENT, "delay_us": 250}]))
    assert [b - a for a, b in zip(free, late, strict=True)] == [250_000] * 4


def test_a_frame_that_takes_longer_in_each_worker_takes_that_long():
    free, cluster = timed()
    late, after = timed(**rules(worker=[{"service_us": 400}]))
    workers = len(cluster.workers)
    assert [b - a for a, b in zip(free, late, strict=True)] == [workers * 400_000] * 4
    for name in after.workers:
        assert after.pumps[name].times()[1]["wait_sleep_ns"] == 4 * 400_000


def packets_of(cluster):
    return sum(int(e.node.outbound["packets"].sum()) for e in cluster.workers.values())


def test_spikes_that_wait_for_others_go_in_fewer_packets_and_in_time():
    settings = rules(link=[{"from": CLIENT, "rate_mbit": 0.5, "burst_kib": 0}])
    settings |= {"max_spikes": 4}  # so the input comes bit by bit
    free, eager = timed(**settings)
    late, patient = timed(linger_us=3000, **settings)
    assert packets_of(patient) < packets_of(eager)
    spread = 3000_000 * len(patient.workers)
    assert all(b - a <= spread for a, b in zip(free, late, strict=True))
