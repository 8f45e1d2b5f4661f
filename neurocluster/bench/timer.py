"""Measure how late the timer of short times is, that delays and sleeps go by."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import numpy as np
import uvloop

from neurocluster.transport.timer import Timer

DELAYS_US: Final = (50, 200, 1000)
TIMES: Final = 400
"""How often each delay is asked for, in turn."""


def timer_step() -> dict[str, float]:
    """Measure lateness by the delay that was asked for, in microseconds."""
    late = uvloop.run(_lateness())
    found: dict[str, float] = {}
    for delay, times in late.items():
        p50, p99 = np.percentile(times, (50, 99))
        found |= {f"timer_{delay}_p50_us": float(p50)}
        found |= {f"timer_{delay}_p99_us": float(p99)}
    return found


async def _lateness() -> dict[int, list[float]]:
    late: dict[int, list[float]] = {delay: [] for delay in DELAYS_US}
    fired = asyncio.Event()
    timer = Timer(time.monotonic_ns, fired.set)
    try:
        for _ in range(TIMES):
            for delay, times in late.items():
                fired.clear()
                due = time.monotonic_ns() + delay * 1000
                timer.arm(due)
                await fired.wait()
                times.append((time.monotonic_ns() - due) / 1e3)
    finally:
        timer.close()
    return late
