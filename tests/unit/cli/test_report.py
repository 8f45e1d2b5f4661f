"""The command `report`."""

import pytest

from neurocluster.cli.report import report_command
from neurocluster.report import make
from tests.support.processes import neurocluster
from tests.support.runs import make_run


def test_the_page_is_named(tmp_path, monkeypatch, capsys):
    told = []

    def made(folders, out, progress):
        told.append((folders, out))
        return make.Report("<p>", [], {"a.svg": b"<svg>"}, {"t.hlog": b"x"})

    monkeypatch.setattr(make, "make_report", made)
    assert report_command([tmp_path], None, json=False, quiet=False) == 0
    path = tmp_path / "report" / "report.html"
    assert capsys.readouterr().out == f"{path}\n"
    assert path.read_text() == "<p>"
    assert (path.parent / "files" / "t.hlog").read_bytes() == b"x"
    assert (tmp_path / "report" / "figures" / "a.svg").read_bytes() == b"<svg>"
    assert told == [([tmp_path], tmp_path / "report")]
    assert report_command([tmp_path], tmp_path / "b", json=False, quiet=True) == 0
    assert capsys.readouterr().out == ""
    assert told[1] == ([tmp_path], tmp_path / "b")


def test_an_interruption_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(make, "saved", interrupted)
    folder = make_run(tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        report_command([folder], None, json=False, quiet=True)
    assert not (folder / "report").exists()


def test_no_run_is_a_usage_error(tmp_path):
    done = neurocluster("report", tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: report: {tmp_path} is no folder of a run")
    assert not list(tmp_path.iterdir())
    assert neurocluster("report").returncode == 2


def test_a_damaged_table_is_bad_data(tmp_path):
    folder = make_run(tmp_path / "a")
    (folder / "frames.csv").write_text("a,b\n1\n")
    done = neurocluster("report", folder, "--quiet")
    assert done.returncode == 3
    assert "frames.csv, line 2: 1 fields for 2 columns" in done.stderr
    assert "Traceback" not in done.stderr
