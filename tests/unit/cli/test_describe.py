"""What describe says of a barrier."""

import pytest

from neurocluster.cli.describe import describe_barrier
from neurocluster.config import RunConfig
from neurocluster.model.partition import make_plan
from tests.support.builders import small_graph


@pytest.mark.parametrize(("barrier", "steps"), [("central", 2), ("dissemination", 2)])
def test_messages_of_a_round(barrier, steps):
    plan = make_plan(small_graph(0))
    config = RunConfig().replace(clock="pipeline", barrier=barrier)
    (found,) = describe_barrier(config, plan).values()
    nodes = 1 + len(plan.partitions)
    assert found == {
        "kind": barrier, "nodes": nodes, "steps": steps,
        "messages": steps * nodes,
    }  # fmt: skip


@pytest.mark.parametrize("clock", ["none", "frame"])
def test_without_rounds_there_is_nothing_to_say(clock):
    plan = make_plan(small_graph(0))
    assert describe_barrier(RunConfig().replace(clock=clock), plan) == {}
