"""Intervals: known answers, and laws that hold for any sample."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurocluster.experiment import statistics as s

samples = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=12)
positive = st.lists(st.floats(0.01, 1e4), min_size=1, max_size=40)


def test_one_value_is_its_own_interval():
    assert s.estimate([3.5]) == s.Estimate(1, 3.5, 3.5, 3.5, 3.5)
    assert s.estimate([]) is None


def test_five_values_reach_from_the_least_to_the_greatest():
    """Three of five draws are the least with probability 0.058, above 2.5 %."""
    found = s.estimate([5, 1, 2, 3, 4])
    assert (found.n, found.median, found.mean) == (5, 3, 3)
    assert (found.low, found.high) == (1, 5)


def test_many_values_have_the_interval_of_order_statistics():
    """For n = 101 the binomial interval of the median is from the 41st to the 61st."""
    found = s.estimate(list(range(1, 102)))
    assert found.median == 51
    assert abs(found.low - 41) <= 2
    assert abs(found.high - 61) <= 2


def test_intervals_cover_the_true_median_as_often_as_they_say():
    rng = np.random.default_rng(5)
    inside = 0
    for k in range(150):
        found = s.estimate(rng.exponential(1.0, 15).tolist(), seed=k)
        inside += found.low <= math.log(2) <= found.high
    assert 0.88 <= inside / 150 <= 1


@settings(max_examples=40, deadline=None)
@given(samples, st.integers(0, 99), st.randoms())
def test_an_interval_holds_its_median_and_knows_no_order(values, seed, random):
    found = s.estimate(values, seed)
    assert min(values) <= found.low <= found.median <= found.high <= max(values)
    other = list(values)
    random.shuffle(other)
    assert s.estimate(other, seed) == found


@settings(max_examples=30, deadline=None)
@given(positive, st.sampled_from([0.25, 2.0, 1024.0]))
def test_another_unit_changes_nothing_else(values, unit):
    found, scaled = s.estimate(values), s.estimate([unit * v for v in values])
    assert scaled.median == pytest.approx(unit * found.median)
    assert scaled.low == pytest.approx(unit * found.low)
    assert scaled.high == pytest.approx(unit * found.high)


def test_ratios_leave_out_what_has_no_partner():
    assert s.ratios([1, None, 3, 4], [2, 2, None, 0]) == [0.5]
    with pytest.raises(ValueError, match="zip"):
        s.ratios([1], [])


@given(positive)
def test_a_sample_is_once_itself(values):
    assert s.ratios(values, values) == [1.0] * len(values)


def test_samples_without_pairs():
    found = s.ratio_of_medians([10, 12, 11, 13, 9], [5, 6, 5.5, 6.5, 4.5])
    assert found.value == pytest.approx(2)
    assert found.low < 2 < found.high
    assert s.ratio_of_medians([1.0], []) is None
    assert s.ratio_of_medians([1.0, 2.0], [0.0, 1.0]) is None


def test_paired_frames_are_told_apart_where_the_samples_are_not():
    """Frames differ by far more than the runs do; pairing takes that out."""
    rng = np.random.default_rng(0)
    second = rng.lognormal(7, 1, 3000)
    first = second + rng.normal(10, 1, 3000)
    found = s.median_difference(first, second)
    assert found.low < 10 < found.high
    assert found.high - found.low < 0.3
    apart = s.median_ratio(first, second)
    assert apart.low < apart.value < apart.high


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(1, 1e4), min_size=1, max_size=50), st.integers(1, 80))
def test_equal_runs_do_not_differ(values, block):
    a = np.array(values)
    assert s.median_difference(a, a, block=block) == s.Interval(0, 0, 0)
    assert s.total_ratio(3 * a, a, block=block).value == pytest.approx(3)


def test_frames_that_wait_together_are_less_certain():
    """In a slow drift, frames drawn one by one would look far too certain."""
    rng = np.random.default_rng(1)
    drift = np.repeat(rng.normal(0, 1, 40), 50)
    nothing = np.zeros(len(drift))
    one = s.median_difference(drift, nothing)
    many = s.median_difference(drift, nothing, block=50)
    assert many.high - many.low > 2 * (one.high - one.low)


def test_a_ratio_to_nothing_is_none():
    a = np.ones(5)
    assert s.total_ratio(a, np.zeros(5)) is None
    assert s.median_ratio(np.zeros(5), np.zeros(5)) is None
