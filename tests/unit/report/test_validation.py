"""Predictions beside measurements: what agrees, what is said, what is drawn."""

import pytest

from neurocluster.errors import DataError
from neurocluster.report.figure import saved, styled
from neurocluster.report.make import make_report, write_report
from neurocluster.report.validation import against, is_validation, read_validation
from tests.support.runs import write_lines


def line(cell, quantity, measured, predicted, *, judged=True):
    return {
        "cell": cell, "quantity": quantity, "measured": measured,
        "measured_low": 0.9 * measured, "measured_high": 1.1 * measured,
        "predicted": predicted, "runs": 3, "error": 0, "judged": judged,
    }  # fmt: skip


LINES = [
    line("a", "frames_per_second", 1000, 1140),
    line("a", "waiting", 0.02, 0.16),  # seven times as much, within 15 points
    line("a", "latency_p99_us", 5000, 50_000, judged=False),
    line("b", "frames_per_second", 4000, 3300),
    line("b", "waiting", 0.9, 0.9),
    line("b", "latency_p99_us", 900, 900, judged=False),
]


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "validation"
    path.mkdir()
    write_lines(path / "comparison.csv", LINES)
    return path


def test_what_is_judged_decides(folder):
    assert is_validation(folder)
    report = make_report([folder], folder / "out", lambda _: None)
    assert "1 of 2 cells agree in all judged quantities within 15 % (50 %)." in (
        report.html
    )
    assert "Misses: 1 of 4 figures" in report.html
    assert ">-18 %<" in report.html
    (drawn,) = report.drawn
    assert drawn.sentence.startswith(
        "Within 15 % (grey): frames a second 1 of 2; share of time waiting 2 of 2; "
        "latency, p99 1 of 2 (not judged)."
    )
    assert write_report(report, folder / "out").exists()
    assert (folder / "out" / "figures" / "predicted.svg").exists()


def test_each_quantity_has_a_panel(folder):
    drawn = against(read_validation(folder), folder, "p")
    with styled("p"):
        text = saved(drawn.figure, "svg").decode()
    for shown in ("frames a second", "share of time waiting", "measured", "predicted"):
        assert f">{shown}<" in text


def test_a_damaged_table_is_named(folder):
    write_lines(folder / "comparison.csv", [LINES[0] | {"predicted": None}])
    with pytest.raises(DataError, match="cell a: a number is missing"):
        read_validation(folder)
    write_lines(folder / "comparison.csv", [{"cell": "a", "quantity": "x"}])
    with pytest.raises(DataError, match="has no values of measured"):
        read_validation(folder)


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_what_is_no_number_is_named(folder, value):
    write_lines(folder / "comparison.csv", [LINES[0] | {"measured_low": value}])
    with pytest.raises(DataError, match="cell a: a number is missing"):
        read_validation(folder)


def test_a_quantity_that_is_zero_everywhere_is_drawn(folder):
    lines = [line(cell, "packets", 0, predicted) for cell, predicted in
             (("a", 0), ("b", 3))]  # fmt: skip
    write_lines(folder / "comparison.csv", lines)
    found = read_validation(folder)
    assert [one.good for one in found] == [True, False]
    with styled("p"):
        assert saved(against(found, folder, "p").figure, "svg")
