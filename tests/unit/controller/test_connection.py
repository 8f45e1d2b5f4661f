"""The connection file: whole or absent, private, replaced at once."""

import json
import os
import stat

import pytest

from neurocluster.controller.connection import VERSION, write_connection
from neurocluster.errors import ConfigError


def test_it_holds_version_and_endpoint_for_its_owner_alone(tmp_path):
    path = tmp_path / "c.json"
    old = os.umask(0)
    try:
        write_connection(path, "ipc:///tmp/x")
    finally:
        os.umask(old)
    assert json.loads(path.read_text()) == {
        "version": VERSION, "endpoint": "ipc:///tmp/x",
    }  # fmt: skip
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_never_sees_half_a_file(tmp_path, monkeypatch):
    """The old contents stand until the new ones are on the disk."""
    path = tmp_path / "c.json"
    write_connection(path, "ipc://old")
    synced, seen = os.fsync, []

    def sync(descriptor):
        seen.append(json.loads(path.read_text())["endpoint"])
        synced(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    write_connection(path, "ipc://new")
    assert seen == ["ipc://old"]
    assert json.loads(path.read_text())["endpoint"] == "ipc://new"


@pytest.mark.parametrize(
    ("where", "words"),
    [("none/c.json", "No such file"), ("file/c.json", "Not a directory")],
)
def test_a_folder_that_cannot_be_written_is_named(tmp_path, where, words):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as caught:
        write_connection(tmp_path / where, "ipc://x")
    assert f"cannot write the connection file {tmp_path / where}" in str(caught.value)
    assert words in str(caught.value)


def test_a_folder_in_its_place_is_named(tmp_path):
    (tmp_path / "c.json").mkdir()
    with pytest.raises(ConfigError, match="Is a directory"):
        write_connection(tmp_path / "c.json", "ipc://x")
