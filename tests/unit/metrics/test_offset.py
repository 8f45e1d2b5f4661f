"""The bound of another clock's offset: it holds, it is tight, it notices a jump."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.metrics.offset import DRIFT_PPM, KEPT_NS, Bound, Offset, Probe

MS = 1_000_000
START = 10**12


class Clocks:
    """Two clocks: ours is true, the other has an offset that drifts."""

    def __init__(self, offset, ppm):
        self.offset, self.ppm = offset, ppm

    def ahead(self, time_ns):
        """Return the other clock minus ours."""
        return self.offset + (time_ns - START) * self.ppm // 1_000_000

    def other(self, time_ns):
        return time_ns + self.ahead(time_ns)

    def probe(self, sent, there, held, back):
        heard = sent + there
        answered = heard + held
        return Probe(sent, self.other(heard), self.other(answered), answered + back)


delays = st.integers(0, 5 * MS)
some = st.integers(2000, 5 * MS)  # more than clocks drift while one is held


@given(
    offset=st.integers(-(10**15), 10**15), ppm=st.integers(-DRIFT_PPM, DRIFT_PPM),
    probes=st.lists(
        st.tuples(some, delays, delays, st.integers(0, 10**9)), min_size=1
    ),
    later=st.integers(0, 2 * KEPT_NS),
)  # fmt: skip
def test_the_truth_lies_within_whatever_the_asymmetry(offset, ppm, probes, later):
    clocks, estimate, now = Clocks(offset, ppm), Offset(), START
    for there, held, back, pause in probes:
        now += pause
        estimate.add(clocks.probe(now, there, held, back))
        now += there + held + back
        bound = estimate.at(now)
        # An ns each way: stamps are whole.
        assert bound.low - 2 <= clocks.ahead(now) <= bound.high + 2
    bound = estimate.at(now + later)
    assert bound.low - 2 <= clocks.ahead(now + later) <= bound.high + 2
    assert estimate.jumps == 0
    assert estimate.probes == len(probes)
    assert estimate.best == min(p[0] + p[2] for p in probes) or ppm


@given(st.integers(0, 5 * MS), st.integers(0, 5 * MS), st.integers(0, 5 * MS))
def test_one_probe_bounds_by_half_its_round_trip(there, held, back):
    estimate = Offset(drift_ppm=0)
    probe = Clocks(77, 0).probe(START, there, held, back)
    estimate.add(probe)
    bound = estimate.at(probe.back)
    assert bound == Bound(77 - back, 77 + there)
    assert probe.round_trip == there + back
    assert bound.error == (there + back + 1) // 2


def test_the_shortest_way_of_each_direction_counts():
    estimate, clocks = Offset(drift_ppm=0), Clocks(1000, 0)
    estimate.add(clocks.probe(START, 10, 0, 900))
    estimate.add(clocks.probe(START + 10_000, 800, 0, 20))
    assert estimate.at(START + 20_000) == Bound(1000 - 20, 1000 + 10)


def test_a_bound_widens_by_the_drift_and_a_new_probe_narrows_it():
    estimate, clocks = Offset(drift_ppm=100), Clocks(0, 0)
    estimate.add(clocks.probe(START, 50_000, 0, 50_000))
    at_once = estimate.at(START + 100_000)
    assert at_once.error <= 50_000 + 10
    later = estimate.at(START + 10**9)
    assert later.error == pytest.approx(50_000 + 100_000, abs=20)
    estimate.add(clocks.probe(START + 10**9, 60_000, 0, 60_000))
    assert estimate.at(START + 10**9 + 120_000).error <= 60_000 + 20


def test_a_bound_stays_tight_until_drift_has_widened_it():
    """Half of 100 us and 35 % more: 17.5 us of drift at 200 ppm."""
    estimate, clocks = Offset(), Clocks(0, 0)
    assert estimate.tight_ns(START) == 0
    assert not estimate.is_good(START)
    first = clocks.probe(START, 50_000, 0, 50_000)
    estimate.add(first)
    tight = estimate.tight_ns(first.back)
    assert tight == pytest.approx(87.5 * MS, rel=0.01)
    assert estimate.at(first.back + tight).error == pytest.approx(67_500, abs=20)
    assert estimate.is_good(first.back + 49 * MS)  # 10 us more
    assert not estimate.is_good(first.back + 51 * MS)
    assert estimate.tight_ns(first.back + 2 * tight) == 0
    later = first.back + 2 * tight
    estimate.add(clocks.probe(later, 150_000, 0, 60_000))
    assert estimate.tight_ns(later + 210_000) == 0


def test_what_is_older_than_a_minute_is_forgotten():
    estimate, clocks = Offset(drift_ppm=0), Clocks(0, 0)
    estimate.add(clocks.probe(START, 1, 0, 1))
    estimate.add(clocks.probe(START + KEPT_NS, 100, 0, 100))
    assert estimate.at(START + KEPT_NS + 200).error == 100


@pytest.mark.parametrize("jump", [-(10**9), 10**9])
def test_a_clock_that_jumps_is_noticed_and_followed(jump):
    estimate = Offset()
    estimate.add(Clocks(0, 0).probe(START, 1000, 0, 1000))
    moved = Clocks(jump, 0)
    estimate.add(moved.probe(START + 50 * MS, 1000, 0, 1000))
    assert estimate.jumps == 1
    estimate.add(moved.probe(START + 100 * MS, 1000, 0, 1000))
    assert estimate.jumps == 1
    bound = estimate.at(START + 100 * MS + 2000)
    assert bound.low <= jump <= bound.high


def test_more_drift_than_allowed_is_noticed():
    estimate, clocks = Offset(drift_ppm=20), Clocks(0, 50)
    for k in range(200):
        estimate.add(clocks.probe(START + 50 * MS * k, 20_000, 0, 20_000))
    assert estimate.jumps > 0


def test_before_the_first_answer_nothing_is_known():
    assert Offset().at(START) is None


@pytest.mark.parametrize(
    "probe", [Probe(10, 5, 4, 20), Probe(10, 0, 50, 20)], ids=["backwards", "too long"]
)
def test_stamps_that_contradict_each_other_are_no_answer(probe):
    estimate = Offset()
    estimate.add(probe)
    assert estimate.at(20) is None
