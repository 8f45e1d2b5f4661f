"""A worker that is made slow sleeps for as long as it should, in all."""

import numpy as np
import pytest

from neurocluster.impairments import WorkerImpairment
from neurocluster.transport.hindrance import Hindrance
from neurocluster.transport.pace import LEAST_NS, owe, sleeps

US = 1_000


class Worker:
    """Works by a clock of the test; timers are late by a time."""

    def __init__(self, late_ns=0, **fields):
        self._made = Hindrance([], [], WorkerImpairment(**fields), (1,))
        self.pace = self._made.pace[0]
        self.now, self.asleep, self._late_ns = 10**12, 0, late_ns

    def work(self, spent_ns, frames=0):
        self.now += spent_ns
        if owe(self.pace, spent_ns, frames, self.now):
            begin = self.now
            while sleeps(self.pace, self.now):
                self.now = int(self.pace["resume_ns"]) + self._late_ns
            self.asleep += self.now - begin


@pytest.mark.parametrize("late_ns", [0, 60_000])
@pytest.mark.parametrize("spent_ns", [3_000, 40_000, 700_000])
def test_a_factor_is_kept_however_late_timers_are(spent_ns, late_ns):
    worker = Worker(late_ns, slow=4)
    for _ in range(500):
        worker.work(spent_ns)
    assert worker.asleep == pytest.approx(3 * 500 * spent_ns, abs=LEAST_NS + late_ns)


@pytest.mark.parametrize("cv", [0.0, 0.5, 2.0])
def test_service_times_have_mean_and_variation(cv):
    worker = Worker(service_us=1000, service_cv=cv)
    times = []
    for _ in range(20_000):
        before = worker.asleep
        worker.work(1, frames=1)
        times.append(worker.asleep - before)
    assert np.mean(times) == pytest.approx(1000 * US, rel=0.06)
    assert np.std(times) / np.mean(times) == pytest.approx(cv, rel=0.15, abs=0.01)


def test_a_frame_that_is_not_closed_costs_nothing():
    worker = Worker(service_us=1000)
    worker.work(5_000, frames=0)
    assert worker.asleep == 0
    worker.work(5_000, frames=2)
    assert worker.asleep == 2000 * US


def test_pauses_come_again_and_again():
    worker = Worker(pause_us=2000, pause_every_us=10_000)
    for _ in range(1000):
        worker.work(100 * US)
    share = worker.asleep / (worker.now - 10**12)
    assert share == pytest.approx(2 / 10, rel=0.05)
