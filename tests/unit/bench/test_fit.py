"""Fits find the terms that made the times, leave out lost cores, and keep sums."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.bench.fit import fit, not_negative

TERMS = ("fixed", "spike", "synop")


def data(terms, n=2000, noise=0.0, seed=0):
    random = np.random.default_rng(seed)
    spikes = random.integers(0, 500, n).astype(float)
    counts = np.stack([np.ones(n), spikes, spikes * random.choice([5, 25], n)], 1)
    times = counts @ np.array(terms) * random.gamma(4, 1 / 4, n) ** noise
    return counts, times


@given(
    terms=st.tuples(
        st.floats(1000, 10_000), st.floats(1, 100), st.floats(0.1, 3)
    )
)  # fmt: skip
def test_terms_without_noise_are_found_exactly(terms):
    found = fit(TERMS, *data(terms))
    assert [found.cost[t] for t in TERMS] == pytest.approx(terms, rel=1e-4)
    assert found.r2 == pytest.approx(1)
    assert found.left_out == 0


def test_terms_are_found_in_noise_and_factors_have_its_spread():
    found = fit(TERMS, *data((5000, 50, 1), n=20_000, noise=1.0))
    assert [found.cost[t] for t in TERMS] == pytest.approx((5000, 50, 1), rel=0.1)
    factors = np.array(found.cost.factors)
    assert factors.std() == pytest.approx(0.5, rel=0.1)


def test_a_lost_core_is_left_out_and_told():
    counts, times = data((5000, 50, 1))
    times[::100] += 3e6
    found = fit(TERMS, counts, times)
    assert found.left_out == pytest.approx(0.01)
    assert [found.cost[t] for t in TERMS] == pytest.approx((5000, 50, 1), rel=0.01)


def test_the_sum_of_the_fitted_is_the_sum_of_the_measured():
    counts, times = data((5000, 50, 1), noise=1.0)
    found = fit(TERMS, counts, times)
    terms = np.array([found.cost[t] for t in TERMS])
    kept = (counts @ terms).sum() * (1 - found.left_out)
    assert kept == pytest.approx(times.sum(), rel=0.02)


@given(seed=st.integers(0, 1000))
def test_no_term_is_negative(seed):
    random = np.random.default_rng(seed)
    matrix, values = random.normal(size=(30, 4)), random.normal(size=30)
    assert (not_negative(matrix, values) >= 0).all()
