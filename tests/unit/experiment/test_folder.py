"""An experiment's folder: read back as it was written, and closed to another one."""

import csv
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neurocluster.errors import ConfigError
from neurocluster.experiment.changes import changes
from neurocluster.experiment.file import experiment_of
from neurocluster.experiment.folder import ExperimentFolder, read_runs
from neurocluster.experiment.quantities import QUANTITIES
from neurocluster.experiment.runs import Run
from neurocluster.experiment.schedule import DONE, FAILED, Turn

FILE = """
name = "x"
repetitions = 2
[grid]
window = [1, 4]
threshold = [0.5, [0.7, 0.7, 0.7, 0.7]]
"""
VALUES = dict.fromkeys(QUANTITIES) | {"frames_per_second": 1 / 3, "spikes_lost": 0.0}
RUNS = [
    Run(Turn(1, 1, 1), DONE, "", "2026-01-01T00:00:00+00:00", 1.5, 0.25, 9, VALUES),
    Run(Turn(2, 1, 4), FAILED, 'a "bad", day', "", 2.0, None, 0, VALUES),
]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "e.toml"
    path.write_text(FILE)
    return path


def folder_at(path, text=FILE):
    return ExperimentFolder(path, experiment_of(tomllib.loads(text)), 2)


def test_runs_are_kept_one_by_one_and_read_back(tmp_path, file):
    folder = folder_at(tmp_path / "out")
    with folder.opened(file):
        for count, run in enumerate(RUNS, 1):
            folder.add(run)
            assert read_runs(folder.path) == RUNS[:count]
    again = folder_at(tmp_path / "out")
    with again.opened(file):
        assert again.runs == RUNS
    with (folder.path / "results.csv").open() as source:
        lines = list(csv.DictReader(source))
    assert lines[1]["threshold"] == "0.7,0.7,0.7,0.7"
    assert (lines[0]["window"], lines[1]["window"]) == ("1", "4")
    assert (lines[0]["workers"], lines[0]["cores"]) == ("4", "2")
    assert (folder.path / "experiment.toml").read_text() == FILE


def test_parquet_has_the_same_lines(tmp_path, file):
    parquet = pytest.importorskip("pyarrow.parquet")
    folder = folder_at(tmp_path / "out")
    with folder.opened(file):
        for run in RUNS:
            folder.add(run)
        assert folder.write_parquet()
    found = parquet.read_table(folder.path / "results.parquet")
    assert found.column_names == list(folder.columns)
    assert found["frames_per_second"].to_pylist() == [1 / 3, 1 / 3]
    assert found["threshold"].to_pylist() == ["0.5", "0.7,0.7,0.7,0.7"]


def test_a_changed_file_is_refused_and_a_comment_is_not(tmp_path, file):
    folder = folder_at(tmp_path / "out")
    with folder.opened(file):
        pass
    other = FILE.replace("repetitions = 2", "repetitions = 3")
    with (
        pytest.raises(ConfigError, match="repetitions was 2 and is 3; take that file"),
        folder_at(tmp_path / "out", other).opened(file),
    ):
        pass
    with folder_at(tmp_path / "out", "# a comment\n" + FILE).opened(file):
        pass


def test_a_folder_of_something_else_is_refused(tmp_path, file):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").touch()
    with (
        pytest.raises(ConfigError, match="is not empty and no experiment's"),
        folder_at(tmp_path / "out").opened(file),
    ):
        pass


def test_two_at_a_time_are_refused(tmp_path, file):
    with (
        folder_at(tmp_path / "out").opened(file),
        pytest.raises(ConfigError, match="is being run; wait for its end"),
        folder_at(tmp_path / "out").opened(file),
    ):
        pass


@pytest.mark.parametrize("text", ["run\nx\n", "run,repetition\n1,1\n", "\0"])
def test_damaged_results_are_named(tmp_path, text):
    (tmp_path / "results.csv").write_text(text)
    with pytest.raises(ConfigError, match=r"results\.csv is damaged"):
        read_runs(tmp_path)


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ("a = 1", "a = 1", []),
        ("a = 1", "a = true", ["a was 1 and is True"]),
        ("[grid]\nw = [1]", "[grid]\nw = [1, 4]", ["grid.w was [1] and is [1, 4]"]),
        ("a = 1", "b = 2", ["a was 1 and is gone", "b is new: 2"]),
        ("[[c]]\nx = 1", "[[c]]\nx = 2", ["c[1].x was 1 and is 2"]),
        ("[[c]]\n[[c]]", "[[c]]", ["c had 2 tables and has 1"]),
        (
            "a = 1\nb = 1\nc = 1\nd = 1\ne = 1", "",
            ["a was 1 and is gone", "b was 1 and is gone", "c was 1 and is gone",
             "and 2 more"],
        ),
    ],
)  # fmt: skip
def test_what_changed_is_said(before, now, words):
    assert changes(tomllib.loads(before), tomllib.loads(now)) == words


words = st.text(max_size=2)
values = st.recursive(
    st.integers() | st.booleans() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3)
    ),
    max_leaves=8,
)
documents = st.dictionaries(words, values, max_size=3)


@settings(max_examples=40, deadline=None)
@given(documents, documents)
def test_nothing_changed_exactly_where_documents_are_equal(before, now):
    assert changes(before, before) == []
    if repr(before) != repr(now) and before != now:
        assert changes(before, now)
