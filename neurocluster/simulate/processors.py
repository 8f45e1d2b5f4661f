"""Share the cores of a host among threads; compiled.

A host has one run queue, first come, first served, and as many cores as it has. Who
has a core keeps it until it sleeps, or until its slice is over while others wait. This
is what a Linux scheduler does with threads whose work between two sleeps, some tens of
microseconds, is far shorter than a slice: who wakes waits for a core, and meanwhile its
packets gather, so that one wake-up serves several. Processor sharing, the limit of
slices that go to zero, would have each of them served at once and wake-ups cost too
much. Cores are not told apart: a thread that waits takes the first that is free.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from neurocluster.dtypes import Records
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import pointer
from neurocluster.simulate.chance import draw
from neurocluster.simulate.events import push
from neurocluster.simulate.records import (
    COSTS,
    HOST,
    PROCESS,
    READY,
    RUNS,
    SLEEPS,
    THREAD,
    TURN_END,
)
from neurocluster.transport.turn import CLOCK, INPUT, OUTBOUND_FULL, SLEEP

U = np.uint64


@jit
def thread_of(loop: Records, index: int) -> Records:
    """Return a THREAD."""
    return carray(pointer(loop.threads_at), index + 1, THREAD)[index]


@jit
def process_of(loop: Records, index: int) -> Records:
    """Return a PROCESS."""
    return carray(pointer(loop.processes_at), index + 1, PROCESS)[index]


@jit
def host_of(loop: Records, index: int) -> Records:
    """Return a HOST."""
    return carray(pointer(loop.hosts_at), index + 1, HOST)[index]


@jit
def dispatch(loop: Records, index: int, late: int) -> None:
    """Give a core to a thread, which begins after ``late`` ns."""
    thread = thread_of(loop, index)
    begin = loop.now + late
    thread.processor_ns += begin - thread.since
    thread.state, thread.since = RUNS, begin
    thread.slice_end = begin + max(loop.quantum_ns, 1)
    push(loop, begin, TURN_END, index)


@jit
def enqueue(host: Records, index: int) -> None:
    """Let a thread wait for a core, behind all others."""
    queue = carray(pointer(host.queue_at), host.queue_size, np.int64)
    queue[(host.queue_first + host.queue_count) % host.queue_size] = index
    host.queue_count += 1


@jit
def next_in_queue(loop: Records, host: Records) -> None:
    """Give a core that is free to whoever waits longest, if anybody does."""
    if host.queue_count == 0:
        host.busy -= 1
        return
    queue = carray(pointer(host.queue_at), host.queue_size, np.int64)
    index = queue[host.queue_first]
    host.queue_first = (host.queue_first + 1) % host.queue_size
    host.queue_count -= 1
    dispatch(loop, index, 0)


@jit
def add_slept(thread: Records, slept: int) -> None:
    """Add to what a thread has slept for its cause, ns."""
    if thread.cause == INPUT:
        thread.input_ns += slept
    elif thread.cause == OUTBOUND_FULL:
        thread.outbound_ns += slept
    elif thread.cause == SLEEP:
        thread.sleep_ns += slept
    elif thread.cause == CLOCK:
        thread.clock_ns += slept
    else:
        thread.loop_ns += slept


@jit
def wake(loop: Records, index: int) -> None:
    """Wake a thread, if it sleeps: it takes a core, or waits for one.

    A core that was idle needs a while to begin.
    """
    thread = thread_of(loop, index)
    if thread.state != SLEEPS:
        return
    add_slept(thread, loop.now - thread.since)
    thread.state, thread.since = READY, loop.now
    thread.woken = 1
    thread.wakes += 1
    host = host_of(loop, thread.host)
    if host.busy == host.cores:
        enqueue(host, index)
        return
    host.busy += 1
    process = process_of(loop, thread.process)
    costs = carray(pointer(process.costs_at), 1, COSTS)[0]
    if thread.is_io:
        late = costs.io_late_fixed
    elif process.free_wake:
        late = 0.0
    else:
        late = costs.late_fixed * draw(process, costs.late_factors_at)
    dispatch(loop, index, np.int64(late + 0.5))


@jit
def sleep(loop: Records, index: int, cause: int) -> None:
    """Let a thread sleep, which gives its core to the next."""
    thread = thread_of(loop, index)
    thread.state, thread.since, thread.cause = SLEEPS, loop.now, cause
    next_in_queue(loop, host_of(loop, thread.host))


@jit
def work(loop: Records, index: int, end: int) -> None:
    """Let a thread work on its core until a time."""
    thread = thread_of(loop, index)
    spent = end - loop.now
    thread.cpu_ns += spent
    thread.since = end
    host_of(loop, thread.host).cpu_ns += spent
    push(loop, end, TURN_END, index)


@jit
def preempted(loop: Records, index: int) -> bool:
    """Take the core of a thread whose slice is over while others wait."""
    thread = thread_of(loop, index)
    host = host_of(loop, thread.host)
    if loop.now < thread.slice_end or host.queue_count == 0:
        return False
    thread.state, thread.since = READY, loop.now
    enqueue(host, index)
    next_in_queue(loop, host)
    return True
