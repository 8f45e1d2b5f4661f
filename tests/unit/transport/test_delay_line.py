"""What a network would do to packets: when each arrives, and in which order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.impairments import LinkImpairment
from neurocluster.transport.delay_line import due_of
from neurocluster.transport.hindrance import FEWEST, SLOTS, Hindrance, slots_of

US = 1_000
MS = 1_000_000
BEGIN = 10**12


def line_of(seed=0, **fields):
    """Return a hindrance of one link, and its line."""
    made = Hindrance([LinkImpairment(**fields)], [128], None, (seed,))
    return made, made.lines[0]


def dues(line, count, *, every=0, size=100):
    """Return when packets that are sent one after the other arrive."""
    times = BEGIN + every * np.arange(count)
    return np.array([due_of(line, size, int(now)) for now in times]) - times


def test_a_delay_is_the_same_for_all():
    _kept, line = line_of(delay_us=100)
    assert set(dues(line, 10, every=7)) == {100 * US}


def test_a_rate_makes_packets_queue_and_a_burst_lets_some_pass():
    # 8 Mbit/s are a byte a microsecond.
    _kept, line = line_of(rate_mbit=8, burst_kib=0)
    assert dues(line, 3).tolist() == [100 * US, 200 * US, 300 * US]
    _kept, line = line_of(rate_mbit=8, burst_kib=200 / 1024, delay_us=1)
    assert dues(line, 4).tolist() == [US, US, 101 * US, 201 * US]


def test_an_idle_network_gives_its_burst_back_and_no_more():
    _kept, line = line_of(rate_mbit=8, burst_kib=200 / 1024)
    assert dues(line, 2).tolist() == [0, 0]
    assert due_of(line, 100, BEGIN + 50 * US) == BEGIN + 100 * US
    later = BEGIN + 1000 * MS
    assert [due_of(line, 100, later) - later for _ in range(3)] == [0, 0, 100 * US]


@pytest.mark.parametrize(
    ("shape", "mean", "deviation"),
    [("exponential", 1, 1), ("normal", np.sqrt(2 / np.pi), np.sqrt(1 - 2 / np.pi)),
     ("heavy", 1, None)],
)  # fmt: skip
def test_jitter_has_the_distribution_that_was_asked_for(shape, mean, deviation):
    _kept, line = line_of(jitter_us=100, jitter=shape)
    # So far apart that order holds nobody up.
    late = dues(line, 40_000, every=1000 * MS) / (100 * US)
    assert late.min() >= 0
    assert late.mean() == pytest.approx(mean, rel=0.05)
    if deviation is not None:
        assert late.std() == pytest.approx(deviation, rel=0.05)
    else:  # P(late > t) of a Lomax distribution
        far = (late > 10).mean()
        assert far == pytest.approx((1 + 10 / 1.5) ** -2.5, rel=0.25)


def test_what_is_lost_comes_later_and_is_counted():
    made, line = line_of(loss=0.25, resend_us=10)
    late = dues(line, 20_000, every=MS)
    assert set(late // (10 * US)) >= {0, 1, 2}
    assert (late > 0).mean() == pytest.approx(0.25, abs=0.02)
    assert made.counts()[0]["lost"] == late.sum() // (10 * US)


def test_a_duplicate_takes_the_network_twice():
    made, line = line_of(duplicate=1, rate_mbit=8, burst_kib=0)
    assert dues(line, 2).tolist() == [200 * US, 400 * US]
    assert made.counts()[0]["duplicated"] == 2


@given(
    st.integers(0, 2**32), st.floats(0, 1e4), st.floats(0, 1e4),
    st.sampled_from(["exponential", "normal", "heavy"]), st.floats(0, 0.9),
    st.just(0) | st.floats(0.01, 1000),
    st.lists(st.integers(0, 10**6), min_size=1, max_size=50),
)  # fmt: skip
def test_no_packet_overtakes_another_or_comes_too_early(
    seed, delay, jitter, shape, loss, rate, gaps
):
    _kept, line = line_of(
        seed, delay_us=delay, jitter_us=jitter, jitter=shape, loss=loss, rate_mbit=rate
    )
    now, last = BEGIN, 0
    for gap in gaps:
        now += gap
        due = due_of(line, 100, now)
        assert due >= last
        assert due >= now + round(delay * US)
        last = due


def test_the_same_seed_gives_the_same_times_and_another_one_others():
    made = [line_of(seed, jitter_us=10) for seed in (1, 1, 2)]
    times = [dues(line, 20, every=MS).tolist() for _kept, line in made]
    assert times[0] == times[1] != times[2]


def test_few_large_packets_or_many_small_ones_are_under_way():
    assert slots_of(128) == SLOTS
    assert slots_of(1 << 30) == FEWEST
    assert slots_of(1 << 20) == 64
