"""Bounds of processes: at least what their engines allocate, and each part's reason."""

import numpy as np
import pytest

from neurocluster.client.engine import Engine as ClientEngine
from neurocluster.client.reports import open_bytes
from neurocluster.coding.delay import rank_table
from neurocluster.config import RunConfig
from neurocluster.launch.memory import MemoryBound
from neurocluster.member.ordering import Ordering
from neurocluster.model.convert import convert
from neurocluster.model.partition import make_plan
from neurocluster.model.split import parse_splits
from neurocluster.worker.engine import Engine
from tests.support.builders import link_specs, small_graph

GRAPH = small_graph(0)
MIB = 1 << 20


def bound_of(graph=GRAPH, **settings):
    config = RunConfig().replace(**settings)
    plan = make_plan(graph, parse_splits(config.split))
    return MemoryBound(config, convert(graph, [0.5]), plan), plan


def allocated(value, seen):
    """Return the bytes of all arrays that an object holds."""
    if isinstance(value, np.ndarray):
        while isinstance(value.base, np.ndarray):
            value = value.base
        known, size = id(value) in seen, value.nbytes
        seen[id(value)] = value
        return 0 if known else size
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return sum(allocated(entry, seen) for entry in value)
    return 0


def arrays_of(engine):
    seen = {}
    parts = [engine.__dict__, engine.node.__dict__]
    return sum(allocated(part, seen) for part in parts)


CASES = [
    {},
    {"window": 1, "max_spikes": 1},
    {"window": 64, "max_spikes": 8, "split": "conv=rows:2,hidden=neurons:3"},
    {"quantizer": "floor", "fire": "settle"},
]


@pytest.mark.parametrize("settings", CASES)
def test_a_worker_holds_what_its_engine_allocates(settings):
    bound, plan = bound_of(**settings)
    for name, spec in bound.specs.items():
        links = link_specs(plan.inbound(name)), link_specs(plan.outbound(name))
        engine = Engine(spec, *links)
        tables = sum(array.nbytes for array in engine.layer.arrays)
        found = arrays_of(engine) - tables
        room = bound.engines[name]
        assert found <= room.total - tables
        assert found > (room.total - room.arrays) / 4
        assert tables <= room.arrays


@pytest.mark.parametrize("settings", CASES)
def test_a_client_holds_what_its_engine_allocates(settings):
    bound, plan = bound_of(**settings)
    config = RunConfig().replace(**settings)
    engine = ClientEngine(
        link_specs(plan.inbound("client")), link_specs(plan.outbound("client")),
        ranks=rank_table(GRAPH.input), window=config.window,
        max_spikes=config.max_spikes,
    )  # fmt: skip
    found, client = arrays_of(engine), bound.client(0, 0)
    reports = open_bytes(len(plan.partitions), len(plan.links))
    assert (client.window - reports) / 4 < found <= client.window - reports
    assert found <= client.rebuild


def test_each_setting_makes_its_part_larger():
    small = bound_of(window=1, hwm=1, max_spikes=1)[0].worker("conv.0")
    wide = bound_of(window=9, hwm=1, max_spikes=1)[0].worker("conv.0")
    deep = bound_of(window=1, hwm=9, max_spikes=1)[0].worker("conv.0")
    assert wide.window > small.window
    assert wide.rebuild > small.rebuild
    assert (wide.network, wide.queues) == (small.network, small.queues)
    assert deep.queues > small.queues
    assert deep.window == small.window


def test_results_grow_by_the_bytes_that_are_told():
    bound, _ = bound_of()
    none, some = bound.client(0, 0), bound.client(1000, 5 * MIB)
    assert some.data - none.data == 1000 * bound.frame_bytes + 10 * MIB


def test_every_process_is_there_once():
    bound, _ = bound_of(spares=2)
    names = [p.name for p in bound.cluster().processes]
    assert names == [
        "launcher", "controller", "conv.0", "hidden.0", "out.0", "spare.0", "spare.1",
        "client",
    ]  # fmt: skip
    by_hand = [p.name for p in bound.cluster(launched=False).processes]
    assert by_hand == names[1:]


def test_a_spare_is_bounded_like_the_largest_worker():
    bound, _ = bound_of(spares=1)
    spare = bound.spare(0)
    for name in bound.specs:
        assert all(spare.parts[k] >= v for k, v in bound.worker(name).parts.items())


@pytest.mark.parametrize("most", [8, 1 << 16])
def test_what_waits_for_its_turn_is_in_the_bound(most):
    split = "conv=rows:2"
    plain, plan = bound_of(split=split, max_spikes=most)
    ordered, _ = bound_of(split=split, max_spikes=most, order_seed=1)
    for name, spec in ordered.specs.items():
        links = link_specs(plan.inbound(name)), link_specs(plan.outbound(name))
        engine = Engine(spec, *links, epoch=1)
        made = Ordering(engine.node, 1)
        assert made.record["slot_count"][0] >= 2 * spec.window * len(links[0])
        more = ordered.worker(name).total - plain.worker(name).total
        assert more >= sum(a.nbytes for a in (made._slots, made._next))
        assert more < 1.2 * sum(a.nbytes for a in (made._slots, made._next))
