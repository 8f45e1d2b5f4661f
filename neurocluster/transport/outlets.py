"""Send what waits, compiled; never block.

Sockets are reached through four C functions given by address, with the signatures of
libzmq's ``zmq_recv``, ``zmq_send``, ``zmq_getsockopt`` and ``zmq_errno``; see
`transport.calls`.
"""

from __future__ import annotations

import errno
from typing import Final

import numpy as np
import zmq
from numba import carray

from neurocluster.dtypes import Records
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import c_call0, c_call4, pointer
from neurocluster.kernels.records import record
from neurocluster.link import records as r
from neurocluster.link.outbox import stamp
from neurocluster.link.receiver import fault, now_ns
from neurocluster.link.records import OUTBOUND
from neurocluster.transport.delay_line import (
    LINE,
    enter,
    head_due,
    head_size,
    leave,
)

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
    "lines_at",  # LINE (links,), or 0
    "under_way",  # packets in lines
    "pace_at",  # PACE of `transport.pace`, or 0
    "gate_at",  # GATE of `link.gate`, or 0
    "order_at",  # ORDER of `link.order`, or 0
    "wake_ns",  # when the next turn is due whatever happens, or 0
    "turn_ns",  # time in turns
    "idle_since",  # when the last turn ended
    "idle_cause",  # why, see `transport.turn`
    "waits_at",  # int64 (causes, 2): time between turns by cause, and how many
)
NO_WAIT, EVENTS, CAN_SEND = int(zmq.NOBLOCK), int(zmq.EVENTS), int(zmq.POLLOUT)
EAGAIN, EINTR = errno.EAGAIN, errno.EINTR
SENT, TRY_AGAIN, NO_ROOM = 2, 1, 0
U = np.uint64


@jit
def events_of(turn: Records, socket: int) -> int:
    """Return a socket's events; reading them clears its descriptor's signal."""
    scratch = carray(pointer(U(turn.scratch_at)), 2, np.int64)
    scratch[0], scratch[1] = 0, 4
    at = U(turn.scratch_at)
    c_call4(U(turn.option_at), U(socket), U(EVENTS), at, at + U(8))
    return scratch[0]


@jit
def try_send(turn: Records, node: Records, k: int, at: int, size: int) -> int:
    """Hand a packet to a link's socket.

    Returns:
        SENT, TRY_AGAIN, NO_ROOM (the socket's wake-up comes when it has), or a fault.
    """
    count = node.outbound_count
    outlet = carray(pointer(U(turn.outlets_at)), count, np.int64)[k]
    if c_call4(U(turn.send_at), U(outlet), U(at), U(size), U(NO_WAIT)) >= 0:
        return SENT
    problem = c_call0(U(turn.errno_at))
    if problem != EAGAIN and problem != EINTR:
        link = carray(pointer(U(node.outbound_at)), count, OUTBOUND)[k]
        return fault(node, r.BAD_SOCKET, link.index, -1, 0, problem)
    if problem == EINTR or events_of(turn, outlet) & CAN_SEND:
        return TRY_AGAIN
    return NO_ROOM


@jit
def move(turn: Records, node: Records, k: int, at: int, size: int) -> int:
    """Send a packet of a link's outbox, through its line if it has one.

    Returns:
        As `try_send` does; NO_ROOM where a line is full, too.
    """
    if turn.lines_at:
        lines = carray(pointer(U(turn.lines_at)), node.outbound_count, LINE)
        if lines[k].slot_count:
            if lines[k].count == lines[k].slot_count:
                return NO_ROOM
            enter(lines[k], at, size, now_ns(node))
            turn.under_way += 1
            return SENT
    stamp(at, now_ns(node))
    return try_send(turn, node, k, at, size)


@jit
def send_link(turn: Records, node: Records, k: int) -> int:
    """Send a link's packets until it is full.

    Returns:
        1 when its outbox is empty now, 0 when it is full, or a fault.
    """
    count = node.outbound_count
    link = carray(pointer(U(node.outbound_at)), count, OUTBOUND)[k]
    since = carray(pointer(U(turn.blocked_since_at)), count, np.int64)
    pieces = carray(pointer(U(link.pieces_at)), (link.pieces_size, 2), np.int64)
    while link.pieces_done < link.pieces_count:
        start, size = pieces[link.pieces_done, 0], pieces[link.pieces_done, 1]
        code = move(turn, node, k, link.outbox_at + U(start), size)
        if code < 0:
            return code
        if code == TRY_AGAIN:
            continue
        if code == NO_ROOM:
            if since[k] == 0:
                since[k] = now_ns(node)
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
def release(turn: Records, node: Records) -> int:
    """Send what has been under way for long enough; returns MORE or a fault."""
    lines = carray(pointer(U(turn.lines_at)), node.outbound_count, LINE)
    now = now_ns(node)
    for k in range(node.outbound_count):
        line = lines[k]
        line.full_socket = 0
        while line.count and head_due(line) <= now and not line.full_socket:
            at = line.slots_at + U(line.head * line.slot_size)
            code = try_send(turn, node, k, at, head_size(line))
            if code < 0:
                return code
            if code == NO_ROOM:
                line.full_socket = 1
            elif code == SENT:
                leave(line)
                turn.under_way -= 1
    return r.MORE


@jit
def next_due(turn: Records, node: Records) -> int:
    """Return when the next packet that is under way may leave, or 0."""
    lines = carray(pointer(U(turn.lines_at)), node.outbound_count, LINE)
    due = 0
    for k in range(node.outbound_count):
        if lines[k].count and not lines[k].full_socket:
            head = head_due(lines[k])
            due = head if due == 0 else min(due, head)
    return due


@jit
def send_all(turn: Records, node: Records) -> int:
    """Send what waits; returns 1 when every outbox is empty now, 0, or a fault."""
    if turn.under_way:
        code = release(turn, node)
        if code < 0:
            return code
    clear = 1
    links = carray(pointer(U(node.outbound_at)), node.outbound_count, OUTBOUND)
    for k in range(node.outbound_count):
        if links[k].pieces_count:
            sent = send_link(turn, node, k)
            if sent < 0:
                return sent
            clear &= sent
    return clear
