"""A simulated timer wakes at the time that was set last, and only then."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.simulate import loop as l
from neurocluster.simulate.costs import FREE, Costs
from neurocluster.simulate.machine import START_NS, TIMERS, Machine
from neurocluster.simulate.timers import set_timer


class Timed:
    """One process that has nothing to do but to wake up."""

    def __init__(self):
        self.machine = Machine([1], 1, 0, Costs(), 0)
        self.machine.add(0, FREE)
        record = self.machine.processes[0]
        self._times = np.zeros(TIMERS, np.int64)
        record["times_at"], record["most_timers"] = self._times.ctypes.data, TIMERS
        self.machine.close_up()
        self.machine.loop[0]["open_clients"] = 1
        self.woken = []

    def set(self, due):
        at = START_NS + due if due else 0
        set_timer(self.machine.loop[0], self.machine.processes[0], at)

    def until(self, time):
        """Let all events up to a time happen."""
        heap = self.machine._kept[-1]
        while self.machine.loop[0]["heap_count"] and heap[0, 0] <= START_NS + time:
            wakes = int(self.machine.threads[0]["wakes"])
            assert int(l.run(self.machine.loop.ctypes.data, 1)) == l.MORE
            if self.machine.threads[0]["wakes"] > wakes:
                self.woken.append(self.machine.now - START_NS)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 60)), max_size=60))
def test_the_time_that_was_set_last_counts(changes):
    timed, now, due, expected = Timed(), 0, 0, []
    for wait, later in changes:
        now += wait
        timed.until(now)
        if due and due <= now:
            expected.append(due)
        due = now + later if later else 0
        timed.set(due)
    timed.until(now + 1000)
    assert timed.woken == expected + ([due] if due else [])


def test_ever_earlier_times_and_one_that_is_later_again():
    timed = Timed()
    for due in (100, 50, 80):
        timed.set(due)
    timed.until(1000)
    assert timed.woken == [80]
