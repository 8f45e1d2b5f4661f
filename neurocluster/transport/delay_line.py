"""Delay what is sent, as a network with these properties would; compiled, no I/O.

Between a link's outbox and its socket lies a line of slots. A packet enters the line
when a network would take it, is stamped then, and may leave when it would arrive. It
never overtakes another of its link. What waits in a line is under way: it does not keep
its worker from receiving, unless all slots are full, as a full window of TCP would.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from neurocluster.dtypes import Records
from neurocluster.kernels.draw import chance, draw
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import copy_bytes, pointer
from neurocluster.kernels.records import record
from neurocluster.link.outbox import stamp

LINE = record(
    "delay_ns",
    "jitter",  # 0 or a shape of `kernels.draw`
    "jitter_ns",
    "byte_ps",  # picoseconds that a byte occupies the network; 0: no time
    "burst_ns",  # how long it may be ahead of that
    "loss",  # in units of 2^-32
    "resend_ns",  # from a loss until the packet is sent again
    "duplicate",  # in units of 2^-32
    "random_at",  # uint64: state of `kernels.draw`
    "slots_at",
    "slot_size",
    "slot_count",  # 0: this link has no line
    "dues_at",  # int64 (slot_count, 2): when each may leave, its bytes
    "head",
    "count",
    "free_ns",  # until when the network is occupied
    "last_due",
    "full_socket",  # 1: the socket has no room, and wakes us when it has
    "lost",  # transmissions, each made good by another one
    "duplicated",
)
MOST_LOSSES = 16
"""Of one packet in a row."""
U = np.uint64


@jit
def due_of(line: Records, size: int, now: int) -> int:
    """Return when a packet that is sent now arrives.

    Args:
        line: LINE.
        size: Its bytes.
        now: Nanoseconds.
    """
    times = 1
    late = line.delay_ns
    if line.loss:
        while times <= MOST_LOSSES and chance(line.random_at, line.loss):
            times += 1
            late += line.resend_ns
        line.lost += times - 1
    if line.duplicate and chance(line.random_at, line.duplicate):
        times += 1
        line.duplicated += 1
    if line.jitter:
        late += np.int64(draw(line.random_at, line.jitter, float(line.jitter_ns)))
    if line.byte_ps:
        begin = max(line.free_ns, now - line.burst_ns)
        line.free_ns = begin + times * size * line.byte_ps // 1000
        late += max(line.free_ns - now, 0)
    line.last_due = max(line.last_due, now + late)
    return line.last_due


@jit
def enter(line: Records, packet_at: int, size: int, now: int) -> None:
    """Stamp a packet and copy it into the line, which must have a free slot."""
    stamp(packet_at, now)
    slot = (line.head + line.count) % line.slot_count
    dues = carray(pointer(U(line.dues_at)), (line.slot_count, 2), np.int64)
    dues[slot, 0], dues[slot, 1] = due_of(line, size, now), size
    copy_bytes(U(line.slots_at + slot * line.slot_size), U(packet_at), U(size))
    line.count += 1


@jit
def head_due(line: Records) -> int:
    """Return when the oldest packet may leave; the line must hold one."""
    dues = carray(pointer(U(line.dues_at)), (line.slot_count, 2), np.int64)
    return dues[line.head, 0]


@jit
def head_size(line: Records) -> int:
    """Return the bytes of the oldest packet."""
    dues = carray(pointer(U(line.dues_at)), (line.slot_count, 2), np.int64)
    return dues[line.head, 1]


@jit
def leave(line: Records) -> None:
    """Forget the oldest packet: its socket took it."""
    line.head = (line.head + 1) % line.slot_count
    line.count -= 1
