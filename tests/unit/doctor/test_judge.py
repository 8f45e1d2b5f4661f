"""What is said of a machine, and of a host that told nothing."""

import dataclasses

import pytest

from neurocluster.doctor.findings import Finding, Level, verdict, worst
from neurocluster.doctor.judge import judge_machine, judge_missing, judge_ports
from neurocluster.doctor.needs import CONTROLLER, THE_CLIENT, Need
from neurocluster.doctor.report import HERE, UNLIMITED, Machine
from neurocluster.doctor.seen import CLOSED, ENDED, SILENT, Missing

GOOD = Machine(
    version="1.2.3", wire=1, software={"Python": "3.11.2", "numpy": "2.0"},
    hostname="n1", clock="a", cores=4.0, load=0.2, files=1024, files_most=4096,
    memory=8 << 30, memory_free=4 << 30, memory_of="the machine", kernels=60,
    folder="/work",
)  # fmt: skip
NEED = Need(
    runs=("conv1.0", "fc1.0"), files=60, files_of="conv1.0", memory=1 << 30, cores=4
)
PYTHON = "/opt/nc/bin/python"


def judged(subject, host="n1", need=None, here=GOOD, **changed):
    machine = dataclasses.replace(GOOD, **changed)
    need = dataclasses.replace(NEED, **(need or {}))
    found = judge_machine(host, machine, here, need, PYTHON)
    assert all(f.where == host for f in found)
    return next((f for f in found if f.subject == subject), None)


def test_a_good_machine_has_no_finding_that_asks_for_anything():
    found = judge_machine("n1", GOOD, GOOD, NEED, PYTHON)
    assert [(f.level, f.remedy) for f in found] == [(Level.OK, "")] * len(found)
    assert "neurocluster 1.2.3, Python 3.11.2, numpy 2.0" in found[0].text


@pytest.mark.parametrize(
    ("subject", "changed", "level", "text", "remedy"),
    [
        (
            "version", {"version": "1.2.2"}, Level.ERROR,
            "neurocluster 1.2.2 there, 1.2.3 on this machine",
            f"install neurocluster 1.2.3 there: {PYTHON} -m pip install",
        ),
        (
            "version", {"version": ""}, Level.ERROR, "of an unknown version there",
            "install neurocluster 1.2.3",
        ),
        (
            "version", {"wire": 2}, Level.ERROR,
            "wire format is 2 there, 1 on this machine", "install neurocluster 1.2.3",
        ),
        (
            "cores", {"cores": 2.0}, Level.WARNING,
            "2 cores to use, placement counts on 4", "say cores = 2",
        ),
        (
            "cores", {"cores": 0.5}, Level.WARNING, "0.5 cores to use",
            "say cores = 1",
        ),
        (
            "load", {"load": 4.0}, Level.WARNING,
            "4.0 processes ran in the last minute on 4 cores", "end them",
        ),
        (
            "files", {"files": 50}, Level.ERROR,
            "a process may have 50, conv1.0 may take 60", "ulimit -n 60",
        ),
        (
            "files", {"files": 50, "files_most": 55}, Level.ERROR, "may have 50",
            "raise the hard limit (55) to 60",
        ),
        (
            "memory", {"memory_free": 1 << 20}, Level.WARNING,
            "1.0 MiB free of 8.00 GiB (the machine), the plan may take 1.00 GiB",
            "free some, place less there",
        ),
        (
            "kernels", {"kernels": 0}, Level.WARNING, "none are compiled",
            f"{PYTHON} -m neurocluster warm",
        ),
        (
            "kernels", {"cache_problem": "Read-only file system"}, Level.WARNING,
            "cannot be kept: Read-only file system", "$NUMBA_CACHE_DIR",
        ),
        (
            "folder", {"folder_problem": "Permission denied"}, Level.ERROR,
            "nothing can be written in /work: Permission denied", "another 'folder'",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_says_what_to_change(subject, changed, level, text, remedy):
    found = judged(subject, **changed)
    assert found.level is level
    assert text in found.text
    assert remedy in found.remedy
    others = judge_machine(
        "n1", dataclasses.replace(GOOD, **changed), GOOD, NEED, PYTHON
    )
    assert [f for f in others if f.level is not Level.OK] == [found]


def test_more_workers_than_cores():
    many = tuple(f"conv1.{k}" for k in range(5))
    found = judged("cores", need={"runs": many, "spares": 2})
    assert found.level is Level.WARNING
    assert "only 4 cores for 5 workers (conv1.0, " in found.text
    assert "2 spares" in found.text
    assert "name more hosts" in found.remedy
    assert judged("cores", need={"runs": many[:4]}).level is Level.OK


def test_on_this_machine_the_client_counts_as_a_worker():
    beside = {"beside": (THE_CLIENT, CONTROLLER), "cores": None}
    four = tuple(f"conv1.{k}" for k in range(4))
    assert judged("cores", HERE, {"runs": four, **beside}).level is Level.WARNING
    assert judged("cores", HERE, {"runs": four[:3], **beside}).level is Level.OK
    assert judged("cores", HERE, {"runs": (), **beside}).level is Level.OK


def test_just_enough_descriptors_are_enough():
    assert judged("files", files=60).level is Level.OK
    assert judged("files", files=59).level is Level.ERROR


def test_no_limit_of_descriptors_is_enough():
    found = judged("files", files=UNLIMITED, files_most=UNLIMITED)
    assert found.level is Level.OK
    assert judged("files", files=50, files_most=UNLIMITED).remedy.startswith("raise it")


@pytest.mark.parametrize(
    ("ports", "level"),
    [((7000, 7005), Level.OK), ((7000, 7004), Level.WARNING),
     ((7000, 7002), Level.WARNING), ((7000, 7001), Level.ERROR)],
)  # fmt: skip
def test_ports_for_three_workers_that_never_take_the_same_twice(ports, level):
    need = dataclasses.replace(NEED, spares=1)
    found = judge_ports("n1", ports, 2, need)
    assert found.level is level
    assert (level is Level.OK) or "ports = '7000-7005'" in found.remedy


# -- hosts that told nothing -------------------------------------------------------


def missing(how, why, *log):
    return judge_missing("n2", Missing(how, why, log), "ssh me@n2 true", PYTHON)


def test_a_host_that_does_not_let_us_in():
    found = missing(CLOSED, "(10.0.0.2 port 22): Connection refused")
    assert found.level is Level.ERROR
    assert found.text == "it does not let us in (10.0.0.2 port 22): Connection refused"
    assert "'ssh me@n2 true' must work" in found.remedy


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("python: No module named neurocluster", f"install it there: {PYTHON} -m pip"),
        ("Error: No such command 'probe'.", "its neurocluster is too old"),
        ("env: '/opt/x': No such file or directory", "name its interpreter"),
        ("error: interface: eth9 has no address", "see what it says"),
    ],
)
def test_a_probe_that_ended_is_quoted(line, remedy):
    found = missing(ENDED, "ended with exit status 1", "first", line)
    assert found.level is Level.ERROR
    assert found.text == (
        f"its probe ended with exit status 1; its log ends:\nfirst\n{line}"
    )
    assert remedy in found.remedy


def test_a_probe_that_cannot_reach_us():
    line = "cannot reach the doctor at tcp://10.0.0.9:4711: no answer within 3 s"
    found = missing(SILENT, "no word within 30 s", line)
    assert line in found.text
    assert "let it connect to this machine by TCP" in found.remedy
    assert missing(SILENT, "no word within 30 s").text.endswith("it printed nothing")


# -- all together ------------------------------------------------------------------


def finding(level):
    return Finding("n1", "x", level, "")


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        ([], "All is well."),
        ([Level.OK], "All is well."),
        ([Level.OK, Level.WARNING], "No error, 1 warning: a run can start."),
        ([Level.ERROR], "1 error: a run would fail or mislead."),
        ([Level.ERROR, Level.WARNING] * 2, "2 errors, 2 warnings: a run would fail"),
    ],
)
def test_the_verdict(levels, words):
    found = [finding(level) for level in levels]
    assert verdict(found).startswith(words)
    assert worst(found) == max(levels, default=Level.OK)
