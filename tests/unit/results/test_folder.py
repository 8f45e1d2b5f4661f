"""The run folder: new, and filled with whole files."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from neurocluster.errors import ConfigError
from neurocluster.results.folder import RunFolder, make_folder


def names(path):
    return sorted(p.name for p in path.iterdir())


def test_files_are_whole_and_leave_no_parts(tmp_path):
    folder = make_folder(str(tmp_path / "a" / "b"), "run")
    folder.write_text("t.txt", "old")
    folder.write_text("t.txt", "né\n")
    folder.write_json("j.json", {"a": None})
    folder.write_csv("c.csv", ("x", "y"), [(1, None), ("a,b", 2)])
    assert names(folder.path) == ["c.csv", "j.json", "logs", "t.txt"]
    assert (folder.path / "t.txt").read_text(encoding="utf-8") == "né\n"
    assert (folder.path / "j.json").read_text() == '{\n  "a": null\n}\n'
    assert (folder.path / "c.csv").read_bytes() == b'x,y\n1,\n"a,b",2\n'


def test_a_failed_write_keeps_the_old_file(tmp_path):
    def rows():
        yield (1,)
        raise OSError(28, "No space left on device")

    folder = RunFolder(tmp_path)
    folder.write_text("c.csv", "old")
    with pytest.raises(ConfigError, match=r"cannot write .*c\.csv: No space left"):
        folder.write_csv("c.csv", ("x",), rows())
    assert names(tmp_path) == ["c.csv"]
    assert (tmp_path / "c.csv").read_text() == "old"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
def test_a_full_disk_is_named(tmp_path):
    (tmp_path / ".c.csv.part").symlink_to("/dev/full")
    with pytest.raises(ConfigError, match="No space left on device"):
        RunFolder(tmp_path).write_csv("c.csv", ("x",), [("y" * 100_000,)])
    assert names(tmp_path) == []


def test_a_folder_that_went_away(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        RunFolder(tmp_path / "gone").write_text("a", "b")


def test_text_that_is_no_utf8_is_escaped(tmp_path):
    RunFolder(tmp_path).write_text("a", "\udcff")
    assert (tmp_path / "a").read_text() == "\\udcff"


def test_a_folder_with_files_is_refused(tmp_path):
    (tmp_path / "x").write_text("")
    with pytest.raises(ConfigError, match="not empty; give a new one"):
        make_folder(str(tmp_path), "run")


def test_a_file_in_the_way(tmp_path):
    path = tmp_path / "x"
    path.write_text("")
    for out in (path, path / "y"):
        with pytest.raises(ConfigError, match="out: cannot make folder"):
            make_folder(str(out), "run")


def test_runs_of_the_same_second_get_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: make_folder(None, "same"), range(24)))
    assert len({folder.path for folder in made}) == 24
    assert all(folder.logs.is_dir() for folder in made)
    assert all("-same" in folder.path.name for folder in made)


def test_the_last_session_that_took_a_folder_has_it(tmp_path):
    first, second = RunFolder(tmp_path), RunFolder(tmp_path)
    assert not first.taken
    first.take()
    assert first.taken
    second.take()
    assert second.taken
    assert not first.taken
    first.leave()
    assert second.taken
    second.leave()
    assert names(tmp_path) == []
