"""The doctor, who finds on three hosts what a test has broken."""

import json
import subprocess
import time

import pytest

from tests.hosts.conftest import NAMESPACES, PYTHON, open_to_all
from tests.hosts.test_ssh import workers
from tests.support.processes import neurocluster, wait_for

pytestmark = pytest.mark.hosts
HERE, SSHD = "this machine", "/usr/sbin/sshd"
MANY = "conv1=rows:14,conv2=channels:8,fc1=neurons:8"
OURS, FIRST = "10.77.0.254", "10.77.0.1"


def doctor(hosts, *options, file=None, code=0):
    """Run the doctor; return its findings by place and subject, and all it says."""
    done = neurocluster(
        "doctor", "--hosts", file or hosts.file, "--json", *options, timeout=90
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    told = json.loads(done.stdout)
    wait_for(lambda: not workers(hosts))
    return {(f["where"], f["subject"]): f for f in told["findings"]}, told


def wrong(found, level="error"):
    return {key for key, finding in found.items() if finding["level"] == level}


@pytest.fixture
def changed(hosts, tmp_path):
    """Write a hosts file in which one host differs."""
    open_to_all(tmp_path)

    def change(name, line):
        path = tmp_path / "hosts.toml"
        text = hosts.file.read_text()
        path.write_text(text.replace(f'"{name}"\n', f'"{name}"\n{line}\n'))
        return path

    return change


@pytest.fixture
def wrapped(tmp_path, changed):
    """Write a hosts file in which a script is the interpreter of one host."""

    def wrap(name, text):
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return changed(name, f'python = "{path}"')

    return wrap


@pytest.fixture
def drop(hosts):
    """Drop what comes to, or leaves, a host and fits a rule of nft."""
    cut = []

    def drop(name, hook, rule):
        cut.append(name)
        hosts.run(name, "nft", "add", "table", "inet", "cut")
        chain = f"{{ type filter hook {hook} priority 0; }}"
        hosts.run(name, "nft", f"add chain inet cut c {chain}")
        hosts.run(name, "nft", f"add rule inet cut c {rule} drop")

    yield drop
    for name in cut:
        hosts.run(name, "nft", "delete", "table", "inet", "cut")


def test_where_nothing_is_wrong(hosts):
    found, told = doctor(hosts)
    assert not wrong(found)
    assert set(told["hosts"]) == {HERE, *hosts.names}
    ways = {(w["source"], w["destination"]): w for w in told["ways"]}
    assert len(ways) == 4 * 3
    for way in ways.values():
        assert (way["problem"], way["whole"]) == ("", True)
        assert way["answered"] > 0
    # The client feeds the first partition, the last one feeds the client.
    runs = {p: host for host, h in told["hosts"].items() for p in h["runs"]}
    assert ways[HERE, runs["conv1.0"]]["links"] == ["client->conv1.0"]
    assert ways[runs["fc2.0"], HERE]["links"] == ["fc2.0->client"]


def test_a_person_sees_a_list_by_host(hosts):
    done = neurocluster("doctor", "--hosts", hosts.file)
    assert done.returncode == 0, done.stdout + done.stderr
    places = [line for line in done.stdout.splitlines() if not line.startswith(" ")]
    assert places[:-1] == [HERE, *hosts.names]
    assert places[-1].startswith(("All is well.", "No error, "))
    assert all(len(line) <= 100 for line in done.stdout.splitlines())


def test_a_way_that_is_cut_in_one_direction_is_named(hosts, drop):
    """n2 takes no connection from n1; those of n2 to n1 work."""
    drop("n2", "input", f"ip saddr {FIRST} tcp flags & (syn|ack) == syn")
    found, told = doctor(hosts, code=1)
    assert wrong(found) == {("n1 -> n2", "connect")}
    one = found["n1 -> n2", "connect"]
    assert one["text"].startswith(
        "no connection: no answer within 4 s (links conv1.0->"
    )
    assert "n2 listens at tcp://10.77.0.2:" in one["text"]
    assert "TCP" in one["remedy"]
    ways = {(w["source"], w["destination"]): w for w in told["ways"]}
    assert ways["n2", "n1"]["whole"]


def test_packets_that_are_dropped_one_way_are_named(hosts, drop):
    """Nothing of n1 reaches n2: neither can connect to the other."""
    drop("n2", "input", f"ip saddr {FIRST}")
    found, _ = doctor(hosts, code=1)
    said = {k: f["text"] for k, f in found.items() if k[1] == "connect"}
    assert "datagrams of n2 reach n1, those of n1 do not" in said["n1 -> n2", "connect"]
    back = said["n2 -> n1", "connect"]
    assert "datagrams of n2 reach n1, those of n1 do not" in back
    assert found["n2 -> n1", "connect"]["level"] == "warning"  # no link goes there


def test_a_host_that_cannot_reach_us_says_so(hosts, drop):
    drop("n3", "output", f"ip daddr {OURS} tcp sport != 2222")
    found, _ = doctor(hosts, "--deadline-s", 16, code=1)
    assert wrong(found) == {("n3", "probe")}
    text = found["n3", "probe"]["text"]
    assert "no word within 16 s from its probe" in text
    assert f"cannot reach the doctor at tcp://{OURS}:" in text
    assert "no answer within 3 s" in text
    assert "let it connect to this machine" in found["n3", "probe"]["remedy"]


@pytest.fixture
def ahead(hosts, tmp_path):
    """Write a hosts file in which n2 has another clock: an sshd in a time namespace."""
    settings = (hosts.folder / "sshd_n2").read_text()
    pid = tmp_path / "pid"
    other = settings.replace("Port 2222", "Port 2223").replace(
        str(hosts.folder / "pid_n2"), str(pid)
    )
    (tmp_path / "sshd").write_text(other)
    known = (hosts.folder / "known").read_text()
    (tmp_path / "known").write_text(known + known.replace(":2222", ":2223"))
    subprocess.run(
        [NAMESPACES, "in", "n2", "unshare", "--time", "--monotonic", "5000", "--fork",
         SSHD, "-f", tmp_path / "sshd"],
        check=True,
    )  # fmt: skip
    text = hosts.file.read_text().replace(f"{hosts.folder}/known", f"{tmp_path}/known")
    path = tmp_path / "hosts.toml"
    path.write_text(text.replace('"10.77.0.2"', '"10.77.0.2"\nport = 2223'))
    yield path
    subprocess.run(["kill", pid.read_text().strip()], check=True)


def test_the_bound_of_a_clock_that_differs(hosts, ahead):
    found, told = doctor(hosts, file=ahead)
    assert not wrong(found)
    text = found["n2", "clock"]["text"]
    assert text.startswith("knows the clocks of n1, n3 and this machine to within ")
    assert "has one with n3 and this machine" in found["n1", "clock"]["text"]
    for way in told["ways"]:
        assert 0 < way["error_ns"] < 50_000_000


def test_without_udp_it_warns_of_wider_bounds(hosts, ahead, drop):
    drop("n2", "input", "meta l4proto udp")
    found, _ = doctor(hosts, file=ahead)
    assert not wrong(found)
    warned = {where for where, subject in wrong(found, "warning") if subject == "clock"}
    assert warned == {"n2 -> this machine, n1 and n3"} | {
        f"{host} -> n2" for host in (HERE, "n1", "n3")
    }
    one = found["n1 -> n2", "clock"]
    assert "datagrams was answered, and the clocks differ" in one["text"]
    assert "let UDP pass" in one["remedy"]


def test_a_low_limit_of_descriptors(hosts, wrapped):
    file = wrapped("n2", f'exec prlimit --nofile=64:64 {PYTHON} "$@"')
    found, told = doctor(hosts, "--split", MANY, file=file, code=1)
    assert wrong(found) == {("n2", "files")}
    one = found["n2", "files"]
    assert one["text"].startswith("a process may have 64, ")
    assert "raise the hard limit (64)" in one["remedy"]
    assert told["hosts"]["n2"]["machine"]["files"] == 64


def test_another_version(hosts, wrapped):
    old = (
        "import neurocluster.version as v; v.VERSION = '0.0.9'; "
        "from neurocluster.cli.main import main; main()"
    )
    file = wrapped("n3", f'shift 2; exec {PYTHON} -c "{old}" "$@"')
    found, _ = doctor(hosts, file=file, code=1)
    assert wrong(found) == {("n3", "version")}
    one = found["n3", "version"]
    assert one["text"].startswith("neurocluster 0.0.9 there, 0.1.0 on this machine")
    assert one["remedy"].startswith("install neurocluster 0.1.0 there: /")


def test_a_host_without_the_package(hosts, changed):
    file = changed("n2", 'python = "/usr/bin/python3"')
    found, _ = doctor(hosts, file=file, code=1)
    assert wrong(found) == {("n2", "probe")}
    one = found["n2", "probe"]
    assert "ended with exit status 1" in one["text"]
    assert "No module named neurocluster" in one["text"]
    assert one["remedy"].startswith("install it there: /usr/bin/python3 -m pip")


def test_a_host_without_the_interpreter(hosts, changed):
    found, _ = doctor(hosts, file=changed("n2", 'python = "/opt/none"'), code=1)
    assert wrong(found) == {("n2", "probe")}
    assert "name its interpreter" in found["n2", "probe"]["remedy"]


def test_an_interface_that_a_host_does_not_have(hosts, changed):
    found, _ = doctor(hosts, file=changed("n1", 'interface = "eth7"'), code=1)
    assert wrong(found) == {("n1", "probe")}
    assert "eth7 has no address of this host; there are" in found["n1", "probe"]["text"]


def test_a_folder_that_cannot_be_written(hosts, changed):
    found, _ = doctor(hosts, file=changed("n1", 'folder = "/etc"'), code=1)
    assert wrong(found) == {("n1", "folder")}


def test_more_workers_than_cores(hosts):
    found, _ = doctor(hosts, "--split", "conv1=rows:7,fc1=neurons:4")
    crowded = {where for where, what in wrong(found, "warning") if what == "cores"}
    assert crowded & set(hosts.names)
    for host in crowded & set(hosts.names):
        assert found[host, "cores"]["text"].startswith("only 2 cores for ")


def test_more_cores_promised_than_there_are(hosts, changed):
    found, _ = doctor(hosts, file=changed("n1", "cores = 64"))
    one = found["n1", "cores"]
    assert one["level"] == "warning"
    assert one["text"].endswith("to use, placement counts on 64")


def test_ports_that_are_too_few(hosts, changed):
    file = changed("n1", 'ports = "7000-7001"')
    found, _ = doctor(hosts, "--split", MANY, file=file, code=1)
    assert ("n1", "ports") in wrong(found)
    assert found["n1", "connect"]["level"] == "ok"


def test_a_host_that_is_down(hosts):
    hosts.link("n3", "down")
    begin = time.monotonic()
    found, told = doctor(hosts, code=1)
    assert time.monotonic() - begin < 40
    assert wrong(found) == {("n3", "login")}
    assert found["n3", "login"]["text"].startswith("it does not let us in (10.77.0.3 p")
    assert "@10.77.0.3 true' must work" in found["n3", "login"]["remedy"]
    ways = {(w["source"], w["destination"]) for w in told["ways"]}
    assert ("n1", "n2") in ways
    assert not any("n3" in way for way in ways)


def test_a_key_for_ssh_that_others_can_read(hosts):
    key = hosts.folder / "id"
    key.chmod(0o644)
    try:
        found, _ = doctor(hosts, code=1)
    finally:
        key.chmod(0o600)
    assert wrong(found) == {(HERE, "ssh key")}
    assert f"chmod 600 {key}" in found[HERE, "ssh key"]["remedy"]


def test_the_key_is_on_no_command_line_and_in_no_environment(hosts, tmp_path, changed):
    told, script = tmp_path / "told", tmp_path / "python"
    told.touch()
    told.chmod(0o666)
    script.write_text(f'#!/bin/sh\n(echo "$@"; env) >> {told}\nexec {PYTHON} "$@"\n')
    script.chmod(0o755)
    found, _ = doctor(hosts, file=changed("n1", f'python = "{script}"'))
    assert found["n1", "version"]["level"] == "ok"
    assert "probe --connect - --die-with-stdin" in told.read_text()
    assert "secret" not in told.read_text()
