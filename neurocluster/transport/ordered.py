"""Receive packets in an order that a seed draws, within a turn; compiled."""

from __future__ import annotations

import numpy as np
from numba import carray

from neurocluster.dtypes import Records
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import c_call0, c_call4, pointer
from neurocluster.link import records as r
from neurocluster.link.gate import NOT_YET, NOTHING
from neurocluster.link.order import ORDER, PASSES, keep, take
from neurocluster.link.receiver import fault
from neurocluster.transport.outlets import EAGAIN, EINTR, NO_WAIT

U = np.uint64


@jit
def next_in_order(turn: Records, node: Records) -> int:
    """Put the packet whose turn it is into the message buffer.

    Returns:
        Its size; NOTHING when it has not come and the inbox is empty; NOT_YET after a
        packet that must wait, so that a turn's budget counts it; or a fault.
    """
    order = carray(pointer(U(turn.order_at)), 1, ORDER)[0]
    size = take(order, node)
    if size != NOTHING:
        return size
    at, room = U(node.message_at), U(node.message_room)
    size = c_call4(U(turn.recv_at), U(turn.inbox), at, room, U(NO_WAIT))
    if size < 0:
        problem = c_call0(U(turn.errno_at))
        if problem == EINTR:
            return NOT_YET
        if problem != EAGAIN:
            return fault(node, r.BAD_SOCKET, -1, -1, 0, problem)
        return NOTHING
    code = keep(order, node, size)
    if code == PASSES:
        return size
    return code if code < 0 else NOT_YET
