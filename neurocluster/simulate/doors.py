"""What Python asks of a simulation while time stands still; compiled."""

from __future__ import annotations

import numpy as np
from numba import carray

from neurocluster.dtypes import I64
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import pointer
from neurocluster.simulate.events import push
from neurocluster.simulate.loop import tell
from neurocluster.simulate.meter import charge
from neurocluster.simulate.processors import process_of, thread_of, wake, work
from neurocluster.simulate.records import COSTS, LOOP
from neurocluster.simulate.wires import post

U = np.uint64


@jit
def go_on(loop_at: int, index: int) -> None:
    """Let a thread for which `run` asked work until its process's time."""
    loop = carray(pointer(U(loop_at)), 1, LOOP)[0]
    thread = thread_of(loop, index)
    work(loop, index, process_of(loop, thread.process).now)


@jit
def taken(loop_at: int, index: int, turning: int) -> int:
    """Note that a thread's control message was taken; return its link.

    Args:
        loop_at: Address of LOOP.
        index: Of the thread.
        turning: What follows: BETWEEN for a turn.
    """
    loop = carray(pointer(U(loop_at)), 1, LOOP)[0]
    thread = thread_of(loop, index)
    process = process_of(loop, thread.process)
    link, process.heard = process.heard - 1, 0
    process.now, thread.turning = loop.now, turning
    return link


@jit
def tell_controller(loop_at: int, index: int) -> None:
    """Let a process send the controller a message, see `tell`."""
    loop = carray(pointer(U(loop_at)), 1, LOOP)[0]
    tell(loop, process_of(loop, index))


@jit
def post_all(loop_at: int, index: int, links: I64) -> None:
    """Let a process send a message on each of several links, one after the other."""
    loop = carray(pointer(U(loop_at)), 1, LOOP)[0]
    process = process_of(loop, index)
    costs = carray(pointer(process.costs_at), 1, COSTS)[0]
    for k in links:
        charge(process, costs.tell_fixed)
        post(loop, k, process.now)


@jit
def push_event(loop_at: int, time: int, kind: int, index: int) -> None:
    """Let something happen; see `events.push`."""
    push(carray(pointer(U(loop_at)), 1, LOOP)[0], time, kind, index)


@jit
def let_turn(loop_at: int, index: int) -> None:
    """Have a process take a turn that costs nothing beside packets."""
    loop = carray(pointer(U(loop_at)), 1, LOOP)[0]
    process = process_of(loop, index)
    process.free_wake = process.roomy = 1
    wake(loop, 2 * index)


@jit
def wake_thread(loop_at: int, index: int) -> None:
    """Wake a thread; see `processors.wake`."""
    wake(carray(pointer(U(loop_at)), 1, LOOP)[0], index)
