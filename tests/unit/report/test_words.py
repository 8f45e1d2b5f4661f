"""Numbers in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.report.words import (
    count_text,
    digits,
    listed,
    percent,
    plural,
    tick_text,
    time_text,
)

UNITS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}


@given(st.floats(1e-6, 1e15))
def test_three_digits_say_the_number_and_never_as_a_power(value):
    text = digits(value)
    assert "e" not in text
    assert float(text.replace(",", "")) == pytest.approx(value, rel=0.0051)


@given(st.floats(1, 1e13))
def test_a_time_is_said_within_half_a_percent(value):
    text, unit = time_text(value).split()
    assert float(text.replace(",", "")) * UNITS[unit] == pytest.approx(value, rel=0.006)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"), (float("nan"), "-"), (0, "0"), (120, "120 ns"),
        (999_600, "1.00 ms"), (1_234_567, "1.23 ms"), (-2_500, "-2.50 us"),
        (61e9, "61.0 s"),
    ],
)  # fmt: skip
def test_times(value, text):
    assert time_text(value) == text


def test_fewer_digits_and_ticks():
    assert time_text(151, 2) == "150 ns"
    assert tick_text(5e6) == "5 ms"
    assert tick_text(5e8) == "500 ms"


def test_counts_shares_and_lists():
    assert [count_text(v) for v in (7, 940, 12_345, 1_800_000, 0.25, None)] == [
        "7", "940", "12.3 k", "1.80 M", "0.250", "-",
    ]  # fmt: skip
    assert percent(0.5, 0) == "50 %"
    assert percent(None) == "-"
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a", "b", "c"], 1) == "a and 2 more"
    assert plural(1, "process", "processes") == "1 process"
    assert plural(2000, "frame") == "2,000 frames"
