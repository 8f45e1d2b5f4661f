"""Let virtual time pass: take the next event, let threads work; compiled.

A process's main thread takes turns as a real one does, by `transport.turn`, compiled
and unchanged, on its own engine. A turn ends when it has done one thing that takes
time; the thread then keeps its core for as long as that takes, and takes the next turn.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from neurocluster.dtypes import Records
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import pointer
from neurocluster.link.gate import GATE, is_done
from neurocluster.link.records import NODE
from neurocluster.simulate.chance import draw
from neurocluster.simulate.events import pop, push
from neurocluster.simulate.meter import charge
from neurocluster.simulate.processors import (
    preempted,
    process_of,
    sleep,
    thread_of,
    wake,
    work,
)
from neurocluster.simulate.records import (
    ARRIVES,
    BEAT,
    BETWEEN,
    CLIENT_ROUNDS,
    COSTS,
    ENDED,
    GATED,
    HANDED,
    IN_TURN,
    LOOP,
    TIMER,
    TURN_END,
)
from neurocluster.simulate.timers import set_timer, timer
from neurocluster.simulate.wires import arrives, handed, hear, io_step, link_of, post
from neurocluster.transport.outlets import TURN
from neurocluster.transport.turn import (
    BUDGET_PACKETS,
    INPUT,
    OUTBOUND_FULL,
    SLEEP,
    take_turn,
)

U = np.uint64
DONE, MORE, STUCK, FAULTY, HEARD, TURNED = range(6)
"""How `run` ends: all clients are done; events are left; none is; a turn failed; the
caller's process has read a control message, or ended a turn, and somebody decides."""


@jit
def half_a_turn(process: Records) -> None:
    """Charge what a turn costs beside packets, half when it begins, half at its end."""
    costs = carray(pointer(process.costs_at), 1, COSTS)[0]
    charge(process, costs.wake_fixed / 2 * draw(process, costs.wake_factors_at))


@jit
def begin_turn(process: Records, thread: Records) -> None:
    """Charge the beginning of a turn, and work beside packets."""
    thread.turning = IN_TURN
    process.turn_packets = process.roomy = 0
    if process.free_wake == 0:
        half_a_turn(process)
    process.now += process.odd_ns
    process.odd_ns = 0


@jit
def take_step(loop: Records, process: Records, thread: Records) -> None:
    """Let a turn do one thing; see whether that was its last."""
    process.took = process.moved = process.freed = 0
    packets = process.packets
    if take_turn(np.int64(process.turn_at)) < 0:
        loop.faulty = thread.process + 1
    process.turn_packets += process.packets - packets
    if process.freed:
        source = link_of(loop, process.freed - 1).source
        process_of(loop, source).roomy = 1
        wake(loop, 2 * source)
    if process.moved == 0 or process.turn_packets >= BUDGET_PACKETS:
        thread.turning = ENDED if process.moved == 0 else BETWEEN
        if process.free_wake == 0:
            half_a_turn(process)
        process.free_wake = 0


@jit
def rests(loop: Records, index: int) -> bool:
    """Let a thread whose turn has ended sleep, unless there is something to do."""
    thread = thread_of(loop, index)
    process = process_of(loop, thread.process)
    cause, due = np.int64(INPUT), np.int64(0)
    if process.turn_at:
        turn = carray(pointer(process.turn_at), 1, TURN)[0]
        cause, due = turn.idle_cause, turn.wake_ns
    if process.roomy or process.odd_ns or process.mail or 0 < due <= loop.now:
        return False
    waits = cause == OUTBOUND_FULL and process.is_client == 0
    if process.arrived and not waits and cause != SLEEP:
        return False
    set_timer(loop, process, due)
    sleep(loop, index, cause)
    return True


@jit
def main_step(loop: Records, index: int) -> int:
    """Let a process's main thread do one thing that takes time, or sleep.

    Whatever comes while a turn ends has another one follow it without a sleep.

    Returns:
        MORE; or TURNED if the one who decides is to look at the end of this turn.
    """
    thread = thread_of(loop, index)
    process = process_of(loop, thread.process)
    process.begin = process.now = loop.now
    process.sends = 0
    if thread.turning == ENDED:
        thread.turning = BETWEEN
        if rests(loop, index):
            return MORE
    if thread.turning == BETWEEN:
        if process.mail:
            hear(loop, process)
        else:
            begin_turn(process, thread)
    elif process.turn_at:
        take_step(loop, process, thread)
        if asks(loop, process, thread):
            return TURNED
    else:
        thread.turning = ENDED
    work(loop, index, process.now)
    return MORE


@jit
def asks(loop: Records, process: Records, thread: Records) -> bool:
    """Tell whether somebody has to decide what follows a turn that has ended.

    A worker that has done its round says so itself, if that is by a message.
    """
    if process.is_client:
        return finished(loop, process) or (
            thread.turning != IN_TURN and process.clocked == CLIENT_ROUNDS
        )
    if thread.turning == IN_TURN or process.clocked != GATED or process.told:
        return False
    turn = carray(pointer(process.turn_at), 1, TURN)[0]
    node = carray(pointer(process.node_at), 1, NODE)[0]
    if not is_done(carray(pointer(turn.gate_at), 1, GATE)[0], node):
        return False
    process.told = 1
    if loop.priced == 0:
        return True
    tell(loop, process)
    return False


@jit
def tell(loop: Records, process: Records) -> None:
    """Send the controller a message; charge what that costs."""
    costs = carray(pointer(process.costs_at), 1, COSTS)[0]
    charge(process, costs.tell_fixed)
    post(loop, process.upward - 1, process.now)


@jit
def finished(loop: Records, process: Records) -> bool:
    """Note the frames that a client has finished; tell if now all clients have one."""
    node = carray(pointer(process.node_at), 1, NODE)[0]
    if process.wanted and node.handled_frames >= process.wanted:
        process.wanted = 0
        loop.open_clients -= 1
    if loop.joint_at == 0:
        return False
    counts = carray(pointer(loop.joint_at), loop.joint_count, np.int64)
    last = min(node.handled_frames, loop.joint_count)
    while process.handled < last:
        counts[process.handled] += 1
        process.handled += 1
    before = loop.joint
    while loop.joint < loop.joint_count and counts[loop.joint] == loop.clients:
        loop.joint += 1
    return loop.joint > before


@jit
def beat(loop: Records, index: int) -> None:
    """Let a process have some work beside packets, and more after a while."""
    process = process_of(loop, index)
    process.odd_ns += process.beat_cost_ns
    push(loop, loop.now + loop.beat_ns, BEAT, index)
    wake(loop, 2 * index)


@jit
def run(loop_at: int, most: int) -> int:
    """Take events until all clients are done, or so many of them.

    Args:
        loop_at: Address of LOOP.
        most: Events.

    Returns:
        DONE, MORE, STUCK or FAULTY.
    """
    loop = carray(pointer(U(loop_at)), 1, LOOP)[0]
    for _ in range(most):
        if loop.faulty:
            return FAULTY
        if loop.open_clients == 0:
            return DONE
        if loop.heap_count == 0:
            return STUCK
        what = pop(loop)
        loop.events += 1
        index, kind = what >> 3, what & 7
        if kind == TURN_END:
            if preempted(loop, index):
                continue
            thread = thread_of(loop, index)
            if thread.is_io:
                io_step(loop, index)
                continue
            loop.caller = index
            if process_of(loop, thread.process).heard:
                return HEARD
            if main_step(loop, index) == TURNED:
                return TURNED
        elif kind == HANDED:
            handed(loop, index)
        elif kind == ARRIVES:
            arrives(loop, index)
        elif kind == BEAT:
            beat(loop, index)
        elif kind == TIMER:
            timer(loop, index)
    return MORE
