"""Make a worker slower than it is, by sleeping; compiled, no I/O.

A slow worker takes ``factor`` times as long for each packet, or some time more for each
frame, or stands still from time to time. It sleeps for what it would have computed: to
spin would take the processor from others. Timers are late by some tens of microseconds,
so what a sleep takes too long is taken from the next one.

Under dilation the factor is of the processor time of whole turns, receiving and sending
included: by the wall clock a worker that waits for a core would count that as work.
"""

from __future__ import annotations

import math

import numpy as np

from neurocluster.dtypes import Records
from neurocluster.kernels.draw import normal
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import call1
from neurocluster.kernels.records import record

PACE = record(
    "extra_ppm",  # of the time that a packet took: factor - 1
    "frame_ns",  # median of what each frame takes beside
    "frame_sigma_ppm",  # of its logarithm
    "pause_ns",
    "pause_every_ns",
    "next_pause_ns",
    "debt_ns",  # still to be slept; negative: slept too long
    "resume_ns",  # until when it sleeps, or 0
    "slept_since",
    "random_at",
    "cpu_at",  # function: scratch address -> processor time, ns; 0: by the node's clock
    "cpu_scratch_at",
    "cpu_seen",  # up to which processor time work is counted
    "counted_ns",  # work that was multiplied
    "owed_ns",  # all that it was to sleep
)
LEAST_NS = 50_000
"""Debt below which it is not worth to sleep."""
MOST_CREDIT_NS = 5_000_000
"""That a late timer may give."""
MILLION = 1_000_000
U = np.uint64


@jit
def count(pace: Records, spent_ns: int) -> None:
    """Owe for some work."""
    owed = spent_ns * pace.extra_ppm // MILLION
    pace.counted_ns += spent_ns
    pace.owed_ns += owed
    pace.debt_ns += owed


@jit
def cpu_since(pace: Records) -> int:
    """Return the processor time since this was last asked."""
    now, seen = call1(U(pace.cpu_at), U(pace.cpu_scratch_at)), pace.cpu_seen
    pace.cpu_seen = now
    return now - seen


@jit
def turn_begins(pace: Records) -> None:
    """Count processor time from here on, if that is what counts."""
    if pace.cpu_at:
        cpu_since(pace)


@jit
def turn_ends(pace: Records) -> None:
    """Count what the turn used after its last packet; it is slept after the next."""
    if pace.cpu_at:
        count(pace, cpu_since(pace))


@jit
def owe(pace: Records, spent_ns: int, frames: int, now: int) -> int:
    """Note work that was done; fall asleep if enough is owed.

    Args:
        pace: PACE.
        spent_ns: Time that a packet took, by the node's clock.
        frames: Frames that it closed.
        now: When.

    Returns:
        1 if the worker sleeps now, until ``resume_ns``.
    """
    count(pace, cpu_since(pace) if pace.cpu_at else spent_ns)
    for _ in range(frames if pace.frame_ns else 0):
        spread = 1.0
        if pace.frame_sigma_ppm:
            z = normal(pace.random_at)
            spread = math.exp(z * float(pace.frame_sigma_ppm) / 1e6)
        more = np.int64(float(pace.frame_ns) * spread)
        pace.debt_ns += more
        pace.owed_ns += more
    if pace.pause_every_ns and now >= pace.next_pause_ns:
        if pace.next_pause_ns:
            pace.debt_ns += pace.pause_ns
            pace.owed_ns += pace.pause_ns
        pace.next_pause_ns = now + pace.pause_every_ns
    if pace.debt_ns < LEAST_NS:
        return 0
    pace.slept_since = now
    pace.resume_ns = now + pace.debt_ns
    return 1


@jit
def sleeps(pace: Records, now: int) -> int:
    """Return 1 if it still sleeps; else what it slept too long is its credit."""
    if pace.resume_ns == 0:
        return 0
    if now < pace.resume_ns:
        return 1
    pace.debt_ns = max(pace.resume_ns - now, -MOST_CREDIT_NS)
    pace.resume_ns = 0
    return 0
