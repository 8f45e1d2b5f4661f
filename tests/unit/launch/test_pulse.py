"""The time at which a child was last alive, as its parent sees it."""

import os
import signal
import time

from neurocluster.launch.children import Pulse

SECOND_NS = 10**9


def test_a_parent_never_sees_half_a_beat():
    """A child beats without a pause; whenever the parent looks, it lives."""
    pulse = Pulse()
    pulse.beat()
    pid = os.fork()
    while pid == 0:
        pulse.beat()
    try:
        end = time.monotonic() + 0.5
        silences = []
        while time.monotonic() < end:
            silences += [pulse.silent_ns() for _ in range(1000)]
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert max(silences) < SECOND_NS
    pulse.close()


def test_silence_grows_until_the_next_beat():
    pulse = Pulse()
    pulse.beat()
    time.sleep(0.02)
    assert 20_000_000 <= pulse.silent_ns() < SECOND_NS
    pulse.beat()
    assert pulse.silent_ns() < 20_000_000
    pulse.close()
