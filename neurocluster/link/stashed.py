"""Count what was received and waits, for a clock or for its turn; compiled, sans-IO.

Such packets are received, though they were not handled: whoever compares what was sent
with what arrived must count them.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from neurocluster.dtypes import I64, Records
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import pointer, read_big
from neurocluster.link.gate import GATE, HEADER
from neurocluster.link.order import ORDER, WORD
from neurocluster.link.records import INBOUND, NODE
from neurocluster.wire.packet import SPIKES

U = np.uint64


@jit
def add_packet(counts: I64, node: Records, slot: int, at: int) -> None:
    """Add the packet of an inbound slot, which is kept after its size."""
    links = carray(pointer(U(node.inbound_at)), node.inbound_count, INBOUND)
    size, packet = carray(pointer(U(at)), 1, np.int64)[0], U(at) + U(WORD)
    if np.int64(read_big(packet + U(2), 1)) == SPIKES:
        counts[slot, 0] += (size - HEADER) // links[slot].width
    last = np.int64(read_big(packet + U(17), 2)) + 1 == node.phases
    if last and np.int64(read_big(packet + U(25), 4)):
        counts[slot, 1] += 1


@jit
def add_stashed(gate_at: int, node_at: int, counts: I64) -> None:
    """Add up what waits in the stash, by inbound link.

    Args:
        gate_at: Address of GATE.
        node_at: Address of NODE.
        counts: (inbound links, 2) int64: spikes and markers of frames, added to.
    """
    gate = carray(pointer(U(gate_at)), 1, GATE)[0]
    node = carray(pointer(U(node_at)), 1, NODE)[0]
    slots = carray(pointer(U(node.link_slots_at)), node.link_limit, np.int64)
    here = np.int64(0)
    while here < gate.used:
        if gate.looking and gate.kept <= here < gate.look:  # moved, or handled
            here = gate.look
            continue
        at = U(gate.stash_at + U(here))
        size = carray(pointer(at), 1, np.int64)[0]
        number = np.int64(read_big(at + U(WORD + 9), 2))
        slot = slots[number] if number < node.link_limit else np.int64(-1)
        if slot >= 0:
            add_packet(counts, node, slot, at)
        here += WORD + (size + WORD - 1) // WORD * WORD


@jit
def add_kept(order_at: int, node_at: int, counts: I64) -> None:
    """Add up what waits for its turn, by inbound link.

    Args:
        order_at: Address of ORDER.
        node_at: Address of NODE.
        counts: (inbound links, 2) int64: spikes and markers of frames, added to.
    """
    order = carray(pointer(U(order_at)), 1, ORDER)[0]
    node = carray(pointer(U(node_at)), 1, NODE)[0]
    ends = carray(pointer(U(order.ends_at)), (node.inbound_count, 2), np.int64)
    following = carray(pointer(U(order.next_at)), order.slot_count, np.int64)
    for link in range(node.inbound_count):
        slot = ends[link, 0]
        while slot >= 0:
            at = U(order.slots_at) + U(slot * order.slot_size)
            add_packet(counts, node, link, at)
            slot = following[slot]
