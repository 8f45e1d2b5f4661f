"""Where two settings are equal: found between points, bounded by the intervals."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.report.breakeven import break_evens, headline
from neurocluster.report.experiment import Point, read_experiment
from neurocluster.report.scale import Scale
from tests.support.experiments import make_experiment
from tests.support.runs import write_lines


def points(rows):
    return [Point({"x": x}, m, low, high, 5) for x, m, low, high in rows]


def test_it_is_interpolated_and_bounded_where_intervals_pass():
    rows = [(0, 1.4, 1.3, 1.5), (10, 1.2, 1.1, 1.3), (20, 0.8, 0.7, 0.9)]
    (found,) = break_evens(Scale([0, 10, 20]), "x", points(rows))
    assert found.value == pytest.approx(15)
    assert (found.low, found.high) == pytest.approx((12.5, 17.5))


def test_a_side_on_which_the_interval_holds_1_to_the_end_is_open():
    rows = [(0, 1.1, 0.9, 1.3), (10, 0.9, 0.7, 0.95)]
    (found,) = break_evens(Scale([0, 10]), "x", points(rows))
    assert found.low is None
    assert found.value == pytest.approx(5)
    assert found.high == pytest.approx(10 * 0.3 / 0.35)


def test_decades_are_interpolated_by_their_logarithm():
    rows = [(1, 1.5, 1.5, 1.5), (100, 0.5, 0.5, 0.5)]
    (found,) = break_evens(Scale([1, 100]), "x", points(rows))
    assert found.value == pytest.approx(10)


ratios = st.lists(st.floats(0.2, 3), min_size=2, max_size=8)


@given(ratios, st.floats(0, 0.5))
def test_each_pass_of_the_median_is_found_once_within_its_bounds(medians, half):
    rows = [(k, m, m - half * m, m + half * m) for k, m in enumerate(medians)]
    found = break_evens(Scale(list(range(len(rows)))), "x", points(rows))
    sides = [m < 1 for m in medians]
    assert len(found) == sum(a != b for a, b in pairwise(sides))
    for one in found:
        k = min(int(one.value), len(rows) - 2)
        low, high = sorted((medians[k], medians[k + 1]))
        assert low <= 1 + 1e-9
        assert high >= 1 - 1e-9
        assert one.low is None or one.low <= one.value + 1e-9
        assert one.high is None or one.high >= one.value - 1e-9


@given(st.lists(st.sampled_from([0, 1, 30, 1000, 50_000]), min_size=2, unique=True))
def test_a_place_is_turned_back_into_its_value(values):
    scale = Scale(sorted(values))
    for value in values:
        assert scale.value(scale.place(value)) == pytest.approx(value)


def rewritten(path, ratio):
    """Give the ratios of an experiment other values, and tables all their columns."""
    e = read_experiment(path)
    lines = []
    for quantity, found in e.points.items():
        for p in found:
            middle = p.median
            if quantity == "frames_per_second_ratio":
                middle = ratio(p.settings)
            lines.append(
                {"cell": 1, **p.settings, "workers": 4, "cores": 2,
                 "oversubscribed": "true", "quantity": quantity, "n": 5,
                 "median": middle, "mean": 1.01 * middle, "low": 0.95 * middle,
                 "high": 1.05 * middle}
            )  # fmt: skip
    write_lines(path / "cells.csv", lines)
    return read_experiment(path)


def test_the_headline_says_it_of_each_line(tmp_path):
    path = make_experiment(tmp_path / "e")
    by_delay = {0: 1.3, 100: 1.2, 1000: 0.8, 10000: 0.4}
    e = rewritten(
        path, lambda s: by_delay[s["delay_us"]] if s["clock"] == "step" else 0.9
    )
    assert e.settings == ["delay_us", "clock"], "figures of cells are no settings"
    assert headline(e) == (
        "Break-even with clock none, in frames a second: pipeline: none from delay 0 "
        "to 10,000 us, it is slower at all 4 points; step: at delay 316 us "
        "(234 to 416)"
    )
    assert headline(read_experiment(make_experiment(
        tmp_path / "f", {"delay_us": (0, 1)}, asked=""))) == ""  # fmt: skip


def test_an_axis_of_workers_stands_for_the_cases(tmp_path):
    asked = """
[[case]]
name = "chain"
[[case]]
name = "cut"
split = { conv1 = "rows:4" }
[report]
x = "workers"
lines = "case"
"""
    path = make_experiment(tmp_path / "e", {"case": ("chain", "cut")}, asked=asked)
    lines = [
        {"cell": k, "case": case, "split": split, "workers": workers, "cores": 2,
         "oversubscribed": "true", "quantity": "frames_per_second", "n": 5,
         "median": 100.0 * workers, "mean": 1.0, "low": 1.0, "high": 1000.0}
        for k, (case, split, workers) in enumerate(
            (("chain", "", 4), ("cut", "conv1=rows:4", 7))
        )
    ]  # fmt: skip
    write_lines(path / "cells.csv", lines)
    e = read_experiment(path)
    assert (e.x, e.lines, e.others) == ("workers", None, [])
    assert [p.median for p in e.points["frames_per_second"]] == [400, 700]
