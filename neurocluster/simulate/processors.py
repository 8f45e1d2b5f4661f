"""Share the cores of a host among threads; compiled.

A host has some cores, and a queue of threads that wait for one. They are served fairly,
as by Linux: each has a virtual time, what it has used so far, and who has used least is
next. Who wakes up while all cores work takes the core of the one that has used most, if
that is more than it has itself; who slept long gets credit for a slice at most (Stoica
and Abdel-Wahab, "Earliest Eligible Virtual Deadline First", 1995, in Linux since 6.6;
all slices are equal here, so the least virtual time has the earliest deadline). So
threads that work little, ZeroMQ's, interrupt the others for nearly each packet, and
packets gather less than in a queue of first come, first served. Cores are not told
apart.
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
MOST_STALE = 8
"""Times that a step is interrupted; each leaves an event."""


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
def used(loop: Records, thread: Records) -> int:
    """Return a thread's virtual time, ns."""
    if thread.state == RUNS and loop.now > thread.began:
        return thread.virtual + loop.now - thread.began
    return thread.virtual


@jit
def mean_used(loop: Records, host: Records) -> int:
    """Return the mean virtual time of those that have a core or wait for one."""
    queue = carray(pointer(host.queue_at), host.queue_size, np.int64)
    cores = carray(pointer(host.cores_at), host.cores, np.int64)
    total = count = np.int64(0)
    base = host.virtual
    for k in range(host.queue_count):
        total += used(loop, thread_of(loop, queue[k])) - base
        count += 1
    for k in range(host.cores):
        if cores[k] >= 0:
            total += used(loop, thread_of(loop, cores[k])) - base
            count += 1
    if count:
        host.virtual = base + total // count
    return host.virtual


@jit
def dispatch(loop: Records, index: int, late: int) -> None:
    """Give a free core to a thread, which begins after ``late`` ns."""
    thread = thread_of(loop, index)
    host = host_of(loop, thread.host)
    cores = carray(pointer(host.cores_at), host.cores, np.int64)
    core = 0
    while cores[core] >= 0:
        core += 1
    cores[core] = index
    begin = loop.now + late
    thread.processor_ns += begin - thread.since
    thread.state, thread.began, thread.yields = RUNS, begin, 0
    thread.slice_end = begin + max(loop.quantum_ns, 1)
    thread.since = begin + thread.rest
    thread.cpu_ns += thread.rest
    thread.rest = 0
    push(loop, thread.since, TURN_END, index)


@jit
def leave(loop: Records, index: int) -> None:
    """Take a thread off its core, which is free then."""
    thread = thread_of(loop, index)
    host = host_of(loop, thread.host)
    cores = carray(pointer(host.cores_at), host.cores, np.int64)
    core = 0
    while cores[core] != index:
        core += 1
    cores[core] = -1
    thread.virtual = used(loop, thread)


@jit
def enqueue(host: Records, index: int) -> None:
    """Let a thread wait for a core."""
    queue = carray(pointer(host.queue_at), host.queue_size, np.int64)
    queue[host.queue_count] = index
    host.queue_count += 1


@jit
def first_in_queue(loop: Records, host: Records) -> int:
    """Return the place of who is next: has used least, of equals waits longest."""
    queue = carray(pointer(host.queue_at), host.queue_size, np.int64)
    best = 0
    for k in range(1, host.queue_count):
        one, other = thread_of(loop, queue[k]), thread_of(loop, queue[best])
        if one.virtual < other.virtual or (
            one.virtual == other.virtual and one.since < other.since
        ):
            best = k
    return best


@jit
def next_in_queue(loop: Records, host: Records) -> None:
    """Give a core that is free to whoever is next, if anybody waits."""
    if host.queue_count == 0:
        host.busy -= 1
        return
    queue = carray(pointer(host.queue_at), host.queue_size, np.int64)
    place = first_in_queue(loop, host)
    index = queue[place]
    host.queue_count -= 1
    for k in range(place, host.queue_count):
        queue[k] = queue[k + 1]
    dispatch(loop, index, 0)


@jit
def take_core(loop: Records, host: Records, index: int) -> None:
    """Let a thread that woke up have the core of one that has used more, or wait.

    Who has to leave does so at once, unless the step that it is in sends something,
    which has its time already: then at the step's end.
    """
    thread = thread_of(loop, index)
    cores = carray(pointer(host.cores_at), host.cores, np.int64)
    victim, most = np.int64(-1), thread.virtual
    for k in range(host.cores):
        one = thread_of(loop, cores[k])
        if one.began <= loop.now and one.yields == 0 and used(loop, one) > most:
            victim, most = cores[k], used(loop, one)
    if victim < 0:
        enqueue(host, index)
        return
    other = thread_of(loop, victim)
    sends = process_of(loop, other.process).sends
    if other.is_io or sends or other.stale >= MOST_STALE or other.since <= loop.now:
        other.yields = 1
        enqueue(host, index)
        return
    leave(loop, victim)
    other.rest = other.since - loop.now
    other.cpu_ns -= other.rest
    other.stale += 1  # its event stands
    other.state, other.since = READY, loop.now
    enqueue(host, victim)
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
    credit = min(max(thread.lag, 0), loop.quantum_ns)
    thread.virtual = max(thread.virtual, mean_used(loop, host) - credit)
    if host.busy == host.cores:
        take_core(loop, host, index)
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
    host = host_of(loop, thread.host)
    thread.lag = mean_used(loop, host) - used(loop, thread)
    leave(loop, index)
    thread.state, thread.since, thread.cause = SLEEPS, loop.now, cause
    next_in_queue(loop, host)


@jit
def work(loop: Records, index: int, end: int) -> None:
    """Let a thread work on its core until a time."""
    thread = thread_of(loop, index)
    thread.cpu_ns += end - loop.now
    thread.since = end
    push(loop, end, TURN_END, index)


@jit
def preempted(loop: Records, index: int) -> bool:
    """Take the core of a thread that is to leave it, or has had it for its slice.

    Also tells the event of a step that was interrupted, which means nothing any more.
    """
    thread = thread_of(loop, index)
    if thread.stale:  # it comes before that of the step's rest
        thread.stale -= 1
        return True
    host = host_of(loop, thread.host)
    over = thread.yields or loop.now >= thread.slice_end
    thread.yields = 0
    if not over or host.queue_count == 0:
        return False
    queue = carray(pointer(host.queue_at), host.queue_size, np.int64)
    first = thread_of(loop, queue[first_in_queue(loop, host)])
    if first.virtual > used(loop, thread):
        thread.slice_end = loop.now + max(loop.quantum_ns, 1)
        return False
    leave(loop, index)
    thread.state, thread.since = READY, loop.now
    enqueue(host, index)
    next_in_queue(loop, host)
    return True
