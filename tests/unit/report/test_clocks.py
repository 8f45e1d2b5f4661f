"""Times of all processes by one clock: within the errors that are told."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.dtypes import CLIENT
from neurocluster.report.clocks import APART_NS, Clocks, Seen

MS = 1_000_000
START = 10**12
CHAIN = (CLIENT, "a", "b", "c")
offsets = st.lists(st.integers(-(10**12), 10**12), min_size=3, max_size=3)
drifts = st.lists(st.integers(-100, 100), min_size=3, max_size=3)


def clock(true, offset, ppm):
    """Return what a clock shows at a true time."""
    return true + offset + (true - START) * ppm // 1_000_000


def seen(source, to, clocks, times, wrong):
    """Return what packets on a link tell of two clocks, each off by so much."""
    sent = np.array([clock(t, *clocks[source]) for t in times])
    received = np.array([clock(t + 100_000, *clocks[to]) for t in times])
    truth = np.array(
        [clock(t + 100_000, *clocks[source]) - clock(t + 100_000, *clocks[to])
         for t in times]
    )  # fmt: skip
    error = np.abs(np.array(wrong)) + 50
    return Seen(source, to, sent, received, truth + np.array(wrong), error)


@given(
    offsets=offsets, ppm=drifts, count=st.integers(2, 60),
    wrong=st.lists(st.integers(-20_000, 20_000), min_size=60, max_size=60),
)  # fmt: skip
def test_the_truth_is_within_the_errors_along_the_way(offsets, ppm, count, wrong):
    clocks = dict(zip(CHAIN[1:], zip(offsets, ppm, strict=True), strict=True))
    clocks[CLIENT] = (0, 0)
    times = [START + k * 3 * MS for k in range(count)]
    links = [
        seen(a, b, clocks, times, wrong[:count])
        for a, b in (*pairwise(CHAIN), ("c", CLIENT))
    ]
    found = Clocks(links, CLIENT)
    for name in CHAIN:
        shown = np.array([clock(t, *clocks[name]) for t in times])
        off = np.abs(found.told(name, shown) - np.array(times))
        # What clocks drift apart between two packets that are used, and rounding.
        slack = 4 + 2 * 3 * (200 * (APART_NS + 3 * MS) // 1_000_000)
        assert (off <= found.errors[name] + slack).all()
        assert (np.diff(found.told(name, shown)) > 0).all()


def test_one_clock_needs_no_step_and_unknown_ones_are_named():
    zero = (0, 0)
    times = [START + k * MS for k in range(5)]
    link = seen(CLIENT, "a", {CLIENT: zero, "a": zero}, times, [0] * 5)
    nothing = np.zeros(0, np.int64)
    silent = Seen("a", "b", *[nothing] * 4)
    found = Clocks([link, silent], CLIENT)
    assert found.told("a", np.array(times)).tolist() == times
    assert found.errors == {CLIENT: 0, "a": 50}


def test_the_way_with_the_smaller_error_is_taken():
    zero, times = (0, 0), [START, START + 1]
    clocks = {CLIENT: zero, "a": (1000, 0), "b": (7, 0)}
    links = [
        seen(CLIENT, "a", clocks, times, [9000, 9000]),
        seen(CLIENT, "b", clocks, times, [10, 10]),
        seen("b", "a", clocks, times, [10, 10]),
    ]
    found = Clocks(links, CLIENT)
    assert found.errors["a"] == 120
    assert abs(found.told("a", np.array([START + 1000])) - START).max() <= 120
