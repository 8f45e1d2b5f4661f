"""The fork template: starts, reports every end, and leaves nobody behind."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.support.processes import alive, none_alive, wait_for

ROLES = '''
import os, select, signal, sys, time
from neurocluster.launch.template import Template

def code(arguments, pulse):
    return int(arguments["code"])

def crash(arguments, pulse):
    print("goes out")
    raise RuntimeError("a bug")

def leave(arguments, pulse):
    sys.exit("left")

def lease(arguments, pulse):
    """Wait for the end of standard input, as every role does."""
    while os.read(0, 100):
        pass
    open(arguments["file"], "w").close()
    return 0

def stubborn(arguments, pulse):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    open(arguments["file"], "w").close()
    while True:
        time.sleep(1)

def controller(arguments, pulse):
    with open(arguments["file"], "ab", buffering=0) as file:
        while data := os.read(0, 4096):
            file.write(data)
    return 0

def state(arguments, pulse):
    print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL,
          signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL,
          len(os.listdir("/proc/self/fd")))
    return 0

def worker(arguments, pulse):
    """Live, and fall silent or crash as told; a worker in another's place is good."""
    print("former", arguments.get("former"), arguments.get("cause"), flush=True)
    pulse.beat()
    if "former" not in arguments or "always" in arguments:
        if arguments["do"] == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if arguments["do"] == "exit":
            return int(arguments["code"])
        if arguments["do"] == "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
    while not select.select([0], [], [], 0.05)[0]:
        pulse.beat()
    return 0

names = (
    "code", "crash", "leave", "lease", "stubborn", "controller", "state", "worker",
)
sys.exit(Template({name: globals()[name] for name in names}).run())
'''


class Driver:
    """A template with roles of its own."""

    def __init__(self, folder):
        self.folder, self.slots = folder, {}
        self.process = subprocess.Popen(
            [sys.executable, "-c", ROLES], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        assert self.event() == {"ready": self.process.pid}

    def event(self):
        return json.loads(self.process.stdout.readline())

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def start(self, slot, role, **arguments):
        """Start a child; return its pid."""
        log = str(self.folder / f"{slot}.log")
        self.ask(slot=slot, role=role, log=log, arguments=arguments)
        event = self.event()
        assert event == {"started": slot, "pid": event["pid"]}
        self.slots[slot] = event["pid"]
        return event["pid"]

    def exited(self):
        """Return slot, pid and code of the next exit."""
        event = self.event()
        return event["exited"], event["pid"], event["code"]

    def log(self, slot):
        path = self.folder / f"{slot}.log"
        return path.read_text() if path.exists() else ""

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        for pid in self.slots.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def template(tmp_path):
    driver = Driver(tmp_path)
    yield driver
    driver.close()


@pytest.mark.parametrize(
    ("role", "arguments", "code", "log"),
    [
        ("code", {"code": "0"}, 0, ""), ("code", {"code": "76"}, 76, ""),
        ("crash", {}, 70, "RuntimeError: a bug"), ("leave", {}, 70, "SystemExit: left"),
        ("none", {}, 70, "KeyError: 'none'"),
    ],
)  # fmt: skip
def test_every_end_is_reported_with_its_status(template, role, arguments, code, log):
    pid = template.start("x", role, **arguments)
    assert template.exited() == ("x", pid, code)
    assert log in template.log("x")
    template.start("y", "code", code="0")  # it goes on
    assert template.event()["exited"] == "y"


def test_what_a_child_prints_goes_to_its_log(template):
    template.start("x", "crash")
    template.event()
    assert template.log("x").startswith("goes out\n")


def test_a_killed_child_is_reported_with_its_signal(template, tmp_path):
    pid = template.start("x", "lease", file=str(tmp_path / "f"))
    os.kill(pid, signal.SIGKILL)
    assert template.exited() == ("x", pid, -9)


def test_the_controller_hears_of_every_exit(template, tmp_path):
    heard = tmp_path / "heard"
    template.start("controller", "controller", file=str(heard))
    pid = template.start("x", "code", code="3")
    event = template.event()
    assert event == {
        "exited": "x", "pid": pid, "code": 3, "problem": "", "left": 0,
    }  # fmt: skip
    wait_for(lambda: heard.exists() and heard.read_bytes().endswith(b"\n"))
    assert json.loads(heard.read_text()) == event


def test_requests_may_come_together_or_in_pieces(template, tmp_path):
    lines = "".join(
        json.dumps({
            "slot": str(k), "role": "code", "log": str(tmp_path / "log"),
            "arguments": {"code": str(k)},
        }) + "\n"
        for k in range(3)
    )  # fmt: skip
    for part in (lines[:10], lines[10:150], lines[150:]):
        template.process.stdin.write(part)
        template.process.stdin.flush()
        time.sleep(0.02)
    events = [template.event() for _ in range(6)]
    assert {e["exited"]: e["code"] for e in events if "exited" in e} == {
        "0": 0, "1": 1, "2": 2,
    }  # fmt: skip


def test_a_child_begins_fresh(template):
    template.start("other", "lease", file="/dev/null")
    template.start("x", "state")
    template.event()
    # standard streams and the one that lists them
    assert template.log("x").split() == ["True", "True", "4"]


@pytest.mark.parametrize("end", ["close", "term"])
def test_its_end_ends_all_children_within_two_seconds(template, tmp_path, end):
    ready = tmp_path / "ready"
    template.start("x", "lease", file=str(tmp_path / "f"))
    template.start("y", "stubborn", file=str(ready))
    wait_for(ready.exists)
    begin = time.monotonic()
    if end == "close":
        template.process.stdin.close()
    else:
        template.process.terminate()
    assert template.process.wait(5) == 0
    assert time.monotonic() - begin < 2.5
    none_alive(template.slots.values(), 0.1)


def test_children_outlive_a_killed_template_only_for_a_moment(template, tmp_path):
    """No child holds the lease of another, so each sees the end of its own."""
    files = [tmp_path / str(k) for k in range(3)]
    for k, file in enumerate(files):
        template.start(str(k), "lease", file=str(file))
    template.process.kill()
    for file in files:
        wait_for(file.exists, 5)
    none_alive(template.slots.values())


def pid_in_place(template, slot, former):
    """Return the process that took another's place, once it lives."""
    event = template.event()
    template.slots[f"{slot} again"] = event["pid"]
    assert event == {"started": slot, "pid": event["pid"]}
    wait_for(lambda: f"former {former} " in template.log(slot))
    return event["pid"]


@pytest.mark.parametrize(
    ("do", "code", "words"),
    [
        ("crash", -11, "was killed by signal 11 (SIGSEGV)"),
        ("exit", 70, "ended with exit status 70"),
        ("stop", -9, "did not answer for 1."),
    ],
)
def test_a_worker_that_crashed_or_fell_silent_is_started_again(
    template, do, code, words
):
    pid = template.start("x", "worker", do=do, code="70")
    event = template.event()
    assert (event["pid"], event["code"], event["left"]) == (pid, code, 1)
    assert (words in event["problem"]) == (do == "stop")
    again = pid_in_place(template, "x", pid)
    assert alive(again)
    assert words in template.log("x").splitlines()[-1]


@pytest.mark.parametrize("code", ["0", "2", "76", "77"])
def test_some_exit_codes_are_not_tried_again(template, code):
    template.start("x", "worker", do="exit", code=code)
    event = template.event()
    assert (event["code"], event["left"]) == (int(code), 0)


def test_a_worker_is_started_again_three_times_a_minute(template):
    template.start("x", "worker", do="crash", always="yes")
    events = [template.event() for _ in range(7)]
    assert [e["left"] for e in events if "left" in e] == [1, 1, 1, 0]
    template.start("y", "worker", do="none")  # another slot has its own budget
    assert alive(template.slots["y"])


def test_a_template_that_did_not_run_kills_nobody(template):
    """Its own pause is not the silence of its children."""
    pid = template.start("x", "worker", do="none")
    wait_for(lambda: "former" in template.log("x"))
    os.kill(template.process.pid, signal.SIGSTOP)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(1.6)
    os.kill(pid, signal.SIGCONT)
    os.kill(template.process.pid, signal.SIGCONT)
    time.sleep(0.6)
    assert alive(pid)


def test_it_ends_its_children_and_serves_the_next_cluster(template, tmp_path):
    template.start("x", "worker", do="crash", always="yes")
    events = [template.event() for _ in range(7)]  # its restarts are used up
    assert events[-1]["left"] == 0
    pids = [template.start(str(k), "worker", do="none") for k in range(2)]
    template.ask(end=True)
    assert template.event() == {"ended": True}
    none_alive(pids, 0.1)
    pid = template.start("x", "worker", do="crash")
    assert template.event()["left"] == 1  # and are forgotten
    assert alive(pid_in_place(template, "x", pid))
