"""The report of a real run: what tables are called, and all figures drawn."""

import json
from pathlib import Path

from tests.support.processes import neurocluster, summary


def test_a_real_run_has_every_figure(tmp_path):
    run, out = tmp_path / "run", tmp_path / "out"
    done = neurocluster(
        "run", "--frames", 300, "--split", "conv1=rows:2", "--out", run, "--quiet"
    )
    assert done.returncode == 0, done.stderr
    done = neurocluster("report", run, "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["page"] == str(out / "report.html")
    assert not (run / "report").exists()
    figures = {figure["name"]: figure for figure in found["figures"]}
    assert len(figures) == 10
    for figure in figures.values():
        assert len(figure["files"]) == 2, figure["sentence"]
        assert all(Path(file).exists() for file in figure["files"] + figure["data"])
    assert "Half of the 300 frames" in figures["latency"]["sentence"]
    assert "Every count is the same at both" in figures["links-spikes"]["sentence"]
    right = 100 * summary(run)["accuracy_by_count"]
    assert f"at the end {right:.2f} %" in figures["accuracy-time"]["sentence"]
