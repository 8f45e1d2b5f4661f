"""Lines of results: kept, gone on with, never mixed."""

from pathlib import Path

import pytest

from neurocluster.bench.kept import Kept
from neurocluster.errors import ConfigError

COLUMNS = ("name", "value")


def kept(path, **inputs):
    return Kept(path / "out" / "runs.csv", COLUMNS, ("name",), inputs)


def test_lines_are_there_the_next_time(tmp_path):
    first = kept(tmp_path, cells=("a", "b"))
    assert first.lines == []
    first.add({"name": "a", "value": 1.5, "other": 3})
    kept(tmp_path, cells=["a", "b"]).add({"name": 'b,"', "value": 2})
    assert kept(tmp_path, cells=["a", "b"]).lines == [
        {"name": "a", "value": 1.5}, {"name": 'b,"', "value": 2.0}
    ]  # fmt: skip
    text = (tmp_path / "out" / "runs.csv").read_text()
    assert text.count("name,value") == 1


def test_a_line_that_was_cut_is_dropped(tmp_path):
    kept(tmp_path).add({"name": "a", "value": 1})
    path = tmp_path / "out" / "runs.csv"
    with path.open("a") as file:
        file.write("b,2")
    again = kept(tmp_path)
    assert [line["name"] for line in again.lines] == ["a"]
    again.add({"name": "c", "value": 3})
    assert path.read_text() == "name,value\na,1\nc,3\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,value\na,x\n", "could not convert"),
        ("name,value\na\n", "shorter"),
        ("a,b\n", "columns are a, b"),
        ('name,value\n"a,1\n', "unexpected end"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, text, said):
    kept(tmp_path)
    path = tmp_path / "out" / "runs.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        kept(tmp_path)
    assert str(path) in str(caught.value)


def test_results_of_other_inputs_are_not_mixed(tmp_path):
    kept(tmp_path, costs="1")
    with pytest.raises(ConfigError, match="another value of costs; name another --out"):
        kept(tmp_path, costs="2")
    (tmp_path / "out" / "inputs.json").unlink()
    with pytest.raises(ConfigError, match="holds other results"):
        kept(tmp_path, costs="1")


def test_a_full_disk_is_named_and_what_was_written_stays(tmp_path):
    runs = kept(tmp_path)
    runs.add({"name": "a", "value": 1})
    runs._path = Path("/dev/full")
    with pytest.raises(ConfigError, match="cannot write /dev/full: No space left"):
        runs.add({"name": "b", "value": 2})
    assert [line["name"] for line in kept(tmp_path).lines] == ["a"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(ConfigError, match=r"cannot write .*out"):
        kept(tmp_path)
