"""An experiment's file: crossed, and refused before the first run, naming the table."""

import tomllib
from pathlib import Path

import pytest

from neurocluster.errors import ConfigError, PartitionError
from neurocluster.experiment.cells import shown
from neurocluster.experiment.file import experiment_of, read_experiment

ROOT = Path(__file__).parents[3]
EXAMPLE = """
name = "windows"
repetitions = 5
warm_up_frames = 200
frames = 2000
[settings]
threshold = 0.7
[grid]
window = [1, 4, 16]
[[case]]
name = "chain"
[[case]]
name = "cut"
split = { conv1 = "rows:2" }
[report]
x = "window"
lines = "case"
[[hypothesis]]
name = "gain"
claim = "two workers are faster than one"
refuted_if = "they are not"
quantity = "frames_per_second"
compare = [{ case = "cut" }, { case = "chain" }]
where = { window = [4, 16] }
holds_if = "low > 1"
"""


def read(text):
    return experiment_of(tomllib.loads(text))


def test_the_example():
    found = read(EXAMPLE)
    assert [cell.label for cell in found.cells] == [
        "chain, window 1", "chain, window 4", "chain, window 16",
        "cut, window 1", "cut, window 4", "cut, window 16",
    ]  # fmt: skip
    assert [cell.workers for cell in found.cells] == [4, 4, 4, 5, 5, 5]
    assert {cell.config.threshold for cell in found.cells} == {(0.7,)}
    assert {cell.config.frames for cell in found.cells} == {2000}
    assert not any(cell.config.compare for cell in found.cells)
    assert found.columns == ("case", "window", "split")
    assert [shown(c.value("split")) for c in found.cells[2:4]] == ["", "conv1=rows:2"]
    (gain,) = found.hypotheses
    pairs = [(a.label, b.label) for a, b in gain.pairs(found.cells)]
    assert pairs == [
        ("cut, window 4", "chain, window 4"), ("cut, window 16", "chain, window 16"),
    ]  # fmt: skip


def test_what_is_left_out():
    found = read('name = "one"')
    assert [cell.label for cell in found.cells] == ["the only cell"]
    assert (found.repetitions, found.warm_up, found.frames) == (5, 0, None)
    assert (found.report.x, found.report.lines) == ("workers", "")


def test_any_setting_may_be_in_the_grid():
    text = """
    name = "g"
    [grid]
    threshold = [0.5, [0.7, 0.7, 0.7, 0.7]]
    split = [{}, { conv1 = "rows:2" }]
    pin = [false, true]
    """
    found = read(text)
    assert len(found.cells) == 8
    assert found.cells[0].label == "threshold 0.5, split , pin false"
    assert found.cells[7].config.threshold == (0.7,) * 4
    assert shown(found.cells[7].value("threshold")) == "0.7,0.7,0.7,0.7"


def test_settings_of_a_case_win_over_those_of_all():
    text = """
    name = "g"
    settings = { window = 2 }
    case = [{ name = "a" }, { name = "b", window = 8 }]
    """
    assert [cell.config.window for cell in read(text).cells] == [2, 8]


HYPOTHESIS = """
name = "h"
[grid]
window = [1, 4]
[[case]]
name = "a"
[[case]]
name = "b"
max_spikes = 8
[[hypothesis]]
name = "x"
claim = "c"
refuted_if = "r"
quantity = "frames_per_second"
compare = [{ case = "a" }, { case = "b" }]
holds_if = "low > 1"
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "top: name: None must be a plain word"),
        ('name = "x"\nrepetition = 3', "top: unknown key 'repetition'; did you mean"),
        ('name = "x"\nwindow = 3', "'window' is a setting; write it in [settings]"),
        ('name = "x"\nrepetitions = 0', "repetitions: 0 must be a number from 1"),
        ('name = "x"\nframes = "3"', "frames: '3' must be a number from 2"),
        ('name = "x"\nframes = 9\nwarm_up_frames = 8', "8 of 9 leave fewer than 2"),
        ('name = "x"\nseed = -1', "seed: -1 must be a number from 0"),
        ('name = "x"\nkeep_frames = 1', "keep_frames: 1 is neither true nor false"),
        ('name = "x"\nsettings = 3', "settings must be a table: [settings]"),
        ('name = "x"\ncase = {}', "case must be tables: [[case]]"),
        ('name = "x"\n[settings]\nwindw = 3', "[settings]: unknown key 'windw'; did"),
        ('name = "x"\n[grid]\nwindw = [3]', "[grid]: unknown key 'windw'; did you"),
        ('name = "x"\n[grid]\nwindow = 3', "[grid]: window: 3 is no list of values"),
        ('name = "x"\n[grid]\nwindow = []', "[grid]: window: [] is no list of values"),
        ('name = "x"\n[grid]\nwindow = [0]', "[grid]: window: 0 must be from 1"),
        ('name = "x"\n[grid]\nwindow = [4, 4]', "[grid]: window: 4 is there twice"),
        ('name = "x"\n[grid]\nout = ["a"]', "[grid]: out is not set here; results go"),
        ('name = "x"\n[settings]\nframes = 3', "frames is not set here; write it at"),
        (
            'name = "x"\nsettings = { window = 2 }\ngrid = { window = [1] }',
            "[grid]: window is also in [settings] or a [[case]]; leave one",
        ),
        ('name = "x"\n[[case]]\nwindow = 3', "[[case]] 1: it needs a name"),
        ('name = "x"\ncase = [{name = "a"}, {name = "a"}]', "'a' is there twice"),
        ('name = "x"\ncase = [{name = "a", fire = "x"}]', "[[case]] a: fire: 'x' is"),
        ('name = "x"\n[report]\nx = "window"', "[report]: x: 'window' is none of what"),
        ('name = "x"\n[report]\ny = "window"', "[report]: unknown key 'y'"),
        (
            HYPOTHESIS.replace("claim", "clam"),
            "[[hypothesis]] x: its table: unknown key 'clam'; did you mean 'claim'?",
        ),
        (HYPOTHESIS.replace('"r"', '""'), "refuted_if: it must be there, as text; it"),
        (HYPOTHESIS.replace("_second", "_secund"), "did you mean 'frames_per_second'?"),
        (HYPOTHESIS.replace("low > 1", "low = 1"), "'low = 1' is no condition; write"),
        (HYPOTHESIS.replace("low > 1", "within 2 to 1"), "first number must be"),
        (HYPOTHESIS.replace('case = "b"', 'case = "c"'), "a, window 1 has 0 partners"),
        (HYPOTHESIS.replace('case = "a"', 'case = "d"'), "no cell is chosen"),
        (HYPOTHESIS.replace('case = "b"', 'case = "a"'), "is on both sides"),
        (HYPOTHESIS.replace('{ case = "b" }', "{}"), "compare: a side is empty"),
        (HYPOTHESIS.replace('{ case = "b" }', "{ windw = 1 }"), "did you mean 'wind"),
        (HYPOTHESIS + 'cells = "some"', "cells: 'some' is neither 'all' nor 'any'"),
        (
            HYPOTHESIS.replace("[grid]\nwindow = [1, 4]", "").replace(
                "max_spikes = 8", "window = 8"
            ),
            "a has window 16, b has 8; speeds are compared at the same window",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(text, words):
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert words in str(caught.value)


def test_a_comparison_of_windows_may_compare_windows():
    text = HYPOTHESIS.replace(
        '[{ case = "a" }, { case = "b" }]', "[{ window = 4 }, { window = 1 }]"
    )
    assert len(list(read(text).hypotheses[0].pairs(read(text).cells))) == 2


def test_sides_may_be_named_by_what_a_case_sets():
    text = HYPOTHESIS.replace(
        '[{ case = "a" }, { case = "b" }]', "[{ max_spikes = 512 }, { max_spikes = 8 }]"
    )
    found = read(text)
    pairs = [(a.label, b.label) for a, b in found.hypotheses[0].pairs(found.cells)]
    assert pairs == [("a, window 1", "b, window 1"), ("a, window 4", "b, window 4")]


def test_a_cut_that_cannot_work_is_refused():
    with pytest.raises(PartitionError, match="conv9"):
        read('name = "x"\n[grid]\nsplit = [{ conv9 = "rows:2" }]')


def test_errors_name_the_file(tmp_path):
    path = tmp_path / "e.toml"
    path.write_text('name = "x"\n[grid]\nwindw = [1]')
    with pytest.raises(ConfigError, match=rf"experiment {path}: \[grid\]: unknown key"):
        read_experiment(path)
    path.write_text("name =")
    with pytest.raises(ConfigError, match="is no TOML"):
        read_experiment(path)
    with pytest.raises(ConfigError, match="No such file"):
        read_experiment(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "path", sorted((ROOT / "configs" / "experiments").glob("*.toml")), ids=str
)
def test_shipped_experiments_load_and_state_hypotheses(path):
    found = read_experiment(path)
    assert found.name == path.stem
    assert found.repetitions >= 5
    assert found.hypotheses


def test_seeds_are_drawn_anew_in_each_repetition():
    text = EXAMPLE.replace("[settings]", "[settings]\norder_seed = 7").replace(
        "frames = 2000", 'frames = 2000\nreseed = ["order_seed"]'
    )
    found = read(text)
    (cell, *_) = found.cells
    seeds = [cell.settings_of(k, found.reseed).order_seed for k in (1, 2, 5)]
    assert seeds == [7, 8, 11]
    assert cell.settings_of(5, ()).order_seed == 7
    assert cell.settings_of(5, found.reseed).seed == 0


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ('["window"]', "must be a list of seed, order_seed"),
        ('"seed"', "must be a list of seed, order_seed"),
        ('["order_seed"]', "no cell has order_seed; set it"),
    ],
)
def test_what_may_not_be_drawn_anew_is_said(value, said):
    with pytest.raises(ConfigError, match=f"top: reseed: .*{said}"):
        read(EXAMPLE.replace("frames = 2000", f"frames = 2000\nreseed = {value}"))
