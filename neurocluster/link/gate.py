"""Hold packets back until a clock lets their frame in; compiled and sans-IO.

A worker under a clock handles packets of steps below a limit: phases of frames, counted
through, or frames where they have one phase. It receives the others all the same, and
stashes them: senders must be able to finish what the clock waits for.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from neurocluster.dtypes import Records
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import copy_bytes, pointer, read_big
from neurocluster.kernels.records import record
from neurocluster.link import records as r
from neurocluster.link.receiver import fault, is_canonical
from neurocluster.wire import packet as w

GATE = record(
    "limit",  # steps below it may be handled
    "stash_at",  # packets, each after its size as int64
    "stash_size",
    "used",  # bytes of the stash
    "kept",  # bytes of packets that were looked at and stay
    "look",  # where to look next
    "looking",  # 1: the limit has moved, look at what is stashed first
    "packets",
    "peak",  # most bytes that were used
)
WORD = 8
HEADER = w.HEADER_BYTES
NOTHING, NOT_YET = -1_000_000, -1_000_001
"""There is no packet; it was not possible to look."""
U = np.uint64


@jit
def frame_of(message_at: int) -> int:
    """Return the frame of a packet in canonical form."""
    return np.int64(read_big(U(message_at) + U(12), 4))


@jit
def step_of(node: Records, message_at: int) -> int:
    """Return the step of a packet in canonical form."""
    phase = np.int64(read_big(U(message_at) + U(17), 2))
    return frame_of(message_at) * node.phases + phase


@jit
def holds_back(gate: Records, node: Records, size: int) -> bool:
    """Tell whether the packet in the message buffer must wait."""
    if not is_canonical(node.message_at, size):
        return False
    if np.int64(read_big(U(node.message_at) + U(4), 4)) != node.epoch:
        return False
    return step_of(node, node.message_at) >= gate.limit


@jit
def stash(gate: Records, node: Records, size: int) -> int:
    """Keep the packet in the message buffer; returns MORE or a fault."""
    room = WORD + (size + WORD - 1) // WORD * WORD
    if gate.used + room > gate.stash_size:
        link = np.int64(read_big(U(node.message_at) + U(9), 2))
        frame = frame_of(node.message_at)
        return fault(node, r.BAD_STASH, link, frame, gate.stash_size, gate.used + room)
    at = U(gate.stash_at + U(gate.used))
    carray(pointer(at), 1, np.int64)[0] = size
    copy_bytes(at + U(WORD), U(node.message_at), U(size))
    gate.used += room
    gate.packets += 1
    gate.peak = max(gate.peak, gate.used)
    return r.MORE


@jit
def from_stash(gate: Records, node: Records) -> int:
    """Put the next packet that need not wait any more into the message buffer.

    Returns:
        Its size, or NOTHING when all that is left must wait.
    """
    while gate.look < gate.used:
        at = U(gate.stash_at + U(gate.look))
        size = carray(pointer(at), 1, np.int64)[0]
        room = WORD + (size + WORD - 1) // WORD * WORD
        if step_of(node, at + U(WORD)) < gate.limit:
            copy_bytes(U(node.message_at), at + U(WORD), U(size))
            gate.look += room
            gate.packets -= 1
            return size
        if gate.kept < gate.look:
            words = carray(pointer(U(gate.stash_at)), gate.used // WORD, np.int64)
            for k in range(room // WORD):
                words[gate.kept // WORD + k] = words[gate.look // WORD + k]
        gate.kept += room
        gate.look += room
    gate.used, gate.looking = gate.kept, 0
    return NOTHING


@jit
def let_in(gate_at: int, limit: int) -> None:
    """Move the limit; what is stashed is looked at again, from the first packet.

    A turn may have ended after the last packet that the limit before let in: what it
    took out of the stash is dropped first, or it would be handled once more.

    Args:
        gate_at: Address of GATE.
        limit: Steps below it may be handled.
    """
    gate = carray(pointer(U(gate_at)), 1, GATE)[0]
    if gate.looking:
        words = carray(pointer(U(gate.stash_at)), gate.used // WORD, np.int64)
        gone = gate.look - gate.kept
        for k in range(gate.look // WORD, gate.used // WORD):
            words[k - gone // WORD] = words[k]
        gate.used -= gone
    gate.limit, gate.looking, gate.look, gate.kept = limit, 1, 0, 0


@jit
def is_done(gate: Records, node: Records) -> bool:
    """Tell whether all that the clock let in was handled and sent."""
    done = node.next_frame * node.phases + node.next_phase
    return done >= gate.limit and node.outboxes == 0
