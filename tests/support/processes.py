"""Run commands as a user does, and look at what they leave."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

COMMAND = [sys.executable, "-m", "neurocluster"]
STARTED = []
ENVIRONMENT = os.environ | {"NO_COLOR": "1"}


def neurocluster(*arguments, timeout=120, cwd=None, prefix=()):
    """Run a command to its end; ``prefix`` is a command that runs it."""
    return subprocess.run(
        [*prefix, *COMMAND, *map(str, arguments)], capture_output=True, text=True,
        timeout=timeout, check=False, cwd=cwd, env=ENVIRONMENT,
    )  # fmt: skip


def start(*arguments, log=subprocess.PIPE, **options):
    """Start a command; the caller waits for it, `end_started` ends it at the latest."""
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)], stdout=subprocess.PIPE, stderr=log,
        text=True, env=ENVIRONMENT, preexec_fn=as_in_front, **options,
    )  # fmt: skip
    STARTED.append(process)
    return process


def as_in_front():
    """Take Ctrl-C in a child even if the tests run behind a shell, which ignores it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def end_started():
    """End what a test started and left; a test that fails leaves much."""
    while STARTED:
        process = STARTED.pop()
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.communicate()


def table(folder, name):
    """Return a CSV file of a run folder as maps."""
    with (Path(folder) / name).open() as file:
        return list(csv.DictReader(file))


def summary(folder):
    """Return a run's summary."""
    return json.loads((Path(folder) / "summary.json").read_text())


def wait_for(condition, seconds=20.0):
    """Wait until a condition holds; fail after some seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.005)
    raise AssertionError(f"no {condition} within {seconds} s")


def roster(folder, seconds=90.0):
    """Wait for a run's roster, kernels that are compiled first included; return it."""
    path = Path(folder) / "roster.json"
    wait_for(path.exists, seconds)
    return json.loads(path.read_text())


def alive(pid):
    """Tell whether a process runs (a zombie does not)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in ("Z", "X")


def none_alive(pids, seconds=5.0):
    """Wait until none of some processes runs."""
    wait_for(lambda: not any(alive(pid) for pid in pids), seconds)


def pids_of(found):
    """Return the pids of workers and controller in a roster."""
    return [w["pid"] for w in found["workers"]] + [found["controller"]["pid"]]


def kill(pid, number=signal.SIGKILL):
    """Send a signal to a process that a test started."""
    os.kill(pid, number)


def children(pid):
    """Return the pids of a process's children, oldest first."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in text.split()]


def parent(pid):
    """Return the pid of a process's parent."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
