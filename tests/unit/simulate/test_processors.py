"""Cores are shared fairly: who has used less interrupts who has used more."""

import numpy as np

from neurocluster.simulate import loop as l
from neurocluster.simulate.costs import FREE, Costs
from neurocluster.simulate.machine import START_NS, TIMERS, Machine
from neurocluster.simulate.records import SLEEPS
from neurocluster.simulate.timers import set_timer

US = 1000


class Host:
    """One core, and processes that work once: begin, length, how far they lag, us."""

    def __init__(self, *jobs, quantum_us=3000):
        costs = Costs(quantum_ns=quantum_us * US)
        self.machine = machine = Machine([1], len(jobs), 0, costs, 0)
        self._times = np.zeros((len(jobs), TIMERS), np.int64)
        for times, (_, length, lag) in zip(self._times, jobs, strict=True):
            number = machine.add(0, FREE)
            record = machine.processes[number]
            record["times_at"], record["most_timers"] = times.ctypes.data, TIMERS
            record["odd_ns"] = length * US
            machine.threads[2 * number]["lag"] = lag * US
        machine.close_up()
        machine.loop[0]["open_clients"] = 1
        for number, (begin, _, _) in enumerate(jobs):
            at = START_NS + begin * US
            set_timer(machine.loop[0], machine.processes[number], at)

    def run(self):
        """Let all be done; return when each was, and how long it waited, us."""
        machine = self.machine
        while machine.loop[0]["heap_count"]:
            assert int(l.run(machine.loop.ctypes.data, 1)) == l.MORE
        threads = machine.threads[::2]
        assert (threads["state"] == SLEEPS).all()
        assert machine.hosts[0]["busy"] == machine.hosts[0]["queue_count"] == 0
        ends = (threads["since"] - START_NS) // US
        return ends.tolist(), (threads["processor_ns"] // US).tolist()


def test_who_has_used_less_interrupts_at_once_and_the_rest_is_done_later():
    host = Host((0, 1000, 0), (100, 10, 50))
    assert host.run() == ([1010, 110], [10, 0])
    assert host.machine.threads["cpu_ns"][::2].tolist() == [1000 * US, 10 * US]


def test_who_has_used_as_much_waits_for_the_end_of_a_step():
    assert Host((0, 1000, 0), (100, 10, 0)).run() == ([1000, 1010], [0, 900])


def test_a_step_is_interrupted_often_and_no_work_is_lost():
    jobs = [(0, 1000, 0), *((50 * k, 10, 500) for k in range(1, 20))]
    host = Host(*jobs)
    ends, waits = host.run()
    assert max(ends) == 1000 + 190
    assert waits[0] >= 80
    assert host.machine.threads["cpu_ns"].sum() == 1190 * US


def test_credit_is_for_a_slice_at_most():
    """With credit for all that it lagged, the second would not be interrupted."""
    jobs = (0, 1000, 0), (500, 400, 5000), (600, 10, 200)
    ends, _ = Host(*jobs, quantum_us=100).run()
    assert ends[2] == 610
