"""What was waited for a processor is told apart, and nothing is lost by that."""

import threading
import time

from hypothesis import given
from hypothesis import strategies as st

from neurocluster.member.processor import Ran, thread_ran, told_apart

times = st.integers(0, 10**12)


def test_of_turns_what_they_lasted_longer_than_the_thread_ran():
    found = told_apart(100, {"a": 50, "b": 0}, [5, 0], Ran(70, 30))
    assert found == {"turn_ns": 70, "a": 50, "b": 0, "wait_cpu_ns": 30}


def test_the_rest_was_before_turns_by_their_number():
    found = told_apart(100, {"a": 90, "b": 50}, [3, 1], Ran(100, 40))
    assert found == {"turn_ns": 100, "a": 60, "b": 40, "wait_cpu_ns": 40}


def test_no_wait_becomes_less_than_nothing():
    found = told_apart(10, {"a": 5, "b": 900}, [9, 1], Ran(10, 100))
    assert found == {"turn_ns": 10, "a": 0, "b": 890, "wait_cpu_ns": 15}


@given(
    times, st.lists(st.tuples(times, st.integers(0, 10**6)), max_size=5), times, times
)
def test_the_sum_stays_and_nothing_is_negative(turn_ns, waits, cpu, delay):
    named = {str(k): ns for k, (ns, _) in enumerate(waits)}
    found = told_apart(turn_ns, named, [n for _, n in waits], Ran(cpu, delay))
    assert sum(found.values()) == turn_ns + sum(named.values())
    assert min(found.values()) >= 0
    assert found["wait_cpu_ns"] <= delay


def test_the_kernel_counts_this_thread_and_no_other():
    begin = thread_ran()
    if begin is None:
        return  # this kernel does not count
    busy = threading.Thread(target=lambda: sum(range(3_000_000)))
    busy.start()
    busy.join()
    middle = thread_ran()
    end = time.thread_time_ns() + 30_000_000
    while time.thread_time_ns() < end:
        pass
    after = thread_ran()
    assert after.cpu_ns - middle.cpu_ns >= 20_000_000
    assert middle.cpu_ns - begin.cpu_ns < 20_000_000
