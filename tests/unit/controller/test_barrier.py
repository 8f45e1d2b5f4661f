"""A barrier opens when all are there, once, and says who held the others up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.controller.barrier import Barrier, told_by_nodes
from neurocluster.wire.shapes import is_barrier

NODES = ("client", "a.0", "b.0")


def begun():
    barrier = Barrier()
    barrier.begin(NODES)
    return barrier


def test_the_last_one_opens_the_next_round():
    barrier = begun()
    assert not barrier.done("a.0", 0, 0, 10)
    assert not barrier.done("client", 0, 3, 15)
    assert barrier.done("b.0", 0, 0, 40)
    assert (barrier.round, barrier.started) == (1, 3)
    assert barrier.tables() == {
        "rounds": 1,
        "nodes": [["a.0", 30, 0, 0], ["b.0", 0, 1, 25], ["client", 25, 0, 0]],
    }
    assert barrier.tables() == {}


def test_a_node_that_says_so_twice_or_of_another_round_counts_once():
    barrier = begun()
    assert not any(barrier.done("a.0", 0, 0, t) for t in range(5))
    assert not barrier.done("b.0", 1, 0, 6)
    assert not barrier.done("stranger", 0, 0, 7)
    assert not barrier.missed(0)
    barrier.done("b.0", 0, 0, 8)
    assert barrier.done("client", 0, 1, 9)
    assert barrier.missed(0)
    assert not barrier.missed(1)


@given(st.lists(st.permutations(NODES), max_size=20))
def test_every_order_opens_a_round_each(orders):
    barrier, now = begun(), 0
    for number, order in enumerate(orders):
        opened = []
        for node in order:
            now += 1
            opened.append(barrier.done(node, number, number, now))
        assert opened == [False, False, True]
    found = barrier.tables() or {"rounds": 0, "nodes": []}
    assert found["rounds"] == len(orders)
    assert sum(row[2] for row in found["nodes"]) == len(orders)
    assert sum(row[3] for row in found["nodes"]) == len(orders)


def test_an_epoch_begins_at_round_0_and_what_was_counted_stays():
    barrier = begun()
    for node in NODES:
        barrier.done(node, 0, 1, 5)
    barrier.begin(("client", "c.0"))
    assert (barrier.round, barrier.started) == (0, 0)
    assert not barrier.done("a.0", 0, 0, 6)
    barrier.done("client", 0, 1, 7)
    assert barrier.done("c.0", 0, 0, 8)
    assert barrier.tables()["rounds"] == 2


def counted(partition, *counts):
    names = ("rounds", "slowest_ns", "times_slowest", "held_up_ns")
    found = {f"clock_{n}": c for n, c in zip(names, counts, strict=True)}
    return {"worker": {"partition": partition, **found}}


def test_what_nodes_count_themselves_is_told_alike():
    reports = [
        counted(-1, 9, 50, 2, 30), counted(0, 9, 40, 3, 10), counted(1, 4, 7, 1, 5),
        counted(1, 5, 1, 2, 0), {"worker": {"partition": 1}},
    ]  # fmt: skip
    found = told_by_nodes(reports, ("a.0", "b.0"))
    assert found == {
        "rounds": 9,
        "nodes": [["a.0", 40, 3, 10], ["b.0", 8, 3, 5], ["client", 50, 2, 30]],
    }
    assert told_by_nodes([{"worker": {"partition": 0}}], ("a.0",)) == {}
    assert is_barrier({**found, "nodes": tuple(map(tuple, found["nodes"]))})


@pytest.mark.parametrize(
    "counts",
    [{}, {"partition": 7}, {"partition": "x"}, {"partition": None}],
)
def test_a_report_of_nobody_counts_nothing(counts):
    client = {"partition": -1, "clock_rounds": 3}
    reports = [{"worker": {**counts, "clock_rounds": 5}}, {"worker": client}]
    assert told_by_nodes(reports, ("a.0",)) == {
        "rounds": 3, "nodes": [["client", 0, 0, 0]]
    }  # fmt: skip
