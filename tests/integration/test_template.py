"""One fork template starts cluster after cluster; workers may be bound to cores."""

import os

import numpy as np
import pytest

from neurocluster import LocalCluster, load_dataset
from neurocluster.cluster.hosts import HostCluster
from neurocluster.cluster.local import round_robin
from neurocluster.config import RunConfig
from neurocluster.dtypes import CLIENT
from neurocluster.errors import ClusterError, ConfigError
from neurocluster.launch.spawn import spawn_template
from neurocluster.model.placement import Host
from tests.support.processes import alive, none_alive

FRAMES = 8


async def one_cluster(template, **settings):
    """Run a cluster to its end; return its processes, their cores, its counts."""
    config = RunConfig(deadline_s=60.0, **settings)
    async with LocalCluster(config, template=template.lend()) as cluster:
        workers = [e["pid"] for e in cluster.roster if e["partition"] != CLIENT]
        cores = [os.sched_getaffinity(pid) for pid in workers]
        roams = os.sched_getaffinity(cluster.pids["controller"])
        images = load_dataset().images[:FRAMES]
        counts = [r.counts async for r in cluster.stream(images)]
    return workers, cores, roams, np.array(counts)


async def test_a_lent_template_serves_one_cluster_after_the_other():
    template = spawn_template()
    try:
        found = [await one_cluster(template) for _ in range(2)]
        assert template.alive
        first, second = (set(pids) for pids, *_ in found)
        assert not first & second
        none_alive(first | second, 0.1)
        assert (found[0][3] == found[1][3]).all()
        assert len(found[0][3]) == FRAMES
    finally:
        template.discard()
    assert not alive(template.process.pid)


async def test_the_death_of_a_lent_template_ends_the_cluster_that_has_it():
    template = spawn_template()
    try:
        async with LocalCluster(template=template.lend()) as cluster:
            pids = list(cluster.pids.values())
            template.process.kill()
            stream = cluster.stream(load_dataset().images)
            with pytest.raises(ClusterError, match="launcher was killed by signal 9"):
                _ = [result async for result in stream]
        assert not template.alive
        none_alive(pids)
    finally:
        template.discard()


def test_workers_on_other_hosts_are_not_pinned():
    hosts = [Host("n1", 2)]
    with pytest.raises(ConfigError, match="pin: workers on other hosts are not bound"):
        HostCluster(hosts, "127.0.0.1", RunConfig(pin=True))


async def test_pinned_workers_have_a_core_each_in_turn():
    template = spawn_template()
    try:
        mine = sorted(os.sched_getaffinity(0))
        _, cores, roams, counts = await one_cluster(template, pin=True)
        assert cores == [{mine[k % len(mine)]} for k in range(len(cores))]
        assert roams == set(mine)
        assert len(counts) == FRAMES
    finally:
        template.discard()


def test_slots_go_round_the_cores():
    mine = sorted(os.sched_getaffinity(0))
    found = round_robin(["a", "b", "c"])
    assert [int(found[k]["core"]) for k in "abc"] == [
        mine[k % len(mine)] for k in range(3)
    ]
