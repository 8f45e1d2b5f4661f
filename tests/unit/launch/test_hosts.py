"""Hosts files, shares and commands: what is read, refused, and run."""

import json
import os
import shlex
import stat

import pytest

from neurocluster.errors import ConfigError
from neurocluster.launch.base import Share, shares_of
from neurocluster.launch.hosts import HostEntry, read_hosts
from neurocluster.launch.slurm import allocated, parse_cpus, share_of_this_node
from neurocluster.launch.ssh import host_command
from neurocluster.model.placement import Host

GOOD = """
[defaults]
user = "me"
port = 2222
key = "~/id"
environment = { A = "1", B = "2" }
[[host]]
name = "n1"
address = "10.0.0.1"
cores = 4
environment = { B = "3" }
[[host]]
name = "n2"
port = 22
"""


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "hosts.toml"
        path.write_text(text)
        return read_hosts(path)

    return read


def test_defaults_hold_where_a_host_says_nothing(read, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    first, second = read(GOOD)
    assert (first.where, first.port, first.user) == ("10.0.0.1", 2222, "me")
    assert first.environment == {"A": "1", "B": "3"}
    assert first.key == "/home/me/id"
    assert first.host == Host("n1", 4)
    assert (second.where, second.port, second.cores) == ("n2", 22, 1)
    assert second.environment == {"A": "1", "B": "2"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", r"it names no host; a host is\n\[\[host\]\]"),
        ("x = 1", "x"),
        ("[[host]]\ncores = 2", "host 1: it has no name"),
        ('[[host]]\nname = "a"\n[[host]]\nname = "a"', "a is named twice"),
        ('[[host]]\nname = "a"\ncore = 2', "did you mean .cores"),
        ('[[host]]\nname = "a"\ncores = "2"', "host 1: cores is '2', not of type int"),
        ('[[host]]\nname = "a"\ncores = true', "cores is True, not of type int"),
        ('[[host]]\nname = "a"\ncores = 0', "cores is 0, not within 1 and 4096"),
        ('[[host]]\nname = "a"\nport = 70000', "port is 70000, not within 1"),
        ('[[host]]\nname = "a"\n[host.environment]\nA = 1', "environment: A is 1, not"),
        ('defaults = 3\n[[host]]\nname = "a"', "defaults: it is no table"),
        ("[[host", "hosts.toml: "),
    ],
)
def test_what_is_wrong_is_named_with_its_place(read, text, words):
    with pytest.raises(ConfigError, match=words) as caught:
        read(text)
    assert "hosts: " in str(caught.value)


def test_a_missing_file(tmp_path):
    with pytest.raises(ConfigError, match=r"hosts: .*: No such file"):
        read_hosts(tmp_path / "nix")


def test_the_command_quotes_what_it_is_given():
    host = HostEntry(
        "n1", python="/opt/my env/python", folder="a b", environment={"A": "x y"},
        interface="eth1", ports="7000-7100",
    )  # fmt: skip
    command = host_command(host, "worker", ["--slots", "0,1"])
    assert command.startswith("mkdir -p 'a b' && cd 'a b' && exec env 'A=x y' ")
    words = shlex.split(command)
    assert words[words.index("exec") :] == [
        "exec", "env", "A=x y", "/opt/my env/python", "-m", "neurocluster", "worker",
        "--connect", "-", "--die-with-stdin", "--interface", "eth1", "--ports",
        "7000-7100", "--slots", "0,1",
    ]  # fmt: skip


def test_a_probe_takes_the_place_of_workers():
    words = shlex.split(host_command(HostEntry("n1"), "probe", ["--host", "n1"]))
    assert words[words.index("-m") :] == [
        "-m", "neurocluster", "probe", "--connect", "-", "--die-with-stdin", "--host",
        "n1",
    ]  # fmt: skip


def test_shares_follow_the_placement_and_spares_go_round():
    placement = {"a": "n1", "b": "n3", "c": "n1"}
    assert shares_of(placement, ["n1", "n2", "n3", "n4"], 2) == {
        "n1": Share((0, 2), 1), "n2": Share((), 1), "n3": Share((1,), 0),
    }  # fmt: skip


# -- Slurm -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "nodes", "cores"),
    [
        ("4(x2),8", 3, [4, 4, 8]), ("4", 1, [4]), ("2", 3, [2, 1, 1]),
        ("", 2, [1, 1]), ("4(x3)", 2, [4, 4]),
    ],
)  # fmt: skip
def test_the_cores_of_nodes(text, nodes, cores):
    assert parse_cpus(text, nodes) == cores


@pytest.fixture
def scontrol(tmp_path, monkeypatch):
    """A command of that name that lists three nodes."""
    path = tmp_path / "scontrol"
    path.write_text("#!/bin/sh\nprintf 'n1\\nn2\\nn3\\n'\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")


def test_the_nodes_of_a_job(scontrol):
    told = {"SLURM_JOB_NODELIST": "n[1-3]", "SLURM_JOB_CPUS_PER_NODE": "4(x2),8"}
    assert allocated(told) == [Host("n1", 4), Host("n2", 4), Host("n3", 8)]


def test_outside_of_a_job_or_without_slurm(monkeypatch):
    with pytest.raises(ConfigError, match="this is no Slurm job; submit 'sbatch"):
        allocated({})
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigError, match="scontrol cannot tell the nodes"):
        allocated({"SLURM_JOB_NODELIST": "n1"})


def test_a_node_finds_its_share(monkeypatch):
    told = {"n1": [[0, 2], 1], "n2": [[], 1]}
    monkeypatch.setenv("NEUROCLUSTER_SHARES", json.dumps(told))
    monkeypatch.setenv("SLURMD_NODENAME", "n1")
    assert share_of_this_node() == Share((0, 2), 1)
    monkeypatch.setenv("SLURMD_NODENAME", "n9")
    with pytest.raises(ConfigError, match="says nothing of n9"):
        share_of_this_node()
    monkeypatch.delenv("SLURMD_NODENAME")
    with pytest.raises(ConfigError, match="no \\$SLURMD_NODENAME"):
        share_of_this_node()
