"""How a command finds its cluster."""

import os
from functools import partial

import pytest

from neurocluster.cli.endpoint import endpoint_of, find_connection
from neurocluster.cli.worker import wishes_of
from neurocluster.controller.connection import (
    Connection,
    connection_text,
    write_connection,
)
from neurocluster.errors import ConfigError
from neurocluster.transport.keys import make_keys, write_keys


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


def test_standard_input_and_the_environment_hold_what_the_file_does(monkeypatch):
    wanted = Connection("tcp://h:1", 3, "h", 4, "", insecure=True)
    text = connection_text(wanted)
    reader, writer = os.pipe()
    os.write(writer, text.encode() + b"\nfor others")
    os.close(writer)
    monkeypatch.setattr(os, "read", partial(read_from, os.read, reader))
    assert find_connection("-") == wanted
    assert os.read(0, 100) == b"for others"
    with pytest.raises(ConfigError, match="connect: standard input: it is no conn"):
        find_connection("-")
    os.close(reader)
    monkeypatch.setenv("NEUROCLUSTER_CONNECTION", text)
    assert find_connection("env") == wanted
    monkeypatch.delenv("NEUROCLUSTER_CONNECTION")
    with pytest.raises(ConfigError, match="NEUROCLUSTER_CONNECTION: it is no conn"):
        find_connection("env")


def test_the_environments_key_is_for_endpoints_alone(monkeypatch, tmp_path):
    """A cluster whose file has no key does not encrypt, whatever else there is."""
    ours, given = make_keys(), make_keys()
    write_keys(tmp_path / "given.key", given)
    put(tmp_path / "c.json", "ipc://c")
    monkeypatch.setenv("NEUROCLUSTER_KEY", ours.secret)
    assert find_connection("tcp://h:1").secret == ours.secret
    assert find_connection("c.json").secret == ""
    for connect in ("tcp://h:1", "c.json"):
        assert find_connection(connect, tmp_path / "given.key").secret == given.secret


def read_from(read, reader, descriptor, size):
    """Read from a pipe in the place of standard input."""
    return read(reader if descriptor == 0 else descriptor, size)


@pytest.mark.parametrize(
    ("given", "wishes"),
    [
        ((None, None, None, 0), [None]),
        ((None, None, 3, 1), [None] * 4),
        ((2, None, None, 0), [2]),
        ((2, None, 2, 1), [2, 3, None]),
        ((None, "0,4,1", None, 2), [0, 4, 1, None, None]),
    ],
)
def test_what_workers_wish_for(given, wishes):
    assert wishes_of(*given) == wishes


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((1, "0,1", None, 0), "leave out --slot, --workers"),
        ((None, "0,1", 2, 0), "leave out --slot, --workers"),
        ((None, "0,x", None, 0), "'0,x' is no list of numbers such as 0,1,4"),
    ],
)
def test_wishes_that_contradict(given, words):
    with pytest.raises(ConfigError, match=words):
        wishes_of(*given)
