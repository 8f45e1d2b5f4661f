"""Who is started again: a few times, never after an exit that would come again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.launch.restarts import NEVER_AGAIN, Restarts


def test_three_times_in_sixty_seconds_for_each_slot():
    restarts = Restarts()
    assert [restarts.allow("a", -9, t) for t in (0, 1, 2, 3)] == [True] * 3 + [False]
    assert restarts.allow("b", -9, 3)
    assert restarts.allow("a", -9, 61)  # the first is forgotten
    assert not restarts.allow("a", -9, 61)


@pytest.mark.parametrize("code", NEVER_AGAIN)
def test_an_exit_that_would_come_again_is_final_and_uses_nothing(code):
    restarts = Restarts(most=1)
    assert not restarts.allow("a", code, 0)
    assert restarts.allow("a", 75, 0)


@given(st.lists(st.floats(0, 1000), max_size=60), st.integers(0, 5))
def test_no_minute_sees_more_than_the_limit(times, most):
    restarts = Restarts(most)
    allowed = [t for t in sorted(times) if restarts.allow("a", 1, t)]
    for k in range(len(allowed) - most):
        assert allowed[k + most] - allowed[k] > 60
