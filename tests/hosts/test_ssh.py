"""Workers on hosts that are reached by ssh, as an ordinary user."""

import contextlib
import time
from pathlib import Path

import pytest

from tests.support.processes import (
    kill,
    neurocluster,
    roster,
    start,
    summary,
    table,
    wait_for,
)

pytestmark = pytest.mark.hosts
FRAMES = 500
LONG = 20_000


def run(hosts, out, *options, timeout=240):
    return neurocluster(
        "run", "--hosts", hosts.file, "--out", out, "--no-compare", *options,
        timeout=timeout,
    )  # fmt: skip


def workers(hosts):
    """Return the workers and their parents on all hosts."""
    return [pid for name in hosts.names for pid in hosts.pids(name, "neurocluster")]


def counted(out):
    """Return what a run says that does not depend on time."""
    columns = ("spikes_sent", "spikes_received", "spikes_negative")
    links = [[row[c] for c in columns] for row in table(out, "links.csv")]
    frames = [
        {k: v for k, v in row.items() if not k.endswith("_ns")}
        for row in table(out, "frames.csv")
    ]
    return links, frames


def assert_only_lost(recoveries, host):
    """All that failed was on a host; its spare may be missed a moment later."""
    assert 1 <= len(recoveries) <= 3
    for recovery in recoveries:
        assert f" on {host}) has been silent for " in recovery["reason"]
        assert recovery["seconds"] < 2


def test_three_hosts_give_the_results_of_one(hosts, tmp_path):
    done = run(hosts, tmp_path / "far", "--frames", FRAMES)
    assert done.returncode == 0, done.stderr
    near = neurocluster(
        "run", "--out", tmp_path / "near", "--frames", FRAMES, "--no-compare"
    )
    assert near.returncode == 0, near.stderr
    assert counted(tmp_path / "far") == counted(tmp_path / "near")
    assert "Nothing lost: " in done.stdout
    where = {w["partition"]: w["host"] for w in roster(tmp_path / "far")["workers"]}
    assert set(where.values()) == set(hosts.names)
    assert where["fc1.0"] == where["fc2.0"]  # neighbours together
    assert not (tmp_path / "far" / "connection.json").exists()
    wait_for(lambda: not workers(hosts))


def test_a_crashed_worker_is_started_again_on_its_host(hosts, tmp_path):
    out = tmp_path / "out"
    process = start(
        "run",
        "--hosts",
        hosts.file,
        "--out",
        out,
        "--no-compare",
        "--frames",
        LONG // 2,
    )
    found = {w["partition"]: w for w in roster(out, 120)["workers"]}
    time.sleep(0.5)
    kill(found["conv2.0"]["pid"])
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "was killed by signal 9 (SIGKILL)" in errors
    assert len(table(out, "frames.csv")) == LONG // 2
    assert len(summary(out)["recoveries"]) == 1
    wait_for(lambda: not workers(hosts))


def test_a_lost_host_is_survived_with_spares(hosts, tmp_path):
    """Its link goes down for good; a spare elsewhere takes its partition."""
    out = tmp_path / "out"
    process = start(
        "run", "--hosts", hosts.file, "--out", out, "--no-compare", "--frames", LONG,
        "--spares", 3,
    )  # fmt: skip
    found = {w["partition"]: w for w in roster(out, 120)["workers"]}
    time.sleep(0.5)
    hosts.link(found["conv2.0"]["host"], "down")
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    rows = table(out, "frames.csv")
    assert [row["frame"] for row in rows] == [str(k % 10_000) for k in range(len(rows))]
    assert_only_lost(summary(out)["recoveries"], found["conv2.0"]["host"])
    hosts.link(found["conv2.0"]["host"], "up")
    wait_for(lambda: not workers(hosts), 30)


def test_without_this_machine_nothing_is_left(hosts, tmp_path):
    """The command is killed: workers end with their connections."""
    out = tmp_path / "out"
    process = start("run", "--hosts", hosts.file, "--out", out, "--frames", LONG)
    roster(out, 120)
    assert len(workers(hosts)) >= 4
    process.kill()
    process.communicate()
    wait_for(lambda: not workers(hosts), 10)
    wait_for(lambda: not (out / "connection.json").exists(), 10)


def test_hosts_that_do_not_let_us_in_are_listed(hosts, tmp_path):
    wrong = tmp_path / "hosts.toml"
    text = hosts.file.read_text()
    wrong.write_text(text.replace('"10.77.0.2"', '"10.77.0.99"\nport = 2299'))
    hosts.link("n3", "down")
    begin = time.monotonic()
    done = neurocluster("run", "--hosts", wrong, "--out", tmp_path / "o", "--frames", 5)
    assert time.monotonic() - begin < 30
    assert done.returncode == 1
    assert "2 of 3 hosts do not let us in:" in done.stderr
    assert "n2 (10.77.0.99 port 2299): " in done.stderr
    assert "n3 (10.77.0.3 port 2222): " in done.stderr
    assert "Traceback" not in done.stderr


def test_a_host_without_the_package_says_so(hosts, tmp_path):
    wrong = tmp_path / "hosts.toml"
    text = hosts.file.read_text()
    wrong.write_text(text.replace('"n2"', '"n2"\npython = "/usr/bin/python3"'))
    done = neurocluster("run", "--hosts", wrong, "--out", tmp_path / "o", "--frames", 5)
    assert done.returncode == 1
    assert "the workers of n2 ended before they were there" in done.stderr
    assert "No module named neurocluster" in done.stderr


def test_the_key_is_nowhere_but_in_the_file_of_the_run(hosts, tmp_path):
    """Not on a command line, not in an environment, not in a log, not in a result."""
    out = tmp_path / "out"
    process = start("run", "--hosts", hosts.file, "--out", out, "--frames", LONG)
    roster(out, 120)
    file = out / "connection.json"
    secret = file.read_text().split('"secret": "')[1].split('"')[0]
    assert len(secret) == 40
    for name in ("cmdline", "environ"):
        for told in Path("/proc").glob(f"[0-9]*/{name}"):
            with contextlib.suppress(OSError):
                assert secret.encode() not in told.read_bytes()
    process.terminate()
    process.communicate(timeout=30)
    texts = [p.read_text(errors="replace") for p in out.rglob("*") if p.is_file()]
    assert not any(secret in text for text in texts)
    wait_for(lambda: not workers(hosts))
