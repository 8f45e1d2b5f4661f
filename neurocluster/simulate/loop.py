"""Let virtual time pass: take the next event, let threads work; compiled.

A process's main thread takes turns as a real one does, by `transport.turn`, compiled
and unchanged, on its own engine. A turn ends when it has done one thing that takes
time; the thread then keeps its core for as long as that takes, and takes the next turn.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import carray

from neurocluster.dtypes import Records
from neurocluster.kernels.jit import jit, native
from neurocluster.kernels.memory import call1, call2, pointer
from neurocluster.link.records import NODE, OUTBOUND
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
    COSTS,
    ENDED,
    HANDED,
    IN_TURN,
    LOOP,
    PROCESS,
    TURN_END,
)
from neurocluster.simulate.wires import arrives, handed, io_step, link_of
from neurocluster.transport.turn import BUDGET_PACKETS, take_turn
from neurocluster.wire.packet import HEADER_BYTES

U = np.uint64
DONE, MORE, STUCK, FAULTY = range(4)
"""How `run` ends: all clients are done; events are left; none is; a turn failed."""


@jit
def words_sent(process: Records) -> int:
    """Return the spikes that a process has packed so far."""
    node = carray(pointer(process.node_at), 1, NODE)[0]
    links = carray(pointer(U(node.outbound_at)), node.outbound_count, OUTBOUND)
    total = 0
    for k in range(node.outbound_count):
        total += links[k].spikes
    return total


@jit
def charged_receive(process: Records, size: int) -> int:
    """Let the engine handle the packet in its buffer; charge what the meter did not."""
    costs = carray(pointer(process.costs_at), 1, COSTS)[0]
    process.factor = draw(process, costs.handle_factors_at)
    process.charged = 0
    node = carray(pointer(process.node_at), 1, NODE)[0]
    packed, closed = np.int64(0), node.handled_frames
    if process.is_client:
        packed = words_sent(process)
    code = call2(process.receive_at, process.handles_at, U(size))
    cost = 0.0 if process.charged else costs.handle_fixed
    if process.is_client:
        cost += costs.handle_spike * ((size - HEADER_BYTES) >> 1)
        cost += costs.handle_fired * (words_sent(process) - packed)
        cost += costs.handle_frame * (node.handled_frames - closed)
    charge(process, cost * process.factor)
    return code


@cache
def handler_functions() -> tuple[int, int]:
    """Return the addresses of what a turn calls; see `link.buffers.Handler`."""

    @native("int64(uint64, uint64)")
    def simulated_handle(at: int, size: int) -> int:
        process = carray(pointer(at), 1, PROCESS)[0]
        return charged_receive(process, np.int64(size))

    @native("int64(uint64)")
    def simulated_flush(at: int) -> int:
        process = carray(pointer(at), 1, PROCESS)[0]
        return call1(process.flush_at, process.handles_at)

    return simulated_handle.address, simulated_flush.address


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
    half_a_turn(process)
    process.now += process.odd_ns
    process.odd_ns = 0


@jit
def take_step(loop: Records, process: Records, thread: Records) -> None:
    """Let a turn do one thing; see whether that was its last."""
    process.took = process.moved = process.empty = process.full = 0
    process.freed = 0
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
        half_a_turn(process)
    finished(loop, process)


@jit
def main_step(loop: Records, index: int) -> None:
    """Let a process's main thread do one thing that takes time, or sleep.

    Whatever comes while a turn ends has another one follow it without a sleep.
    """
    thread = thread_of(loop, index)
    process = process_of(loop, thread.process)
    process.begin = process.now = loop.now
    if thread.turning == ENDED:
        thread.turning = BETWEEN
        blocked = np.int64(process.full and not process.is_client)
        due = process.roomy or process.odd_ns
        if not due and (blocked or process.arrived == 0):
            sleep(loop, index, blocked)
            return
    if thread.turning == BETWEEN:
        begin_turn(process, thread)
    elif process.turn_at:
        take_step(loop, process, thread)
    else:
        thread.turning = ENDED
    work(loop, index, process.now)


@jit
def finished(loop: Records, process: Records) -> None:
    """See whether a client has finished all its frames."""
    if process.is_client and process.wanted:
        node = carray(pointer(process.node_at), 1, NODE)[0]
        if node.handled_frames >= process.wanted:
            process.wanted = 0
            loop.open_clients -= 1


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
            if thread_of(loop, index).is_io:
                io_step(loop, index)
            else:
                main_step(loop, index)
        elif kind == HANDED:
            handed(loop, index)
        elif kind == ARRIVES:
            arrives(loop, index)
        elif kind == BEAT:
            beat(loop, index)
    return MORE


@jit
def push_event(loop_at: int, time: int, kind: int, index: int) -> None:
    """Let something happen; see `events.push`."""
    push(carray(pointer(U(loop_at)), 1, LOOP)[0], time, kind, index)


@jit
def wake_thread(loop_at: int, index: int) -> None:
    """Wake a thread; see `processors.wake`."""
    wake(carray(pointer(U(loop_at)), 1, LOOP)[0], index)
