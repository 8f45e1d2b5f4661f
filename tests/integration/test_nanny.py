"""`worker --workers N`: a parent that keeps its workers alive, and ends in order."""

import re
import signal
import subprocess
import time

import pytest

from tests.support.processes import alive, children, kill, none_alive, start, wait_for


@pytest.fixture
def controller(tmp_path):
    """A controller; its log goes to a file, so that a test can read on."""
    connection = tmp_path / "c.json"
    with (tmp_path / "log").open("w") as log:
        process = start("controller", "--connection", connection, log=log)
    wait_for(connection.exists)
    yield process, connection, (tmp_path / "log").read_text
    process.terminate()
    process.communicate(timeout=5)


def parent_of(connection, count, log, *options, **kwargs):
    before = log().count("registered")
    process = start(
        "worker", "--connect", connection, "--workers", count, *options, **kwargs
    )
    wait_for(lambda: log().count("registered") == before + count)
    return process, children(process.pid)


def test_a_crashed_worker_is_started_again_and_the_cause_told(controller):
    _, connection, log = controller
    process, workers = parent_of(connection, 2, log)
    begin = time.monotonic()
    kill(workers[0])
    wait_for(lambda: "was killed by signal 9 (SIGKILL)" in log())
    assert time.monotonic() - begin < 1.0
    wait_for(lambda: log().count("registered") == 3)
    assert re.search(rf"worker pid {workers[0]} on \S+\) was killed by signal 9", log())
    now = children(process.pid)
    assert len(now) == 2
    assert workers[1] in now
    process.terminate()
    _, errors = process.communicate(timeout=5)
    assert (
        f"a worker (pid {workers[0]}) was killed by signal 9 (SIGKILL); new:" in errors
    )


def test_a_stopped_worker_is_replaced(controller):
    _, connection, log = controller
    process, workers = parent_of(connection, 2, log)
    kill(workers[1], signal.SIGSTOP)
    wait_for(lambda: log().count("registered") == 3)
    none_alive(workers[1:])
    assert len(children(process.pid)) == 2
    process.terminate()
    process.communicate(timeout=5)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_of_them_with_0(controller, number):
    _, connection, log = controller
    process, workers = parent_of(connection, 3, log)
    begin = time.monotonic()
    process.send_signal(number)
    process.communicate(timeout=5)
    assert time.monotonic() - begin < 2.0
    assert process.returncode == 0
    assert not any(alive(pid) for pid in workers)
    wait_for(lambda: log().count("left: ") == 3)


def test_they_end_with_standard_input_if_asked(controller):
    _, connection, log = controller
    process, workers = parent_of(
        connection, 2, log, "--die-with-stdin", stdin=subprocess.PIPE
    )
    process.stdin.close()
    process.stdin = None
    process.communicate(timeout=5)
    assert process.returncode == 0
    none_alive(workers, 0.1)


def test_a_killed_parent_takes_its_workers_along(controller):
    _, connection, log = controller
    process, workers = parent_of(connection, 2, log)
    process.kill()
    process.communicate(timeout=5)
    none_alive(workers)
    wait_for(lambda: log().count("the process that started this worker is gone") == 2)


@pytest.mark.slow
def test_without_a_controller_all_end_with_75(controller):
    process, connection, log = controller
    parent, workers = parent_of(connection, 2, log)
    alone = start("worker", "--connect", connection)
    wait_for(lambda: log().count("registered") == 3)
    process.kill()
    begin = time.monotonic()
    for one in (parent, alone):
        one.communicate(timeout=45)
        assert one.returncode == 75
    assert 25 < time.monotonic() - begin < 40
    none_alive(workers, 0.1)
