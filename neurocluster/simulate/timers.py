"""Wake processes at a time, as a timer of the kernel does; compiled.

The time that was set last counts. Events cannot be taken back, so an earlier one is put
before those that stand; one that comes too early wakes nobody and sets the next.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from neurocluster.dtypes import Records
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import pointer
from neurocluster.simulate.events import push
from neurocluster.simulate.processors import process_of, wake
from neurocluster.simulate.records import TIMER


@jit
def set_timer(loop: Records, process: Records, due: int) -> None:
    """Have a process woken at a time; at none if that is 0."""
    process.timer = due
    times = carray(pointer(process.times_at), process.most_timers, np.int64)
    count = process.timers
    if due == 0 or (count and times[count - 1] <= due):
        return
    if count == process.most_timers:
        loop.faulty = process.index + 1
        return
    times[count] = due
    process.timers += 1
    push(loop, due, TIMER, process.index)


@jit
def timer(loop: Records, index: int) -> None:
    """Take a timer's event: wake the process if its time has come."""
    process = process_of(loop, index)
    process.timers -= 1  # those that are left are later
    if 0 < process.timer <= loop.now:
        process.timer = 0
        wake(loop, 2 * index)
    else:
        set_timer(loop, process, process.timer)
