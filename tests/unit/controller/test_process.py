"""What /proc says of processes of this machine."""

import os
import signal
import subprocess
import sys

from neurocluster.controller.process import HOSTNAME, own, start_of, state_of
from neurocluster.controller.status import ENDED, GONE, UNSEEN
from tests.support.processes import wait_for


def test_this_process_runs():
    pid, host, start = own()
    assert (pid, host) == (os.getpid(), HOSTNAME)
    assert state_of(pid, host, start) == "R"


def test_stopped_and_ended():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as child:
        start = start_of(child.pid)
        child.send_signal(signal.SIGSTOP)
        wait_for(lambda: state_of(child.pid, HOSTNAME, start) == "T")
        assert state_of(child.pid, HOSTNAME, start + 1) == GONE
        child.kill()
        wait_for(lambda: state_of(child.pid, HOSTNAME, start) in ENDED)
    assert state_of(child.pid, HOSTNAME) == GONE
    assert start_of(child.pid) == 0


def test_other_machines_cannot_be_seen():
    assert state_of(os.getpid(), "elsewhere." + HOSTNAME) == UNSEEN
    assert state_of(0, HOSTNAME) == UNSEEN
