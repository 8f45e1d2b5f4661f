"""Take a node's packets in an order that a seed draws; compiled and sans-IO.

What a cut network computes depends on the order in which packets of different links are
handled. Here it is a function of a seed and the frame, whatever arrives when: the next
packet is that of a link drawn from those that have not closed the oldest frame, and a
node waits for it if need be. Others are kept meanwhile, so senders go on; a link's own
order stays. A node handles one frame after the other, so links carry them one after the
other, and no packet that is waited for is behind one that waits.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from neurocluster.dtypes import Records
from neurocluster.kernels.draw import uniform
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import copy_bytes, pointer, read_big
from neurocluster.kernels.records import record
from neurocluster.link import records as r
from neurocluster.link.gate import NOTHING, frame_of
from neurocluster.link.receiver import fault, is_canonical
from neurocluster.link.records import INBOUND

ORDER = record(
    "seed",
    "random_at",  # uint64: state of `kernels.draw`, set anew for each frame
    "frame",  # whose order is drawn
    "chosen",  # inbound slot that is next, or -1
    "slots_at",  # packets, each after its size as int64
    "slot_size",
    "slot_count",
    "fresh",  # slots from here on were never used
    "free",  # the first of those that were and are free, or -1
    "next_at",  # int64 (slot_count,): next packet of the same link, or next free slot
    "ends_at",  # int64 (links, 2): each link's oldest and newest packet, or -1
    "kept",  # packets
    "peak",  # most of them
    "drawn",  # links that were drawn from two or more
)
WORD = 8
PASSES = 1
"""Of `keep`: this is no packet of an inbound link, the engine must judge it."""
FRAME_STEP = 0xD1B54A32D192ED03
"""Odd and not the step of `kernels.draw`, so that frames do not share a sequence."""
U = np.uint64


@jit
def choose(order: Records, node: Records) -> None:
    """Draw the link that is next from those that have not closed the oldest frame."""
    frame = node.next_frame
    if order.frame != frame:
        order.frame = frame
        state = carray(pointer(U(order.random_at)), 1, np.uint64)
        state[0] = U(order.seed) ^ (U(frame + 1) * U(FRAME_STEP))
    links = carray(pointer(U(node.inbound_at)), node.inbound_count, INBOUND)
    count = 0
    for k in range(node.inbound_count):
        count += links[k].next_close <= frame
    left = np.int64(0)
    if count > 1:
        left = min(np.int64(uniform(order.random_at) * count), np.int64(count - 1))
        order.drawn += 1
    for k in range(node.inbound_count):
        if links[k].next_close <= frame:
            if left == 0:
                order.chosen = k
                return
            left -= 1


@jit
def take(order: Records, node: Records) -> int:
    """Put the packet whose turn it is into the message buffer.

    Returns:
        Its size, or NOTHING if it has not come yet.
    """
    if order.chosen < 0:
        choose(order, node)
    ends = carray(pointer(U(order.ends_at)), (node.inbound_count, 2), np.int64)
    following = carray(pointer(U(order.next_at)), order.slot_count, np.int64)
    link = order.chosen
    slot = ends[link, 0]
    if slot < 0:
        return NOTHING
    at = U(order.slots_at) + U(slot * order.slot_size)
    size = carray(pointer(at), 1, np.int64)[0]
    copy_bytes(U(node.message_at), at + U(WORD), U(size))
    ends[link, 0] = following[slot]
    if following[slot] < 0:
        ends[link, 1] = -1
    following[slot], order.free = order.free, slot
    order.kept -= 1
    order.chosen = -1
    return size


@jit
def keep(order: Records, node: Records, size: int) -> int:
    """Keep the packet in the message buffer; returns MORE, PASSES or a fault."""
    at = U(node.message_at)
    if size > node.message_size or not is_canonical(node.message_at, size):
        return PASSES
    number = np.int64(read_big(at + U(9), 2))
    if np.int64(read_big(at + U(4), 4)) != node.epoch or number >= node.link_limit:
        return PASSES
    link = carray(pointer(U(node.link_slots_at)), node.link_limit, np.int64)[number]
    if link < 0:
        return PASSES
    following = carray(pointer(U(order.next_at)), order.slot_count, np.int64)
    slot = order.free
    if slot >= 0:
        order.free = following[slot]
    elif order.fresh < order.slot_count:
        slot = order.fresh
        order.fresh += 1
    else:
        most, frame = order.slot_count * order.slot_size, frame_of(node.message_at)
        return fault(node, r.BAD_STASH, number, frame, most, most + order.slot_size)
    target = U(order.slots_at) + U(slot * order.slot_size)
    carray(pointer(target), 1, np.int64)[0] = size
    copy_bytes(target + U(WORD), at, U(size))
    following[slot] = -1
    ends = carray(pointer(U(order.ends_at)), (node.inbound_count, 2), np.int64)
    if ends[link, 1] < 0:
        ends[link, 0] = slot
    else:
        following[ends[link, 1]] = slot
    ends[link, 1] = slot
    order.kept += 1
    order.peak = max(order.peak, order.kept)
    return r.MORE
