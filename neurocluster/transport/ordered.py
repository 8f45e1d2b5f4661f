"""Receive packets in an order that a seed draws, within a turn; compiled."""

from __future__ import annotations

import numpy as np
from numba import carray

from neurocluster.dtypes import Records
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import pointer
from neurocluster.link.gate import NOT_YET, NOTHING
from neurocluster.link.order import ORDER, PASSES, keep, take
from neurocluster.transport.inlet import receive

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
    size = receive(turn, node)
    if size < 0:
        return size
    code = keep(order, node, size)
    if code == PASSES:
        return size
    return code if code < 0 else NOT_YET
