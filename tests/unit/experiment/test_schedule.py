"""Rounds: interleaved, turned, taken up anywhere; what failed comes again last."""

from hypothesis import given
from hypothesis import strategies as st

from neurocluster.experiment import schedule as s

sizes = st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(0, 99))


def play(plan, status_of=lambda _turn: s.DONE, past=()):
    """Run what is next until nothing is; return all that was run."""
    past = list(past)
    while (turn := s.next_turn(plan, past)) is not None:
        past.append(s.Past(turn, status_of(turn)))
        assert len(past) < 1000
    return past


@given(sizes)
def test_each_round_runs_every_cell_once_in_turned_order(size):
    cells, repetitions, seed = size
    plan = s.rounds(cells, repetitions, seed)
    assert [t.run for t in plan] == list(range(1, cells * repetitions + 1))
    orders = [
        [t.cell for t in plan if t.repetition == k + 1] for k in range(repetitions)
    ]
    for k, order in enumerate(orders):
        assert sorted(order) == list(range(1, cells + 1))
        first = k % cells
        assert order == orders[0][first:] + orders[0][:first]
    assert [t.repetition for t in plan] == sorted(t.repetition for t in plan)


def test_the_seed_decides_the_order():
    orders = {tuple(t.cell for t in s.rounds(6, 1, seed)) for seed in range(9)}
    assert len(orders) > 1
    assert s.rounds(6, 3, 4) == s.rounds(6, 3, 4)


@given(sizes, st.integers(0, 30))
def test_whoever_stops_and_goes_on_runs_the_same(size, stopped):
    plan = s.rounds(*size)
    whole = play(plan)
    assert [p.turn for p in whole] == plan
    assert play(plan, past=whole[:stopped]) == whole


@given(sizes, st.sets(st.tuples(st.integers(1, 5), st.integers(1, 6))), st.data())
def test_what_does_not_count_is_repeated_last_and_twice_at_most(size, bad, data):
    """Runs of some turns fail each time, of others now and then."""
    plan = s.rounds(*size)
    chance = st.sampled_from([s.DONE, s.FAILED, s.DISTURBED])

    def status_of(turn):
        never = (turn.repetition, turn.cell) in bad
        return s.FAILED if never else data.draw(chance)

    past = play(plan, status_of)
    assert [p.turn for p in past[: len(plan)]] == plan
    assert [p.turn.run for p in past] == list(range(1, len(past) + 1))
    tries = {}
    for one in past:
        key = (one.turn.repetition, one.turn.cell)
        tries.setdefault(key, []).append((one.turn.attempt, one.status))
    for found in tries.values():
        assert [attempt for attempt, _ in found] == list(range(1, len(found) + 1))
        assert all(status != s.DONE for _, status in found[:-1])
        assert found[-1][1] == s.DONE or len(found) == s.MOST_ATTEMPTS
    assert set(s.usable(past)) == {
        key for key, found in tries.items() if found[-1][1] == s.DONE
    }
    assert s.runs_left(plan, past) == []


def test_runs_that_failed_less_often_come_first():
    plan = s.rounds(2, 1, 0)
    past = play(plan, lambda _turn: s.FAILED)
    assert [(p.turn.attempt, p.turn.cell) for p in past] == [
        (k, t.cell) for k in (1, 2, 3) for t in plan
    ]


def test_time_left_goes_by_the_cells_of_the_runs_to_come():
    past = [(1, 2.0), (2, 10.0), (1, 4.0)]
    assert s.seconds_left([1, 2], past) == 13
    assert s.seconds_left([], past) == 0
    assert s.seconds_left([3], past) == 16 / 3


def test_runs_left_count_what_is_to_be_repeated():
    plan = s.rounds(3, 2, 0)
    assert s.runs_left(plan, []) == [t.cell for t in plan]
    failed = s.Past(plan[0], s.FAILED)
    assert len(s.runs_left(plan, [failed])) == 6
