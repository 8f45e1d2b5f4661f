"""The connection file: whole or absent, private, replaced at once."""

import json
import os
import stat
from dataclasses import replace

import pytest

from neurocluster.controller.connection import (
    VERSION,
    Connection,
    read_connection,
    remove_connection,
    write_connection,
)
from neurocluster.errors import ConfigError

MINE = Connection("ipc:///tmp/x", 4711, "vm", 99)


def test_it_holds_where_the_controller_is_for_its_owner_alone(tmp_path):
    path = tmp_path / "c.json"
    old = os.umask(0)
    try:
        write_connection(path, MINE)
    finally:
        os.umask(old)
    assert json.loads(path.read_text()) == {
        "version": VERSION, "endpoint": "ipc:///tmp/x", "pid": 4711, "host": "vm",
        "start": 99, "secret": "", "insecure": False,
    }  # fmt: skip
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_never_sees_half_a_file(tmp_path, monkeypatch):
    """The old contents stand until the new ones are on the disk."""
    path = tmp_path / "c.json"
    write_connection(path, Connection("ipc://old"))
    synced, seen = os.fsync, []

    def sync(descriptor):
        seen.append(json.loads(path.read_text())["endpoint"])
        synced(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    write_connection(path, Connection("ipc://new"))
    assert seen == ["ipc://old"]
    assert json.loads(path.read_text())["endpoint"] == "ipc://new"


@pytest.mark.parametrize(
    ("where", "words"),
    [("none/c.json", "No such file"), ("file/c.json", "Not a directory")],
)
def test_a_folder_that_cannot_be_written_is_named(tmp_path, where, words):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError) as caught:
        write_connection(tmp_path / where, Connection("ipc://x"))
    assert f"cannot write the connection file {tmp_path / where}" in str(caught.value)
    assert words in str(caught.value)


def test_a_folder_in_its_place_is_named(tmp_path):
    (tmp_path / "c.json").mkdir()
    with pytest.raises(ConfigError, match="Is a directory"):
        write_connection(tmp_path / "c.json", Connection("ipc://x"))


def test_reading_inverts_writing(tmp_path):
    write_connection(tmp_path / "c.json", MINE)
    assert read_connection(tmp_path / "c.json") == MINE


def test_a_secret_that_others_may_read_is_refused_but_not_left(tmp_path):
    path, secret = tmp_path / "c.json", replace(MINE, secret="s" * 40)
    write_connection(path, secret)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match=r"others may read it \(mode 640\)") as caught:
        read_connection(path)
    assert "s" * 40 not in str(caught.value)
    remove_connection(path, secret)
    assert not path.exists()
    write_connection(path, MINE)
    path.chmod(0o644)
    assert read_connection(path) == MINE


def test_an_older_file_has_only_the_endpoint(tmp_path):
    path = tmp_path / "c.json"
    path.write_text('{"version": 1, "endpoint": "ipc://x"}')
    assert read_connection(path) == Connection("ipc://x")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is no connection file"),
        ("[]", "it is no connection file"),
        ('{"version": 1}', "it is no connection file"),
        ('{"version": 1, "endpoint": 7}', "it is no connection file"),
        ('{"version": 1, "endpoint": "e", "pid": "1"}', "it is no connection file"),
        ('{"version": 2, "endpoint": "e"}', "it is of another version"),
    ],
)
def test_what_is_none_is_refused(tmp_path, text, words):
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=words):
        read_connection(path)


def test_only_ones_own_file_is_removed(tmp_path):
    path = tmp_path / "c.json"
    remove_connection(path, MINE)
    write_connection(path, Connection("ipc:///tmp/x", 4711, "vm", 100))
    remove_connection(path, MINE)
    assert path.exists()
    write_connection(path, MINE)
    remove_connection(path, MINE)
    assert not path.exists()
