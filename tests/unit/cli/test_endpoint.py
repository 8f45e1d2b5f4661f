"""How a command finds its cluster."""

import os

import pytest

from neurocluster.cli.endpoint import endpoint_of, find_connection
from neurocluster.controller.connection import Connection, write_connection
from neurocluster.errors import ConfigError


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def put(path, endpoint, at=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_connection(path, Connection(endpoint, 1, "h", 2))
    if at is not None:
        os.utime(path, (at, at))


def test_an_endpoint_a_file_and_a_folder(tmp_path):
    assert find_connection("tcp://h:1") == Connection("tcp://h:1")
    put(tmp_path / "c.json", "ipc://c")
    put(tmp_path / "out" / "connection.json", "ipc://run")
    assert endpoint_of("c.json") == "ipc://c"
    assert find_connection("out") == Connection("ipc://run", 1, "h", 2)


def test_by_default_the_file_here_else_the_newest_run(tmp_path):
    put(tmp_path / "runs" / "b" / "connection.json", "ipc://old", at=100)
    put(tmp_path / "runs" / "a" / "connection.json", "ipc://new", at=200)
    (tmp_path / "runs" / "z-ended").mkdir()
    assert find_connection(None).endpoint == "ipc://new"
    put(tmp_path / "connection.json", "ipc://here")
    assert find_connection(None).endpoint == "ipc://here"


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="no run in runs/ is going on; name a"):
        find_connection(None)
    with pytest.raises(ConfigError, match="is the controller running"):
        find_connection("none.json")
    (tmp_path / "out").mkdir()
    with pytest.raises(ConfigError, match="no cluster runs in out"):
        find_connection("out")
