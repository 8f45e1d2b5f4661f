"""Name the clock that this process reads, and measure how long that takes."""

from __future__ import annotations

import secrets
from functools import cache
from pathlib import Path
from time import monotonic_ns
from typing import Final

import numpy as np

from neurocluster.kernels.clock import Clock

READS: Final = 2001
BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
TIME_NAMESPACE: Final = Path("/proc/self/ns/time")


def own_clock() -> Clock:
    """Return the clock that this process reads."""
    return Clock(clock_domain(), monotonic_ns)


def clock_domain() -> str:
    """Return a name that two processes share only if they read the same clock.

    The host does not decide that: a time namespace has an offset of its own. Kernels
    before 5.6 have no such namespaces. Who cannot tell its boot shares with nobody.
    """
    try:
        boot = BOOT.read_text(encoding="ascii").strip()
    except OSError:
        boot = secrets.token_hex(16)
    try:
        namespace = TIME_NAMESPACE.stat().st_ino
    except OSError:
        namespace = 0
    return f"{boot}/{namespace}"


@cache
def reading_ns() -> int:
    """Measure how long a reading of our clock takes: what a stamp may be late."""
    stamps = [monotonic_ns() for _ in range(READS)]
    return max(1, int(np.median(np.diff(stamps))))
