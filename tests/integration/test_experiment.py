"""`neurocluster experiment` on real clusters: stopped in the middle, then gone on."""

import json
import os
import signal
from pathlib import Path

import pytest

from neurocluster.experiment.schedule import rounds
from tests.support.processes import (
    alive,
    children,
    kill,
    neurocluster,
    none_alive,
    start,
    table,
    wait_for,
)

FILE = """
name = "small"
repetitions = 2
warm_up_frames = 10
frames = 100
[settings]
threshold = 0.7
compare = true
[[case]]
name = "chain"
[[case]]
name = "cut"
split = { conv1 = "rows:2" }
[[hypothesis]]
name = "same"
claim = "a cut network loses no accuracy"
refuted_if = "accuracy falls"
quantity = "accuracy_by_count"
compare = [{ case = "cut" }, { case = "chain" }]
holds_if = "low > 0.9"
[[hypothesis]]
name = "right"
claim = "nine in ten are right"
refuted_if = "fewer are"
quantity = "accuracy_by_count"
holds_if = "low > 0.9"
"""


def lines(out):
    path = Path(out) / "results.csv"
    return table(out, "results.csv") if path.exists() else []


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """Stop an experiment in its second run, then go on with it."""
    folder = tmp_path_factory.mktemp("experiment")
    file, out = folder / "small.toml", folder / "out"
    file.write_text(FILE)
    process = start("experiment", file, "--out", out)
    wait_for(lambda: (out / "runs" / "002" / "roster.json").exists(), 120)
    below = [pid for child in children(process.pid) for pid in children(child)]
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130, errors
    none_alive(below)
    before = lines(out)
    done = neurocluster("experiment", file, "--out", out, timeout=200)
    assert done.returncode == 0, done.stderr
    return file, out, errors, before, done


def test_stopped_it_says_how_to_go_on_and_keeps_what_was_done(stopped):
    file, out, errors, before, done = stopped
    assert f"go on with: neurocluster experiment {file} --out {out}" in errors
    assert 1 <= len(before) <= 2
    assert lines(out)[: len(before)] == before
    assert f"going on with {out}, which has {len(before)} runs" in done.stderr


def test_all_runs_are_there_once_in_the_order_of_the_rounds(stopped):
    _, out, *_ = stopped
    found = [(int(k["run"]), int(k["repetition"]), int(k["cell"])) for k in lines(out)]
    assert found == [(t.run, t.repetition, t.cell) for t in rounds(2, 2, 0)]
    assert {k["status"] for k in lines(out)} == {"done"}
    assert sorted(path.name for path in (out / "runs").iterdir()) == [
        "001", "002", "003", "004",
    ]  # fmt: skip


def test_each_run_has_its_folder(stopped):
    _, out, *_ = stopped
    for line in lines(out):
        folder = out / "runs" / f"{int(line['run']):03}"
        summary = json.loads((folder / "summary.json").read_text())
        assert summary["workers"] == int(line["workers"])
        assert summary["accuracy_by_count"] == float(line["accuracy_by_count"])
        assert int(line["frames"]) == summary["frames"] == 100
        assert (folder / "links.csv").exists()
        assert (folder / "workers.csv").exists()
        assert len(table(folder, "frames.csv")) == 100
        assert float(line["frames_per_second"]) > 0
        assert float(line["spikes_lost"]) == 0
        flipped = summary["one_process"]["decisions_flipped"]
        assert float(line["decisions_flipped"]) == flipped


def test_cells_outcomes_and_environment(stopped):
    _, out, *_ = stopped
    cells = table(out, "cells.csv")
    speeds = [k for k in cells if k["quantity"] == "frames_per_second"]
    assert [(k["case"], k["n"]) for k in speeds] == [("chain", "2"), ("cut", "2")]
    for k in cells:
        assert float(k["low"]) <= float(k["median"]) <= float(k["high"])
    (gain,) = [k for k in cells if k["quantity"] == "frames_per_second_ratio"]
    assert gain["case"] == "cut"
    same, right = json.loads((out / "outcomes.json").read_text())
    assert same.keys() >= {"name", "claim", "refuted_if", "outcome", "evidence"}
    assert (same["outcome"], right["outcome"]) == ("open", "open")  # of two repetitions
    found = json.loads((out / "environment.json").read_text())
    assert len(found["sessions"]) == 2
    assert found["cores"] == len(os.sched_getaffinity(0))
    assert found["versions"]["numpy"]
    assert len(found["load_before"]) == len(found["load_after"]) == 3


def test_a_line_a_run_and_tables_at_the_end(stopped):
    *_, before, done = stopped
    told = [line for line in done.stderr.splitlines() if line.startswith("run ")]
    assert len(told) == 4 - len(before)
    assert told[0].startswith("run 1 of ")
    assert "s left)" in told[0]
    assert "chain" in done.stdout
    assert "OPEN" in done.stdout
    assert "fewer than 5" in done.stdout
    assert "Workers and client outnumber" in done.stdout or os.cpu_count() > 6


def test_what_is_complete_is_told_again_as_json(stopped):
    file, out, *_ = stopped
    before = lines(out)
    done = neurocluster("experiment", file, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [run["status"] for run in found["runs"]] == ["done"] * 4
    assert len(found["outcomes"]) == 2
    assert lines(out) == before


def test_its_runs_can_be_compared(stopped):
    _, out, *_ = stopped
    chains = [k["run"] for k in lines(out) if k["case"] == "chain"]
    cuts = [k["run"] for k in lines(out) if k["case"] == "cut"]
    runs = [out / "runs" / f"{int(k):03}" for k in (*chains, cuts[0])]
    done = neurocluster("compare", *runs[:2], "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    rows = {row["quantity"]: row for row in found["rows"]}
    assert found["comparable"]
    assert rows["decisions that differ"]["a"] == 0  # a chain's order is unique
    assert rows["spikes_per_neuron"]["ratio"] == 1
    assert rows["spikes_sent_per_frame"]["ratio"] == 1
    speed = rows["latency_ns_p50"]
    assert speed["low"] <= speed["ratio"] <= speed["high"]
    done = neurocluster("compare", runs[0], runs[2])
    assert done.returncode == 0, done.stderr
    assert "Settings that differ: split (default) / conv1=rows:2" in done.stdout


def test_a_changed_file_is_refused(stopped, tmp_path):
    _, out, *_ = stopped
    other = tmp_path / "small.toml"
    other.write_text(FILE.replace("low > 0.9", "low > 0.95"))
    done = neurocluster("experiment", other, "--out", out)
    assert done.returncode == 2
    assert "hypothesis[1].holds_if was 'low > 0.9' and is 'low > 0.95'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_disturbed_run_is_noted_and_repeated(tmp_path):
    file, out = tmp_path / "one.toml", tmp_path / "out"
    file.write_text(
        'name = "one"\nrepetitions = 1\nframes = 1500\nkeep_frames = false\n'
        "[settings]\nwindow = 1\nthreshold = 0.5\n"
    )
    process = start("experiment", file, "--out", out, "--quiet")
    path = out / "runs" / "001" / "roster.json"
    wait_for(path.exists, 120)
    victim = json.loads(path.read_text())["workers"][0]["pid"]
    kill(victim)
    printed, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert printed == ""
    first, second = lines(out)
    assert (first["status"], second["status"]) == ("disturbed", "done")
    assert "killed by signal 9" in first["reason"]
    assert (second["run"], second["attempt"], first["attempt"]) == ("2", "2", "1")
    (speed,) = [
        k for k in table(out, "cells.csv") if k["quantity"] == "frames_per_second"
    ]
    assert float(speed["median"]) == float(second["frames_per_second"])
    assert not alive(victim)
    assert not (out / "runs" / "002" / "frames.csv").exists()
    assert (out / "runs" / "002" / "summary.json").exists()


def test_mistakes_are_named_before_the_first_run(tmp_path):
    file, out = tmp_path / "e.toml", tmp_path / "out"
    file.write_text('name = "e"\nwarm_up_frames = 9999')
    done = neurocluster("experiment", file, "--out", out)
    assert done.returncode == 2
    assert done.stderr.startswith("error: warm_up_frames: 9999 of 10000 frames leave")
    assert not out.exists()
