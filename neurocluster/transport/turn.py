"""Turn a node, compiled: receive within a budget, compute, send; never block.

The rules, each of which fails visibly when left out:

1. A wake-up only says "look"; every turn starts by looking.
2. A turn receives until the inbox is empty or its budget is used; in the second
   case it asks to be scheduled again, so timers and control messages get their turn.
3. A send that does not go through waits for its outlet's wake-up.
4. While any outbox holds packets a worker receives nothing, but keeps flushing the
   other links: that is the back-pressure. It still reads the inbox's events, or the
   inbox's descriptor would stay signalled and burn a core.
5. The client always receives, whatever its outboxes hold; otherwise the cycle
   through it could deadlock.

Time between turns is told apart by what the turn before waited for.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numba import carray

from neurocluster.dtypes import Records
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import call1, call2, pointer
from neurocluster.link import records as r
from neurocluster.link.gate import (
    GATE,
    NOT_YET,
    NOTHING,
    from_stash,
    holds_back,
    is_done,
    stash,
)
from neurocluster.link.receiver import now_ns
from neurocluster.link.records import NODE
from neurocluster.transport.inlet import receive
from neurocluster.transport.ordered import next_in_order
from neurocluster.transport.outlets import (
    TURN,
    events_of,
    next_due,
    release,
    send_all,
)
from neurocluster.transport.pace import PACE, owe, sleeps, turn_begins, turn_ends

IDLE: Final = 0
AGAIN: Final = 1
OTHER: Final = 2
BUDGET_PACKETS: Final = 64
"""Most packets of a turn."""
BUDGET_NS: Final = 1_000_000
CLOCK_PACKETS: Final = 8
"""Packets between two looks at the clock."""
CAUSES: Final = ("loop", "input", "outbound", "sleep", "clock")
"""What a turn waited for: others on the loop, packets, room in a link, its own pace,
a clock."""
LOOP, INPUT, OUTBOUND_FULL, SLEEP, CLOCK = range(len(CAUSES))
U = np.uint64


@jit
def inbox_empty(turn: Records, node: Records) -> int:
    """Tell the handler, send what it then has to send; returns IDLE or a fault."""
    code = call1(U(turn.flush_at), U(turn.handles_at))
    if code < 0:
        return code
    turn.idle_cause = INPUT
    if turn.gate_at and is_done(carray(pointer(turn.gate_at), 1, GATE)[0], node):
        turn.idle_cause = CLOCK
    if not node.outboxes:
        return IDLE
    clear = send_all(turn, node)
    if clear == 0:
        turn.idle_cause = OUTBOUND_FULL
    return min(clear, IDLE)


@jit
def handle(turn: Records, node: Records, size: int) -> int:
    """Handle the packet in the message buffer; returns as the handler does.

    A worker that is made slow may sleep afterwards; what the packet caused leaves when
    it wakes up.
    """
    if turn.pace_at == 0:
        return call2(turn.receive_at, turn.handles_at, U(size))
    pace = carray(pointer(turn.pace_at), 1, PACE)[0]
    begin, frames = now_ns(node), node.handled_frames
    code = call2(turn.receive_at, turn.handles_at, U(size))
    now = now_ns(node)
    owe(pace, now - begin, node.handled_frames - frames, now)
    return code


@jit
def asleep(turn: Records, node: Records) -> int:
    """Return 1 if the node sleeps for its pace; packets under way go on then."""
    if turn.pace_at == 0:
        return 0
    pace = carray(pointer(turn.pace_at), 1, PACE)[0]
    if not sleeps(pace, now_ns(node)):
        return 0
    turn.idle_cause = SLEEP
    return 1


@jit
def sleep(turn: Records, node: Records) -> int:
    """Only send what is under way; returns IDLE or a fault."""
    events_of(turn, turn.inbox)
    return release(turn, node) if turn.under_way else IDLE


@jit
def next_packet(turn: Records, node: Records) -> int:
    """Put the next packet that may be handled into the message buffer.

    Returns:
        Its size, NOTHING when the inbox is empty, NOT_YET when a signal came between,
        or a fault.
    """
    if turn.order_at:
        return next_in_order(turn, node)
    gated = turn.gate_at != 0
    if gated:
        gate = carray(pointer(turn.gate_at), 1, GATE)[0]
        if gate.looking:
            size = from_stash(gate, node)
            if size != NOTHING:
                return size
    while True:
        size = receive(turn, node)
        if size < 0 or not gated or not holds_back(gate, node, size):
            return size
        code = stash(gate, node, size)
        if code < 0:
            return code


@jit
def run_turn(turn: Records, node: Records, begin: int) -> int:
    """Take a turn that began at a time; returns as `take_turn` does."""
    turn.idle_cause = LOOP
    if asleep(turn, node):
        return sleep(turn, node)
    if node.linger_due and begin >= node.linger_due:
        idle = node.idle
        code = call1(U(turn.flush_at), U(turn.handles_at))
        node.idle = idle
        if code < 0:
            return code
    clear = send_all(turn, node)
    end = begin + BUDGET_NS
    for number in range(1, BUDGET_PACKETS + 1):
        if clear < 0:
            return clear
        if not clear and not turn.always_receive:
            events_of(turn, turn.inbox)
            turn.idle_cause = OUTBOUND_FULL
            return IDLE
        size = next_packet(turn, node)
        if size == NOTHING:
            return inbox_empty(turn, node)
        if size == NOT_YET:
            continue
        if size < 0:
            return size
        code = handle(turn, node, size)
        if code < 0:
            return code
        if code == r.NOT_CANONICAL:
            turn.other_size = size
            return OTHER
        if asleep(turn, node):
            return sleep(turn, node)
        if node.outboxes:
            clear = send_all(turn, node)
        if number % CLOCK_PACKETS == 0 and now_ns(node) > end:
            break
    return AGAIN


@jit
def paced_turn(turn: Records, node: Records, begin: int) -> int:
    """Take a turn of a worker that is made slow; returns as `take_turn` does."""
    pace = carray(pointer(turn.pace_at), 1, PACE)[0]
    turn_begins(pace)
    code = run_turn(turn, node, begin)
    turn_ends(pace)
    return code


@jit
def wake_time(turn: Records, node: Records) -> int:
    """Return when a turn is due though nothing arrives, or 0."""
    due = next_due(turn, node) if turn.under_way else 0
    if node.linger_due:
        due = node.linger_due if due == 0 else min(due, node.linger_due)
    if turn.pace_at:
        pace = carray(pointer(turn.pace_at), 1, PACE)[0]
        if pace.resume_ns:
            due = pace.resume_ns if due == 0 else min(due, pace.resume_ns)
    return due


@jit
def take_turn(turn_at: int) -> int:
    """Take one turn.

    Args:
        turn_at: Address of TURN.

    Returns:
        IDLE: nothing to do until a wake-up, or until ``wake_ns``. AGAIN: the budget is
        used. OTHER: the message buffer holds ``other_size`` bytes that are no packet in
        canonical form. Negative: a fault.
    """
    turn = carray(pointer(U(turn_at)), 1, TURN)[0]
    node = carray(pointer(U(turn.node_at)), 1, NODE)[0]
    turn.turns += 1
    begin = now_ns(node)
    waits = carray(pointer(turn.waits_at), (len(CAUSES), 2), np.int64)
    if turn.idle_since:
        waits[turn.idle_cause, 0] += begin - turn.idle_since
        waits[turn.idle_cause, 1] += 1
    if turn.pace_at:
        code = paced_turn(turn, node, begin)
    else:
        code = run_turn(turn, node, begin)
    turn.idle_since = now_ns(node)
    turn.turn_ns += turn.idle_since - begin
    turn.wake_ns = wake_time(turn, node)
    return code
