"""Check arriving packets: form, epoch, link, sequence, frame, addresses, counts.

Compiled and sans-IO: the packet lies in the node's message buffer, the clock is a
function given by address. A fault is a negative result; the node's ``fault_*``
fields tell link, frame, expected and got.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from neurocluster.dtypes import I64, Records
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import call1, pointer, read_big, read_word
from neurocluster.link import records as r
from neurocluster.link.records import BATCHING, CONTEXT, INBOUND, SERVICE, TRANSIT, WIRE
from neurocluster.metrics.histogram import BINS, record
from neurocluster.wire import packet as w

SPIKES, POTENTIALS, FAILED = w.SPIKES, w.POTENTIALS, w.FAILED
HEADER = w.HEADER_BYTES
VERSION, FIELDS = w.VERSION, w.FIELDS
SPAN_BYTES = 4 * BINS


@jit
def now_ns(node: Records) -> int:
    """Return the node's time."""
    return call1(node.clock_at, node.clock_scratch_at)


@jit
def fault(
    node: Records, code: int, link: int, frame: int, expected: int, got: int
) -> int:
    """Remember a fault; return its code."""
    node.fault_link, node.fault_frame = link, frame
    node.fault_expected, node.fault_got = expected, got
    return code


@jit
def link_number(node: Records, slot: int) -> int:
    """Return a link's number in the plan."""
    links = carray(pointer(np.uint64(node.inbound_at)), node.inbound_count, INBOUND)
    return links[slot].index


@jit
def is_canonical(message_at: int, size: int) -> bool:
    """Tell whether the header has the fixed widths that we send ourselves."""
    if size < HEADER:
        return False
    b = carray(pointer(np.uint64(message_at)), HEADER, np.uint8)
    widths = (
        b[0] == 0x9B and b[1] == VERSION and b[3] == 0xCE and b[8] == 0xCD
        and b[11] == 0xCE and b[16] == 0xCD and b[19] == 0xCE and b[24] == 0xCE
        and b[29] == 0xCF and b[38] == 0xCE and b[43] == 0xC6 and b[2] < 0x80
    )  # fmt: skip
    return (
        widths and read_big(np.uint64(message_at) + np.uint64(44), 4) == size - HEADER
    )


@jit
def may_be_packet(message_at: int, size: int) -> bool:
    """Tell whether a message begins as an array of as many fields, in any width."""
    b = carray(pointer(np.uint64(message_at)), HEADER, np.uint8)
    if size < FIELDS + 1:
        return False
    short = b[0] == 0xDC and b[1] == 0 and b[2] == FIELDS
    long = b[0] == 0xDD and b[1] == 0 and b[2] == 0 and b[3] == 0 and b[4] == FIELDS
    return b[0] == 0x90 | FIELDS or short or long


@jit
def open_context(node: Records, frame: int, time_ns: int) -> int:
    """Return the context of a frame; take one from the pool if it is new.

    Returns:
        The context, plus ``window`` if this call opened it.
    """
    window = node.window
    slots = carray(pointer(np.uint64(node.slots_at)), window, np.int64)
    index = slots[frame % window]
    if index >= 0:
        return index
    free = carray(pointer(np.uint64(node.free_at)), window, np.int64)
    node.free_count -= 1
    index = free[node.free_count]
    slots[frame % window] = index
    contexts = carray(pointer(np.uint64(node.contexts_at)), window, CONTEXT)
    context = contexts[index]
    context.frame, context.is_open, context.missing = frame, 1, node.inbound_count
    context.failed, context.failed_neuron, context.opened_ns = 0, 0, time_ns
    context.service_ns, context.sent_spikes = 0, 0
    context.phase, context.waiting = 0, node.inbound_count
    node.open_frames += 1
    node.contexts_peak = max(node.contexts_peak, node.open_frames)
    return index + window


@jit
def free_context(node: Records, index: int, frame: int) -> None:
    """Give a closed frame's context back to the pool."""
    window = node.window
    carray(pointer(np.uint64(node.slots_at)), window, np.int64)[frame % window] = -1
    free = carray(pointer(np.uint64(node.free_at)), window, np.int64)
    free[node.free_count] = index
    node.free_count += 1
    node.open_frames -= 1
    node.next_frame, node.next_phase = frame + 1, 0
    contexts = carray(pointer(np.uint64(node.contexts_at)), window, CONTEXT)
    contexts[index].is_open = 0


@jit
def accept(node: Records, size: int, result: I64) -> int:
    """Check the packet in the message buffer; count it.

    Args:
        node: NODE.
        size: Bytes of the packet.
        result: (8,) int64, written: context, inbound slot, words, kind, close,
            arrival time, 1 if the context was opened, frame.

    Returns:
        MORE, NOT_CANONICAL, STALE or a fault.
    """
    time_ns = now_ns(node)
    at = np.uint64(node.message_at)
    if size > node.message_size or not is_canonical(node.message_at, size):
        if may_be_packet(node.message_at, size):
            return r.NOT_CANONICAL
        node.strangers += 1
        return r.STALE
    epoch, number = (
        np.int64(read_big(at + np.uint64(4), 4)),
        np.int64(read_big(at + np.uint64(9), 2)),
    )
    frame = np.int64(read_big(at + np.uint64(12), 4))
    sequence = np.int64(read_big(at + np.uint64(20), 4))
    if epoch != node.epoch:
        node.stale += 1
        return r.STALE
    slot = np.int64(-1)
    if number < node.link_limit:
        table = carray(
            pointer(np.uint64(node.link_slots_at)), node.link_limit, np.int64
        )
        slot = table[number]
    if slot < 0:
        return fault(node, r.BAD_LINK, number, frame, -1, number)
    links = carray(pointer(np.uint64(node.inbound_at)), node.inbound_count, INBOUND)
    link = links[slot]
    if sequence != link.sequence:
        return fault(node, r.BAD_SEQUENCE, number, frame, link.sequence, sequence)
    if frame < link.next_close or frame >= node.next_frame + node.window:
        return fault(node, r.BAD_FRAME, number, frame, link.next_close, frame)
    kind = np.int64(read_big(at + np.uint64(2), 1))
    if kind != SPIKES and (
        (kind != POTENTIALS and kind != FAILED) or link.next_phase + 1 != node.phases
    ):
        return fault(node, r.BAD_KIND, number, frame, SPIKES, kind)
    phase = np.int64(read_big(at + np.uint64(17), 2))
    if phase != link.next_phase:
        return fault(node, r.BAD_PHASE, number, frame, link.next_phase, phase)
    link.sequence += 1
    link.packets += 1
    link.bytes += size
    record_spans(node, link, time_ns, at)
    opened = open_context(node, frame, time_ns)
    index = opened % node.window
    words = np.int64(0)
    if kind == SPIKES:
        if (size - HEADER) % link.width:
            return fault(node, r.BAD_ADDRESS, number, frame, link.width, size - HEADER)
        words = (size - HEADER) // link.width
        bad = count_words(link, at + np.uint64(HEADER), words)
        if bad >= 0:
            return fault(
                node, r.BAD_ADDRESS, number, frame, link.last_word >> 1, bad >> 1
            )
        received = carray(pointer(np.uint64(link.received_at)), node.window, np.int64)
        received[index] += words
    result[0], result[1], result[2], result[3] = index, slot, words, kind
    result[4] = np.int64(read_big(at + np.uint64(25), 4))
    result[5], result[6], result[7] = time_ns, opened >= node.window, frame
    return r.MORE


@jit
def record_spans(node: Records, link: Records, time_ns: int, at: int) -> None:
    """Record how long a packet waited to be sent, and was under way.

    The source's clock is ``clock_offset`` ahead of ours, to within an error that grows
    with the time since it was measured; see `metrics.offset`. When the packet was sent
    it was another by what clocks drift while a packet is under way.
    """
    held = np.int64(read_big(at + np.uint64(39), 4)) * 1000
    record(link.spans_at + np.uint64(BATCHING * SPAN_BYTES), held)
    idle, node.idle = node.idle, 0
    if link.clock_known == 0:
        link.unclocked += 1
        return
    sent = np.int64(read_big(at + np.uint64(30), 8)) - link.clock_offset
    transit = time_ns - sent
    record(link.spans_at + np.uint64(TRANSIT * SPAN_BYTES), transit)
    link.transit_max = max(link.transit_max, transit)
    if idle:
        record(link.spans_at + np.uint64(WIRE * SPAN_BYTES), transit)
    drift = (time_ns - link.clock_ns + transit) * link.clock_ppm // 1_000_000
    link.error_max = max(link.error_max, link.clock_error + drift)


@jit
def record_service(node: Records, slot: int, time_ns: int) -> None:
    """Record how long a packet that came at a time took to be handled."""
    links = carray(pointer(np.uint64(node.inbound_at)), node.inbound_count, INBOUND)
    spent = now_ns(node) - time_ns
    record(links[slot].spans_at + np.uint64(SERVICE * SPAN_BYTES), spent)


@jit
def count_words(link: Records, words_at: int, count: int) -> int:
    """Count the spikes of a packet; return the first bad word, or -1."""
    negative = np.uint32(0)
    low, high = np.uint32(0xFFFFFFFF), np.uint32(0)
    if link.width == 2:
        short = carray(pointer(np.uint64(words_at)), count, np.uint16)
        for i in range(np.uint64(count)):
            word = np.uint32(short[i])
            negative += word & np.uint32(1)
            low, high = min(low, word), max(high, word)
    else:
        long = carray(pointer(np.uint64(words_at)), count, np.uint32)
        for i in range(np.uint64(count)):
            word = long[i]
            negative += word & np.uint32(1)
            low, high = min(low, word), max(high, word)
    if count and (low < link.first_word or high >= link.last_word):
        return np.int64(high) if high >= link.last_word else np.int64(low)
    link.spikes += count
    link.negative += np.int64(negative)
    return np.int64(-1)


@jit
def close_link(node: Records, result: I64) -> int:
    """Take a link's marker for a frame, or a phase of it: compare counts, keep order.

    Counts are of the frame so far, so the last phase's marker is the frame's.

    Args:
        node: NODE.
        result: What `accept` wrote.

    Returns:
        MORE, FRAME_CLOSED when this was the frame's last marker, PHASE_CLOSED when
        the link has closed another phase than the last, or a fault.
    """
    index, slot, close, frame = result[0], result[1], result[4], result[7]
    links = carray(pointer(np.uint64(node.inbound_at)), node.inbound_count, INBOUND)
    link = links[slot]
    received = carray(pointer(np.uint64(link.received_at)), node.window, np.int64)
    if received[index] != close - 1:
        return fault(node, r.BAD_COUNT, link.index, frame, close - 1, received[index])
    if frame != link.next_close:
        return fault(node, r.BAD_ORDER, link.index, frame, link.next_close, frame)
    if link.next_phase + 1 < node.phases:
        link.next_phase += 1
        return r.PHASE_CLOSED
    link.next_phase = 0
    counted = carray(pointer(np.uint64(link.counted_at)), node.window, np.int64)
    counted[index], received[index] = received[index], 0
    link.next_close = frame + 1
    contexts = carray(pointer(np.uint64(node.contexts_at)), node.window, CONTEXT)
    context = contexts[index]
    if result[3] == FAILED and context.failed == 0:
        payload = np.uint64(node.message_at) + np.uint64(HEADER)
        context.failed = np.int64(read_word(payload, np.uint64(0), 4)) + 1
        context.failed_neuron = np.int64(read_word(payload, np.uint64(1), 4))
    context.missing -= 1
    return r.MORE if context.missing else r.FRAME_CLOSED
