"""Turn a node, compiled: receive within a budget, compute, send; never block.

Sockets are reached through four C functions given by address, with the signatures of
libzmq's ``zmq_recv``, ``zmq_send``, ``zmq_getsockopt`` and ``zmq_errno``; see
`transport.calls`. The rules, each of which fails visibly when left out:

1. A wake-up only says "look"; every turn starts by looking.
2. A turn receives until the inbox is empty or its budget is used; in the second
   case it asks to be scheduled again, so timers and control messages get their turn.
3. A send that does not go through waits for its outlet's wake-up.
4. While any outbox holds packets a worker receives nothing, but keeps flushing the
   other links: that is the back-pressure. It still reads the inbox's events, or the
   inbox's descriptor would stay signalled and burn a core.
5. The client always receives, whatever its outboxes hold; otherwise the cycle
   through it could deadlock.
"""

from __future__ import annotations

import errno
from typing import Final

import numpy as np
import zmq
from numba import carray

from neurocluster.dtypes import Records
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import c_call0, c_call4, call1, call2, pointer
from neurocluster.kernels.records import record
from neurocluster.link import records as r
from neurocluster.link.outbox import stamp
from neurocluster.link.receiver import fault, now_ns
from neurocluster.link.records import NODE, OUTBOUND

TURN: Final = record(
    "node_at",
    "receive_at",  # see `link.buffers.Handler`
    "flush_at",
    "handles_at",
    "recv_at",  # see `transport.calls.Calls`
    "send_at",
    "option_at",
    "errno_at",
    "inbox",
    "outlets_at",  # int64 (links,)
    "blocked_since_at",  # int64 (links,): 0, or when the link was found full
    "blocked_ns_at",  # int64 (links,): finished waits
    "always_receive",
    "scratch_at",  # 16 bytes
    "other_size",  # bytes of a message that is not in canonical form
    "turns",
)
IDLE: Final = 0
AGAIN: Final = 1
OTHER: Final = 2
BUDGET_PACKETS: Final = 64
"""Most packets of a turn."""
BUDGET_NS: Final = 1_000_000
CLOCK_PACKETS: Final = 8
"""Packets between two looks at the clock."""
U = np.uint64
NO_WAIT, EVENTS, CAN_SEND = int(zmq.NOBLOCK), int(zmq.EVENTS), int(zmq.POLLOUT)
EAGAIN, EINTR = errno.EAGAIN, errno.EINTR


@jit
def events_of(turn: Records, socket: int) -> int:
    """Return a socket's events; reading them clears its descriptor's signal."""
    scratch = carray(pointer(U(turn.scratch_at)), 2, np.int64)
    scratch[0], scratch[1] = 0, 4
    at = U(turn.scratch_at)
    c_call4(U(turn.option_at), U(socket), U(EVENTS), at, at + U(8))
    return scratch[0]


@jit
def send_link(turn: Records, node: Records, k: int) -> int:
    """Send a link's packets until it is full.

    Returns:
        1 when its outbox is empty now, 0 when it is full, or a fault.
    """
    link = carray(pointer(U(node.outbound_at)), node.outbound_count, OUTBOUND)[k]
    count = node.outbound_count
    outlet = carray(pointer(U(turn.outlets_at)), count, np.int64)[k]
    since = carray(pointer(U(turn.blocked_since_at)), count, np.int64)
    pieces = carray(pointer(U(link.pieces_at)), (link.pieces_size, 2), np.int64)
    while link.pieces_done < link.pieces_count:
        start, size = pieces[link.pieces_done, 0], pieces[link.pieces_done, 1]
        at = U(link.outbox_at + start)
        time_ns = now_ns(node)
        stamp(at, time_ns)
        if c_call4(U(turn.send_at), U(outlet), at, U(size), U(NO_WAIT)) < 0:
            problem = c_call0(U(turn.errno_at))
            if problem != EAGAIN and problem != EINTR:
                return fault(node, r.BAD_SOCKET, link.index, -1, 0, problem)
            if problem == EINTR or events_of(turn, outlet) & CAN_SEND:
                continue
            if since[k] == 0:
                since[k] = time_ns
            return 0
        link.pieces_done += 1
        if since[k]:
            total = carray(pointer(U(turn.blocked_ns_at)), count, np.int64)
            total[k] += now_ns(node) - since[k]
            since[k] = 0
    link.pieces_count = link.pieces_done = link.outbox_used = 0
    node.outboxes -= 1
    return 1


@jit
def send_all(turn: Records, node: Records) -> int:
    """Send what waits; returns 1 when every outbox is empty now, 0, or a fault."""
    clear = 1
    links = carray(pointer(U(node.outbound_at)), node.outbound_count, OUTBOUND)
    for k in range(node.outbound_count):
        if links[k].pieces_count:
            sent = send_link(turn, node, k)
            if sent < 0:
                return sent
            clear &= sent
    return clear


@jit
def inbox_empty(turn: Records, node: Records) -> int:
    """Tell the handler, send what it then has to send; returns IDLE or a fault."""
    code = call1(U(turn.flush_at), U(turn.handles_at))
    if code < 0:
        return code
    return min(send_all(turn, node), IDLE) if node.outboxes else IDLE


@jit
def take_turn(turn_at: int) -> int:
    """Take one turn.

    Args:
        turn_at: Address of TURN.

    Returns:
        IDLE: nothing to do until a wake-up. AGAIN: the budget is used. OTHER: the
        message buffer holds ``other_size`` bytes that are no packet in canonical
        form. Negative: a fault.
    """
    turn = carray(pointer(U(turn_at)), 1, TURN)[0]
    node = carray(pointer(U(turn.node_at)), 1, NODE)[0]
    turn.turns += 1
    clear = send_all(turn, node)
    end = now_ns(node) + BUDGET_NS
    room = U(node.message_room)
    for number in range(1, BUDGET_PACKETS + 1):
        if clear < 0:
            return clear
        if not clear and not turn.always_receive:
            events_of(turn, turn.inbox)
            return IDLE
        at = U(node.message_at)
        size = c_call4(U(turn.recv_at), U(turn.inbox), at, room, U(NO_WAIT))
        if size < 0:
            problem = c_call0(U(turn.errno_at))
            if problem == EINTR:
                continue
            if problem != EAGAIN:
                return fault(node, r.BAD_SOCKET, -1, -1, 0, problem)
            return inbox_empty(turn, node)
        code = call2(U(turn.receive_at), U(turn.handles_at), U(size))
        if code < 0:
            return code
        if code == r.NOT_CANONICAL:
            turn.other_size = size
            return OTHER
        if node.outboxes:
            clear = send_all(turn, node)
        if number % CLOCK_PACKETS == 0 and now_ns(node) > end:
            break
    return AGAIN
