"""Neighbours stay within a round of each other, and never wait for anybody else."""

from hypothesis import given
from hypothesis import strategies as st

from neurocluster.controller.neighbours import LocalBarrier, neighbours_of

DEPTHS = {"client": 0, "a.0": 1, "b.0": 2, "c.0": 3, "d.0": 4}
CHAIN = [
    ("client", "a.0"), ("a.0", "b.0"), ("b.0", "c.0"), ("c.0", "d.0"),
    ("d.0", "client"),
]  # fmt: skip
NODES = tuple(DEPTHS)


def begun():
    barrier = LocalBarrier(CHAIN, DEPTHS)
    barrier.begin(NODES)
    return barrier


def test_neighbours_are_both_ends_of_a_link():
    assert set(neighbours_of(CHAIN)["client"]) == {"a.0", "d.0"}
    assert set(neighbours_of([("a", "b"), ("a", "b")])["a"]) == {"b"}


def test_a_round_opens_without_those_that_are_far():
    barrier = begun()
    assert not barrier.done("a.0", 0, 0, 10)
    assert not barrier.done("b.0", 0, 0, 20)
    assert barrier.done("client", 0, 1, 50)  # c and d have not done theirs
    assert barrier.opened == ("a.0",)
    assert barrier.told("a.0") == (1, 1)
    assert barrier.missed_by("a.0", 0)
    assert not barrier.missed_by("b.0", 0)
    assert not barrier.done("a.0", 1, 0, 60)  # neither the client nor b go on yet
    assert barrier.done("c.0", 0, 0, 70)
    assert barrier.opened == ("b.0",)
    assert barrier.told("b.0") == (1, 0)
    assert barrier.done("d.0", 0, 0, 80)
    assert set(barrier.opened) == {"d.0", "c.0", "client"}
    waits = {row[0]: row[1:] for row in barrier.tables()["nodes"]}
    assert waits["a.0"] == [40, 0, 0]
    assert waits["b.0"] == [50, 0, 0]


@given(st.lists(st.sampled_from(NODES), max_size=300))
def test_any_order_of_work(turns):
    barrier, rounds, done = begun(), dict.fromkeys(NODES, 0), dict.fromkeys(NODES, -1)
    started, limits = {-1: 0}, dict.fromkeys(NODES, 0)
    for now, node in enumerate(turns):
        number = rounds[node]
        if node == "client":
            started.setdefault(number, started[number - 1] + now % 2)
        barrier.done(node, number, started.get(number, 0), now)
        done[node] = number
        for other in barrier.opened:
            near = neighbours_of(CHAIN)[other]
            assert all(done[n] >= rounds[other] for n in (other, *near))
            rounds[other] += 1
            told, steps = barrier.told(other)
            assert told == rounds[other]
            if other != "client":
                # What was started depth rounds ago; one step more at most.
                assert steps == started.get(told - DEPTHS[other], 0)
                assert 0 <= steps - limits[other] <= 1
                limits[other] = steps
        assert all(abs(rounds[a] - rounds[b]) <= 1 for a, b in CHAIN)
    assert any(
        all(done[n] >= rounds[m] for n in (m, *neighbours_of(CHAIN)[m])) is False
        for m in NODES
    )
