"""Hypotheses: what an interval decides, cell by cell and for all or any."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.experiment.file import experiment_of
from neurocluster.experiment.hypothesis import parse_condition
from neurocluster.experiment.outcomes import judge
from neurocluster.experiment.runs import Run, Samples
from neurocluster.experiment.schedule import DISTURBED, DONE, FAILED, Turn
from neurocluster.experiment.table import cell_columns, cell_lines

FILE = """
name = "h"
[grid]
window = [1, 4]
[[case]]
name = "slow"
[[case]]
name = "fast"
max_spikes = 8
[report]
lines = "case"
[[hypothesis]]
name = "x"
claim = "c"
refuted_if = "r"
quantity = "frames_per_second"
compare = [{ case = "fast" }, { case = "slow" }]
holds_if = "low > 1"
"""


def runs_of(figures, status=DONE):
    """Return runs of values by cell, a repetition each."""
    return [
        Run(Turn(100 * cell + k, k + 1, cell), status,
            values={"frames_per_second": value})
        for cell, values in figures.items() for k, value in enumerate(values)
    ]  # fmt: skip


def outcome(figures, replaced=("", "")):
    found = experiment_of(tomllib.loads(FILE.replace(*replaced)))
    return judge(found.hypotheses[0], found.cells, Samples(runs_of(figures)), 0)


TWICE = {1: [100, 200, 50, 75, 10], 3: [200, 400, 100, 150, 20]}
HALF = {2: [100, 200, 50, 75, 10], 4: [50, 100, 25, 37.5, 5]}
MIXED = {2: [100, 200, 50, 75, 10], 4: [50, 400, 25, 150, 5]}
SAME = {2: TWICE[3], 4: TWICE[3]}
TWICE_TOO = {2: TWICE[1], 4: TWICE[3]}


def test_pairs_are_of_a_repetition():
    """Repetitions differ by a factor of twenty; the ratio is two in each."""
    found = outcome(TWICE | TWICE_TOO)
    assert found.outcome == "holds"
    assert (found.judged[0].found.low, found.judged[0].found.high) == (2, 2)
    told = found.told()
    assert told["outcome"] == "holds"
    assert (
        "fast, window 1 / slow, window 1: 2 (2 to 2, n = 5): holds" in told["evidence"]
    )
    assert told["test"] == (
        "frames_per_second, ratio of fast to slow: low > 1 in all cells"
    )


@pytest.mark.parametrize(
    ("figures", "all_of", "any_of"),
    [
        (TWICE | TWICE_TOO, "holds", "holds"),
        (TWICE | HALF, "refuted", "holds"),
        (TWICE | MIXED, "open", "holds"),
        ({1: HALF[2], 3: HALF[4]} | HALF, "refuted", "refuted"),
        ({1: HALF[2], 3: HALF[4]} | MIXED, "refuted", "open"),
        (TWICE, "open", "holds"),
        ({}, "open", "open"),
    ],
)
def test_all_and_any(figures, all_of, any_of):
    assert outcome(figures).outcome == all_of
    found = outcome(figures, ("refuted_if", 'cells = "any"\nrefuted_if'))
    assert found.outcome == any_of


def test_few_repetitions_decide_nothing():
    few = {k: v[:4] for k, v in (TWICE | TWICE_TOO).items()}
    found = outcome(few)
    assert found.outcome == "open"
    assert "n = 4): open; fewer than 5 decide nothing" in found.told()["evidence"]


def test_equal_is_shown_by_an_interval_that_is_narrow_enough():
    narrow = ("low > 1", "within 0.9 to 1.1")
    same = {1: TWICE[3], 3: TWICE[3]} | SAME
    assert outcome(same, narrow).outcome == "holds"
    assert outcome(TWICE | SAME, narrow).outcome == "refuted"
    assert outcome(MIXED | {1: TWICE[3], 3: TWICE[3]}, narrow).outcome == "open"


@given(*[st.floats(-10, 10)] * 4)
def test_no_interval_is_judged_both_ways(a, b, c, d):
    low, high = sorted((a, b))
    above, below = parse_condition(f"low > {c}"), parse_condition(f"high < {c}")
    opposite = {"holds": "refuted", "refuted": "holds", "open": "open"}
    assert below.judge(low, high) == opposite[above.judge(low, high)]
    inside = parse_condition(f"within {min(c, d)} to {max(c, d)}").judge(low, high)
    if inside == "holds":
        assert min(c, d) <= low <= high <= max(c, d)
    contains = parse_condition(f"contains {c}").judge(low, high)
    assert (contains == "holds") == (low <= c <= high)


def test_only_runs_that_were_done_count_and_the_first_of_them():
    runs = [
        Run(Turn(1, 1, 1), FAILED, "x", values={"frames_per_second": 1}),
        Run(Turn(2, 2, 1), DISTURBED, "y", values={"frames_per_second": 2}),
        Run(Turn(3, 1, 1, 2), DONE, values={"frames_per_second": 3}),
        Run(Turn(4, 1, 1, 3), DONE, values={"frames_per_second": 4}),
    ]
    (cell, *_) = experiment_of(tomllib.loads(FILE)).cells
    assert Samples(runs).values(cell, "frames_per_second") == {1: 3}


def test_the_table_of_cells():
    found = experiment_of(tomllib.loads(FILE))
    lines = list(cell_lines(found, Samples(runs_of(TWICE | HALF)), 2))
    assert all(tuple(line) == cell_columns(found) for line in lines)
    speeds = [line for line in lines if line["quantity"] == "frames_per_second"]
    assert [line["median"] for line in speeds] == [75, 75, 150, 37.5]
    gains = [line for line in lines if line["quantity"] == "frames_per_second_ratio"]
    assert [(line["case"], line["median"]) for line in gains] == [
        ("fast", 2), ("fast", 0.5),
    ]  # fmt: skip
    assert (lines[0]["workers"], lines[0]["cores"]) == (4, 2)
    assert lines[0]["oversubscribed"] == "true"


def test_no_ratio_of_speeds_at_unequal_windows():
    text = FILE.split("[[hypothesis]]")[0].replace("[grid]\nwindow = [1, 4]\n", "")
    found = experiment_of(tomllib.loads(text.replace("max_spikes = 8", "window = 2")))
    runs = [
        Run(Turn(cell, 1, cell), DONE,
            values={"frames_per_second": 1.0, "spikes_per_neuron": 2.0})
        for cell in (1, 2)
    ]  # fmt: skip
    names = {line["quantity"] for line in cell_lines(found, Samples(runs), 2)}
    assert "spikes_per_neuron_ratio" in names
    assert "frames_per_second_ratio" not in names
