"""The doctor on this machine: real probes, real sockets, real keys."""

import asyncio
import json
import os
import signal
import socket
import sys
import time

import pytest

from neurocluster.doctor.examine import Rendezvous, examine_alone, examine_hosts
from neurocluster.doctor.peer import Peer
from neurocluster.doctor.report import HERE
from neurocluster.doctor.seen import CLOSED, ENDED, SILENT
from neurocluster.member.meeting import Meeting
from neurocluster.transport.address import Reach
from neurocluster.transport.keys import make_keys, write_keys
from neurocluster.transport.knock import CLOSED as ENDS
from neurocluster.transport.knock import MUTE, NONE, STRANGE, knock
from neurocluster.transport.sockets import Sockets
from neurocluster.version import VERSION
from tests.support.byhand import ByHand
from tests.support.probes import Probes
from tests.support.processes import neurocluster, start

HOSTS = ("a", "b")
RENDEZVOUS = Rendezvous("127.0.0.1", "127.0.0.1", Reach())


@pytest.fixture
def probes(tmp_path):
    return Probes(tmp_path)


async def examine(probes, deadline_s=30.0, rendezvous=RENDEZVOUS, hosts=HOSTS):
    told = []
    begin = time.monotonic()
    seen = await examine_hosts(probes, hosts, rendezvous, deadline_s, told.append)
    assert time.monotonic() - begin < deadline_s + 8
    assert all(task.done() for task in probes.tasks.values())
    return seen, told


async def test_probes_tell_of_their_machine_and_try_each_other(probes):
    seen, told = await examine(probes)
    assert not seen.missing, seen.missing
    everybody = {HERE, *HOSTS}
    assert set(seen.machines) == everybody
    for machine in seen.machines.values():
        assert machine.version == VERSION
        assert machine.clock == seen.machines[HERE].clock
        assert machine.cores > 0
        assert machine.software["numba"]
    ways = {(x, y) for x in everybody for y in everybody if x != y}
    assert set(seen.trials) == ways
    for trial in seen.trials.values():
        assert (trial.problem, trial.whole) == ("", True)
        assert trial.answered >= 20
        assert 0 < trial.best_ns < 1e9
        assert trial.error_ns > 0
        assert trial.heard > 0
    assert told[0] == "connecting to a and b"


async def test_hosts_that_are_missing_are_told_with_their_last_words(probes):
    probes.closed = {"shut": "(shut port 22): Connection refused"}
    probes.commands["bare"] = [sys.executable, "-I", "-c", "print('No module named x')"]
    mute = (
        "import sys; sys.stdin.readline(); print('here', flush=True); sys.stdin.read()"
    )
    probes.commands["mute"] = [sys.executable, "-I", "-c", mute]
    probes.options["wrong"] = ["--interface", "eth99"]
    hosts = ("a", "shut", "bare", "mute", "wrong")
    seen, _ = await examine(probes, 20, hosts=hosts)
    assert set(seen.machines) == {HERE, "a"}
    found = {host: (m.how, m.why, m.log) for host, m in seen.missing.items()}
    assert found["shut"] == (CLOSED, "(shut port 22): Connection refused", ())
    assert found["bare"] == (ENDED, "ended with exit status 0", ("No module named x",))
    assert found["mute"] == (SILENT, "no word within 20 s", ("here",))
    how, why, log = found["wrong"]
    assert (how, why) == (ENDED, "ended with exit status 2")
    assert "interface: eth99 has no address of this host" in log[-1]
    assert seen.trials["a", HERE].whole


async def test_a_probe_says_why_it_cannot_reach_the_doctor(probes):
    """It is told an address at which nobody listens."""
    rendezvous = Rendezvous("127.0.0.1", "127.0.0.9", Reach(bind="127.0.0.1"))
    seen, _ = await examine(probes, 16, rendezvous)
    for host in HOSTS:
        assert seen.missing[host].how == SILENT
        said = "\n".join(seen.missing[host].log)
        assert "cannot reach the doctor at tcp://127.0.0.9:" in said
        assert "Connection refused" in said


async def test_an_examination_that_is_cancelled_leaves_no_probe(probes):
    mute = [sys.executable, "-I", "-c", "import sys; sys.stdin.read()"]
    probes.commands = dict.fromkeys(HOSTS, mute)
    task = asyncio.create_task(examine(probes))
    await asyncio.wait_for(probes.started.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all(p.returncode is not None for p in probes.processes.values())


async def test_alone_this_machine_tries_its_socket_files():
    seen = await examine_alone()
    assert seen.trials[HERE, HERE].whole
    assert set(seen.machines) == {HERE}


# -- knocking ----------------------------------------------------------------------


@pytest.fixture
async def peer():
    made = Peer(Meeting("tcp://127.0.0.1:1", make_keys()))
    yield made
    await made.close()


async def knocked(endpoint, keys=None, **options):
    sockets = Sockets(8, keys)
    try:
        return await knock(sockets, endpoint, 1.5, **options)
    finally:
        sockets.close()


async def test_why_a_connection_fails(peer):
    endpoint = peer.ends.endpoint
    with socket.create_server(("127.0.0.1", 0)) as mute:
        silent = await knocked(f"tcp://127.0.0.1:{mute.getsockname()[1]}")
    assert silent.problem == MUTE
    assert (await knocked("tcp://127.0.0.1:9")).problem == "Connection refused"
    assert "not known" in (await knocked("tcp://no.such.name.invalid:9")).problem
    for wrong in ("tcp://", "foo://x", "tcp://127.0.0.1:abc", "tcp://[::1", ""):
        assert (await knocked(wrong)).problem == NONE
    assert (await knocked("ipc:///nowhere/x")).problem == "No such file or directory"
    assert (await knocked(endpoint)).problem == STRANGE
    assert (await knocked(endpoint, make_keys())).problem == ENDS


# -- the command -------------------------------------------------------------------


def test_this_machine_alone():
    done = neurocluster("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("this machine\n")
    assert f"neurocluster {VERSION}, Python " in done.stdout
    assert "a run can start." in done.stdout or "All is well." in done.stdout


def test_the_plan_is_judged_by_this_machines_limits():
    done = neurocluster(
        "doctor", "--json", "--split", "conv1=rows:14,conv2=channels:8,fc1=neurons:8",
        prefix=("prlimit", "--nofile=64:64"),
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    found = {f["subject"]: f for f in told["findings"]}
    assert told["level"] == found["files"]["level"] == "error"
    assert "a process may have 64, " in found["files"]["text"]
    assert "raise the hard limit (64)" in found["files"]["remedy"]
    if len(os.sched_getaffinity(0)) < 32:
        assert found["cores"]["level"] == "warning"
    assert len(told["hosts"][HERE]["runs"]) == 14 + 8 + 8 + 1


def test_a_folder_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    as_others = ["setpriv", "--bounding-set=-dac_override"] if not os.geteuid() else []
    done = neurocluster("doctor", "--quiet", cwd=tmp_path, prefix=as_others)
    assert done.returncode == 1
    assert says(done, f"nothing can be written in {tmp_path}: Permission denied")
    assert "ok " not in done.stdout


def says(done, words):
    """Tell whether words were printed, wherever lines break: within a path, too."""
    return "".join(words.split()) in "".join(done.stdout.split())


def test_keys_and_their_modes(tmp_path):
    key = tmp_path / "cluster.key"
    done = neurocluster("doctor", "--key", key)
    assert done.returncode == 1
    assert says(done, f"{key}: No such file or directory")
    write_keys(key, make_keys())
    assert neurocluster("doctor", "--key", key).returncode == 0
    key.chmod(0o644)
    done = neurocluster("doctor", "--key", key)
    assert done.returncode == 1
    assert says(done, f"others may read {key} (mode 644)")
    assert says(done, f"chmod 600 {key}")
    key.chmod(0o600)
    key.write_text("nonsense")
    done = neurocluster("doctor", "--key", key)
    assert says(done, f"{key} is no key file")
    assert says(done, "neurocluster keygen cluster.key")


def test_a_controller_that_answers_and_one_that_does_not(tmp_path):
    key = tmp_path / "k"
    write_keys(key, make_keys())
    with ByHand(tmp_path) as hand:
        controller = hand.controller("--key", key, "--bind", "tcp://127.0.0.1:*")
        done = neurocluster("doctor", "--connect", hand.connection)
        assert done.returncode == 0, done.stdout
        assert says(done, "the controller at tcp://127.0.0.1:")
        assert says(done, " answers")
        hand.connection.chmod(0o640)
        done = neurocluster("doctor", "--connect", hand.connection)
        assert done.returncode == 1
        assert says(done, f"others may read {hand.connection} (mode 640)")
        hand.connection.chmod(0o600)
        other = tmp_path / "other"
        write_keys(other, make_keys())
        done = neurocluster("doctor", "--connect", hand.connection, "--key", other)
        assert done.returncode == 1
        assert says(done, "another cluster's key")
        controller.kill()
        controller.wait()
        done = neurocluster("doctor", "--connect", hand.connection)
        assert done.returncode == 1
        assert says(done, "does not answer; its process is gone (Connection refused)")
    done = neurocluster("doctor", "--connect", tmp_path / "none.json")
    assert done.returncode == 1
    assert says(done, "is the controller running?")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--hosts", "none.toml"), "hosts: none.toml: No such file"),
        (("--engine", "slurm"), "this is no Slurm job"),
        (("--engine", "ssh"), "hosts: the file and --engine ssh go together"),
        (("--interface", "lo"), "they say how other hosts reach this one"),
    ],
)
def test_wrong_options(options, words, tmp_path):
    done = neurocluster("doctor", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_host_where_nobody_listens(tmp_path):
    hosts = tmp_path / "hosts.toml"
    hosts.write_text('[[host]]\nname = "h"\naddress = "127.0.0.1"\nport = 9')
    done = neurocluster("doctor", "--hosts", hosts)
    assert done.returncode == 1
    words = "it does not let us in (127.0.0.1 port 9): Connection refused"
    assert says(done, words)
    assert says(done, "'ssh -p 9 127.0.0.1 true' must work")


def test_an_interruption_ends_it(tmp_path):
    """One host's ssh never answers."""
    with socket.create_server(("127.0.0.1", 0)) as mute:
        hosts = tmp_path / "hosts.toml"
        port = mute.getsockname()[1]
        hosts.write_text(f'[[host]]\nname = "h"\naddress = "127.0.0.1"\nport = {port}')
        process = start("doctor", "--hosts", hosts)
        with mute.accept()[0]:
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=20)
        assert process.returncode == 130, errors
        assert "Traceback" not in errors
