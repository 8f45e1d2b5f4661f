"""Histograms: every value has its bin, and percentiles are within 1.6 %."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.metrics.histogram import BINS, lower_edges, percentile, record

ERROR = 0.016
LAST = int(lower_edges()[-1])
durations = st.integers(0, 44).flatmap(lambda bits: st.integers(0, 2**bits)).filter(
    lambda value: value < LAST
)  # fmt: skip


def histogram_of(values):
    bins = np.zeros(BINS, np.uint32)
    for value in values:
        record(bins.ctypes.data, value)
    return bins


def bin_of(value):
    (found,) = np.flatnonzero(histogram_of([value]))
    return int(found)


@given(durations)
def test_a_value_lies_between_the_edges_of_its_bin(value):
    edges, k = lower_edges(), bin_of(value)
    assert edges[k] <= value < edges[k + 1]


@given(durations)
def test_one_value_is_read_back_within_the_error(value):
    found = percentile(histogram_of([value]), 50)
    assert abs(found - value) <= ERROR * value


def test_edges_rise_and_small_values_are_exact():
    edges = lower_edges()
    assert (np.diff(edges) > 0).all()
    assert edges[:65].tolist() == list(range(65))
    for value in range(64):
        assert percentile(histogram_of([value]), 100) == value
    width = np.diff(edges)[64:] / edges[64:-1]
    assert width.max() <= 2 * ERROR


@given(st.lists(durations, min_size=1, max_size=60), st.integers(0, 100))
def test_percentiles_agree_with_numpy(values, percent):
    exact = np.percentile(values, percent, method="inverted_cdf")
    found = percentile(histogram_of(values), percent)
    assert abs(found - exact) <= ERROR * exact


@pytest.mark.parametrize("value", [-1, -(2**62), 0])
def test_what_is_below_zero_counts_as_zero(value):
    assert bin_of(value) == 0


@pytest.mark.parametrize("value", [LAST, LAST + 1, 10**14, 2**63 - 1])
def test_what_is_above_the_range_stays_in_the_last_bin(value):
    assert bin_of(value) == BINS - 1
    assert percentile(histogram_of([value]), 50) == LAST
    assert LAST > 4.8 * 3600 * 10**9


def test_an_empty_histogram_has_no_percentile():
    assert percentile(histogram_of([]), 50) is None


def test_counts_above_32_bits_in_sum_are_summed_right():
    bins = np.zeros(BINS, np.uint32)
    bins[[3, 7]] = 2**32 - 1, 2**32 - 2
    assert percentile(bins, 50) == 3
    assert percentile(bins, 50.1) == 7
