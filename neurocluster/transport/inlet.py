"""Receive one message, compiled; never block."""

from __future__ import annotations

import numpy as np

from neurocluster.dtypes import Records
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import c_call0, c_call4
from neurocluster.link import records as r
from neurocluster.link.gate import NOT_YET, NOTHING
from neurocluster.link.receiver import fault
from neurocluster.transport.outlets import EAGAIN, EINTR, NO_WAIT

U = np.uint64


@jit
def receive(turn: Records, node: Records) -> int:
    """Put the inbox's next message into the message buffer.

    Returns:
        Its size, NOTHING when the inbox is empty, NOT_YET when a signal came between,
        or a fault; all but sizes are negative.
    """
    at, room = U(node.message_at), U(node.message_room)
    size = c_call4(U(turn.recv_at), U(turn.inbox), at, room, U(NO_WAIT))
    if size >= 0:
        return size
    problem = c_call0(U(turn.errno_at))
    if problem == EINTR:
        return NOT_YET
    if problem != EAGAIN:
        return fault(node, r.BAD_SOCKET, -1, -1, 0, problem)
    return NOTHING
