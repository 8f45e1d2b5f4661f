"""The kernel's delay: what tc is told, and what a user is told where there is none."""

import os
import subprocess
from pathlib import Path

import pytest

from tools.netem import KERNEL, PLAIN, SENDER, compared, number, times_of

SCRIPT = Path(__file__).parents[2] / "deploy" / "netem.sh"


@pytest.fixture
def machine(tmp_path):
    """Return a function that runs the script where tc writes down what it is told."""

    def run(*words, netem=True):
        tools = tmp_path / "bin"
        tools.mkdir(exist_ok=True)
        for name, text in {
            "tc": f'echo "$@" >>{tmp_path}/told\n'
            f'[ "$2" != show ] || cat {tmp_path}/"$4"\n',
            "unshare": f'[ "$2" = true ] || exit {0 if netem else 2}\n',
            "modprobe": "exit 1\n", "id": "echo 0\n",
        }.items():  # fmt: skip
            (tools / name).write_text(f"#!/bin/sh\n{text}")
            (tools / name).chmod(0o755)
        path = f"{tools}:{os.environ['PATH']}"
        done = subprocess.run(
            [SCRIPT, *words], capture_output=True, text=True, check=False,
            env={**os.environ, "PATH": path},
        )  # fmt: skip
        told = tmp_path / "told"
        return done, told.read_text().splitlines() if told.exists() else []

    return run


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--delay-us", "1000"], "netem limit 100000 delay 1000us"),
        (
            ["--jitter-us", "50.5", "--delay-us", "200"],
            "netem limit 100000 delay 200us 50.5us distribution normal",
        ),
        (
            ["--loss", "0.01", "--rate-mbit", "100"],
            "netem limit 100000 loss 1% rate 100mbit",
        ),
        (["--rate-mbit", "100"], "tbf rate 100mbit burst 16kb limit 16mb"),
    ],
)
def test_what_tc_is_told(machine, options, told):
    done, lines = machine("set", "eth0", *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert lines == [f"qdisc replace dev eth0 root {told}"]


def test_a_kernel_without_netem_is_said_to_have_none(machine):
    for words in (["check"], ["set", "eth0", "--delay-us", "1"]):
        done, lines = machine(*words, netem=False)
        assert (done.returncode, done.stdout, lines) == (2, "", [])
        assert "has no sch_netem" in done.stderr
        assert "--delay-us" in done.stderr
    done, lines = machine("set", "eth0", "--rate-mbit", "9", netem=False)
    assert done.returncode == 0
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["set"], "name a device"),
        (["set", "eth0"], "say what"),
        (["set", "eth0", "--delay-us"], "--delay-us: a value is missing"),
        (["set", "eth0", "--delay-us", "1ms"], "--delay-us 1ms: give a number"),
        (["set", "eth0", "--loss", "2"], "--loss 2: give a probability"),
        (["set", "eth0", "--delay", "2"], "unknown option --delay"),
        (["reset"], "unknown command reset"),
    ],
)
def test_mistakes_are_named(machine, words, said):
    done, lines = machine(*words)
    assert done.returncode == 2
    assert said in done.stderr
    assert lines == []


def test_what_is_not_there_is_not_cleared(machine, tmp_path):
    (tmp_path / "eth0").write_text("qdisc netem 8001: root refcnt 2 delay 1ms\n")
    (tmp_path / "eth1").write_text("qdisc noqueue 0: root refcnt 2\n")
    done, lines = machine("clear", "eth0")
    assert (done.returncode, done.stdout) == (0, "")
    assert lines == ["qdisc show dev eth0", "qdisc del dev eth0 root"]
    done, lines = machine("clear", "eth1")
    assert (done.returncode, lines[2:]) == (0, ["qdisc show dev eth1"])
    assert "eth1 has no delay" in done.stdout
    done, _ = machine("clear", "eth2")
    assert done.returncode == 2
    assert done.stderr.startswith("netem: eth2: ")


@pytest.mark.parametrize(
    ("value", "text"), [(1000.0, "1000"), (50.5, "50.5"), (2_500_000.0, "2500000")]
)
def test_numbers_are_written_as_the_script_reads_them(value, text):
    assert number(value) == text


def runs(plain, sender, kernel):
    found = {PLAIN: plain, SENDER: sender, KERNEL: kernel}
    return {way: [{"latency": t} for t in times] for way, times in found.items()}


def test_what_both_add_is_compared_round_by_round():
    said, agree = compared(runs([100, 200], [1100, 1210], [1100, 1200]), 0.05)
    assert agree
    assert "the sender adds 1,005 us, the kernel 1,000 us" in said
    assert "ratio 1.005 (1.000 to 1.010): they agree" in said
    said, agree = compared(runs([100, 100], [1100, 1100], [600, 600]), 0.15)
    assert not agree
    assert "ratio 2.000" in said
    assert "THEY DIFFER" in said


def test_times_of_a_run(tmp_path):
    (tmp_path / "links.csv").write_text("transit_ns_p50\n1000\n2000\n9000\n")
    (tmp_path / "summary.json").write_text('{"latency_ns": {"p50": 5500}}')
    assert times_of(tmp_path) == {"transit of packets": 2, "latency of frames": 5.5}
