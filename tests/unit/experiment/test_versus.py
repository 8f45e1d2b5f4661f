"""Two runs, two experiments: paired where they may be, and never at unequal windows."""

import csv
import json
import tomllib

import numpy as np
import pytest

from neurocluster.config import RunConfig
from neurocluster.errors import ConfigError
from neurocluster.experiment.file import experiment_of
from neurocluster.experiment.runs import Run, Samples
from neurocluster.experiment.schedule import DONE, Turn
from neurocluster.experiment.sides import Side, is_experiment, read_side
from neurocluster.experiment.versus import compare_runs
from neurocluster.experiment.versus_cells import compare_cells

SUMMARY = {
    "frames_per_second": 1000.0, "oversubscribed": False, "recoveries": [],
    "frames_failed": 0, "frames": 50, "spikes_per_neuron": 0.25, "workers": 4,
    "cores": 8, "accuracy_by_count": 0.9, "synops_per_frame": 7.0,
}  # fmt: skip
LINK = {"spikes_sent": 100.0, "spikes_received": 100.0, "packets": 10.0,
        "bytes": 250.0, "blocked_ns": 0.0}  # fmt: skip


def side(tmp_path, latency, *, frames=None, decided=None, summary=(), **settings):
    n = len(latency)
    table = np.zeros((n, 5))
    table[:, 0] = np.arange(n) % 10
    table[:, 1] = table[:, 0] if decided is None else decided
    table[:, 2], table[:, 3], table[:, 4] = 20.0, 30.0, latency
    at = np.arange(n) if frames is None else np.asarray(frames)
    config = RunConfig().replace(**settings)
    return Side(tmp_path, config, SUMMARY | dict(summary), [LINK], at, table)


def rows_of(found):
    return {row.quantity: row for row in found.rows}


def test_frames_are_paired(tmp_path):
    """Frames differ by a factor of a thousand, the two runs by a tenth."""
    latency = np.geomspace(1e3, 1e6, 50)
    found = compare_runs(side(tmp_path, 1.1 * latency), side(tmp_path, latency))
    row = rows_of(found)["latency_ns_p50"]
    assert row.ratio == pytest.approx(1.1)
    assert row.low == pytest.approx(1.1)
    assert row.high == pytest.approx(1.1)
    assert rows_of(found)["frames_per_second"].ratio == 1
    assert rows_of(found)["spikes_per_neuron"].a == pytest.approx(0.25)
    assert rows_of(found)["bytes_per_spike"].a == 2.5
    assert found.comparable
    assert found.notes[-1].startswith("intervals are of the frames of these two runs")


def test_decisions(tmp_path):
    wrong = np.arange(50) % 10
    wrong[[3, 7]] = 0
    a = side(tmp_path, np.ones(50), decided=wrong)
    b = side(tmp_path, np.ones(50))
    rows = rows_of(compare_runs(a, b))
    assert rows["decisions that differ"].a == 2
    assert (rows["right in this one only"].a, rows["right in this one only"].b) == (
        0,
        2,
    )
    assert rows["accuracy_by_count"].ratio == pytest.approx(0.96)
    assert rows["accuracy_by_count"].low < 0.96 < rows["accuracy_by_count"].high


def test_no_ratio_of_speeds_at_unequal_windows(tmp_path):
    a = side(tmp_path, np.ones(50), window=4)
    found = compare_runs(a, side(tmp_path, np.ones(50)))
    assert not found.comparable
    assert "not comparable: windows 4 and 16: no ratio of speeds" in found.notes[0]
    rows = rows_of(found)
    for name in ("frames_per_second", "latency_ns_p50"):
        assert rows[name].ratio is rows[name].low is None
        assert rows[name].a is not None
    assert "latency_ns, first - second" not in rows
    assert rows["spikes_per_neuron"].ratio == 1
    assert "settings that differ: window 4 / 16" in found.notes


def test_only_common_frames_are_paired(tmp_path):
    a = side(tmp_path, np.arange(1.0, 51), frames=np.arange(50))
    b = side(tmp_path, np.arange(11.0, 61), frames=np.arange(10, 60))
    found = compare_runs(a, b)
    assert not found.comparable
    assert "20 frames are in one of them only; 40 are paired" in found.notes[0]
    assert rows_of(found)["latency_ns_p50"].ratio == 1
    assert rows_of(found)["latency_ns, first - second"].a == 0


def test_what_cannot_be_paired_says_so(tmp_path):
    a = side(tmp_path, np.ones(5))
    apart = compare_runs(a, side(tmp_path, np.ones(5), frames=np.arange(90, 95)))
    assert "not comparable: they have no frame in common" in apart.notes
    other = compare_runs(a, side(tmp_path, np.ones(5), data="elsewhere"))
    assert any("the data differ, so frames are not paired" in n for n in other.notes)
    assert rows_of(other)["accuracy_by_count"].a == 0.9


def test_what_spoils_the_times_is_told(tmp_path):
    worse = {"oversubscribed": True, "recoveries": [{}], "frames_failed": 3}
    a = side(tmp_path, np.ones(5), summary=worse)
    notes = compare_runs(a, side(tmp_path, np.ones(5))).notes
    assert any("4 workers and a client on 8 cores" in n for n in notes)
    assert any("the first: 1 faults were survived" in n for n in notes)
    assert any("the first: 3 frames failed" in n for n in notes)


def write(path, frames):
    path.mkdir()
    (path / "config.toml").write_text(RunConfig().to_toml())
    (path / "summary.json").write_text(json.dumps(SUMMARY))
    (path / "links.csv").write_text(
        "source,spikes_sent,packets,bytes,blocked_ns\na,9,,1,"
    )
    with (path / "frames.csv").open("w") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["frame", "label", "class_by_count", "spikes", "synops", "latency_ns"]
        )
        writer.writerows(frames)


def test_a_run_is_read(tmp_path):
    write(
        tmp_path / "a",
        [[7, 1, 2, 3, 4, 5], [3, 1, "", "", "", ""], [1, "", 0, 1, 1, 9]],
    )
    found = read_side(tmp_path / "a")
    assert found.frames.tolist() == [1, 7]
    assert found.table[1].tolist() == [1, 2, 3, 4, 5]
    assert np.isnan(found.table[0, 0])
    assert found.links[0]["spikes_sent"] == 9
    assert found.links[0]["packets"] is None
    assert compare_runs(found, found).comparable
    (tmp_path / "a" / "frames.csv").unlink()
    bare = read_side(tmp_path / "a")
    assert bare.table is None
    assert "has no frames.csv" in compare_runs(bare, bare).notes[0]


def test_folders_of_something_else(tmp_path):
    with pytest.raises(ConfigError, match="is no folder of a run or experiment"):
        is_experiment(tmp_path)
    write(tmp_path / "a", [])
    assert not is_experiment(tmp_path / "a")
    (tmp_path / "a" / "summary.json").write_text("{")
    with pytest.raises(ConfigError, match="a file of the run is missing or damaged"):
        read_side(tmp_path / "a")


GRID = 'name = "g"\nframes = 100\n[grid]\nmax_spikes = [8, 64]\n'


def samples(factor):
    return Samples([
        Run(Turn(2 * k + cell, k + 1, cell), DONE,
            values={"frames_per_second": factor * (100.0 + k + 10 * cell)})
        for k in range(5) for cell in (1, 2)
    ])  # fmt: skip


def test_experiments_are_compared_cell_by_cell():
    a = experiment_of(tomllib.loads(GRID + "[settings]\npin = true"))
    b = experiment_of(tomllib.loads(GRID.replace("8, 64", "64, 128")))
    found = compare_cells(a, b, samples(3.0), samples(1.0))
    (row,) = found.rows
    assert (row.cell, row.quantity) == ("max_spikes 64", "frames_per_second")
    assert row.ratio == pytest.approx(3 * 122 / 112)
    assert row.low < row.ratio < row.high
    assert "2 cells are in one of them only, and left out" in found.notes
    assert "settings that differ: pin true / false" in found.notes
    assert found.comparable


def test_experiments_at_other_windows_or_frames_are_not():
    a = experiment_of(tomllib.loads(GRID))
    for text, words in (
        (GRID + "[settings]\nwindow = 2", "windows differ in 2 of 2 cells"),
        (GRID.replace("100", "99"), "they differ in data, frames or warm-up"),
    ):
        found = compare_cells(
            a, experiment_of(tomllib.loads(text)), samples(1.0), samples(1.0)
        )
        assert not found.comparable
        assert any(words in note for note in found.notes)
        assert [row.ratio for row in found.rows] == [None, None]
