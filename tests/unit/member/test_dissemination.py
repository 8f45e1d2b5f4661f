"""A dissemination barrier: rounds end once for all, and not before all are done."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurocluster.member.dissemination import (
    Dissemination,
    partners,
    shortest,
    step_count,
)
from neurocluster.wire.ticks import NOBODY, Tick

ROUNDS = 3


class Nodes:
    """All nodes of a barrier, and the ticks under way between them, by link in order.

    Node 0 is the client: in each round it starts some frames.
    """

    def __init__(self, count, seed, loss=0.0):
        self.random = random.Random(seed)
        self.nodes = [Dissemination(rank, count) for rank in range(count)]
        self.count, self.loss, self.now = count, loss, 0
        self.wires, self.under_way = {}, []
        self.done = [[0] * (ROUNDS + 1) for _ in range(count)]
        self.ended = [[0] * (ROUNDS + 1) for _ in range(count)]
        self.given = [[] for _ in range(count)]
        self.frames = [self.random.randrange(5) for _ in range(ROUNDS + 1)]

    def send(self, rank, ticks):
        for tick in ticks:
            to = partners(rank, self.count)[tick.step]
            if self.random.random() >= self.loss:
                self.wires.setdefault((rank, tick.step), []).append((to, tick))
                self.under_way.append((rank, tick.step))

    def act(self, rank, action):
        """Let a node do something; note whether its round ended."""
        node, number = self.nodes[rank], self.nodes[rank].number
        self.now += self.random.randrange(1, 10)
        made = action(node)
        assert made is not None
        assert node.number in (number, number + 1)
        if node.number > number:
            assert all(done[number] for done in self.done), "ended before all were done"
            self.ended[rank][number] += 1
            self.given[rank].append(node.started)
        self.send(rank, made)

    def arrive(self, rank):
        number = self.nodes[rank].number
        self.done[rank][number] = 1
        started = sum(self.frames[: number + 1]) if rank == 0 else 0
        self.act(rank, lambda node: node.done(started, self.now))

    def deliver(self):
        """Let the next tick of some link arrive."""
        place = self.random.randrange(len(self.under_way))
        self.under_way[place], wire = self.under_way[-1], self.under_way[place]
        self.under_way.pop()
        to, tick = self.wires[wire].pop(0)
        self.act(to, lambda node: node.heard(tick, self.now))

    def run(self):
        """Let nodes be done and ticks arrive in any order, until all rounds ended."""
        left = self.count
        while left:
            rank = self.random.randrange(self.count)
            node = self.nodes[rank]
            if not node.arrived and node.number < ROUNDS:
                self.arrive(rank)
            elif self.loss and self.random.random() < 0.1:
                self.send(rank, node.again())
            if self.under_way:
                self.deliver()
            elif not self.loss:
                late = [n for n in self.nodes if not n.arrived and n.number < ROUNDS]
                left = sum(n.number < ROUNDS for n in self.nodes)
                assert late or not left, "stuck"
                continue
            left = sum(n.number < ROUNDS for n in self.nodes) if self.loss else left

    def check(self):
        assert all(ended[:ROUNDS] == [1] * ROUNDS for ended in self.ended)
        totals = [sum(self.frames[: k + 1]) for k in range(ROUNDS)]
        assert all(given == totals for given in self.given)


@given(st.integers(1, 64), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_every_round_ends_once_and_never_before_all_are_done(count, seed):
    nodes = Nodes(count, seed)
    nodes.run()
    nodes.check()
    if count > 1:
        counts = [node.counts() for node in nodes.nodes]
        told = ROUNDS - 1  # nobody has told of the last one
        assert sum(c["clock_times_slowest"] for c in counts) == told
        assert all(c["clock_slowest_ns"] >= 0 for c in counts)


@given(st.integers(2, 24), st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_lost_ticks_are_made_good_by_those_that_are_sent_again(count, seed):
    nodes = Nodes(count, seed, loss=0.2)
    nodes.run()
    nodes.check()


def test_whom_a_node_tells():
    assert [step_count(n) for n in (1, 2, 3, 4, 5, 8, 9, 64)] == [
        0, 1, 2, 2, 3, 3, 4, 6,
    ]  # fmt: skip
    assert partners(4, 5) == [0, 1, 3]
    assert partners(0, 1) == []


@pytest.mark.parametrize(
    "tick",
    [Tick(0, 2), Tick(1, 0), Tick(2, 1)],
    ids=["no such step", "ahead of who is not done", "two rounds ahead"],
)
def test_what_no_partner_can_have_sent_is_refused_and_changes_nothing(tick):
    node = Dissemination(0, 3)
    if tick.round == 2:
        node.done(0, 1)
    before = repr(vars(node))
    assert node.heard(tick, 5) is None
    assert repr(vars(node)) == before


def test_a_tick_of_the_next_round_waits_for_it():
    node = Dissemination(0, 2)
    assert node.done(3, 10) == [Tick(0, 0, 3, 0)]
    assert node.done(3, 11) == []
    assert node.heard(Tick(0, 0), 20) == []
    assert (node.number, node.started, node.arrived) == (1, 3, False)
    assert node.heard(Tick(0, 0), 21) == []  # once more
    node.done(5, 30)
    assert node.heard(Tick(2, 0, 0, 5), 40) == []  # round 1's own was lost
    assert (node.number, node.started) == (2, 5)
    made = node.done(5, 50)
    assert [t.round for t in made] == [2]
    assert node.number == 3


def test_the_shortest_wait_is_the_barriers_and_whose_it_is_held_up_the_others():
    one, other = Dissemination(0, 2), Dissemination(1, 2)
    (from_one,) = one.done(0, 1_000)
    (from_other,) = other.done(0, 9_000_000)
    one.heard(from_other, 5_000)  # by its own clock: it waited 4,000
    other.heard(from_one, 9_000_100)  # waited 100: the slowest
    (from_one,), (from_other,) = one.done(0, 6_000), other.done(0, 9_002_000)
    assert from_one[4:] == (4_000, 0, 0, NOBODY)
    assert from_other[4:] == (100, 1, 0, NOBODY)
    one.heard(from_other, 6_100)
    other.heard(from_one, 9_002_100)
    found = [list(node.counts().values()) for node in (one, other)]
    assert found == [[2, 3_900, 0, 0], [2, 0, 1, 3_900]]


def test_waits_of_one_node_count_once():
    assert shortest(((5, 1), (7, 2)), ((5, 1), (6, 3))) == ((5, 1), (6, 3))
    assert shortest((), ((4, 0),)) == ((4, 0),)
