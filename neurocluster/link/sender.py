"""Pack spikes into packets and close frames on outgoing links.

Compiled and sans-IO: packets go into each link's outbox (`link.outbox`). A packet
leaves when it is full, when the inbox is idle (`flush_partials`; not before it has
waited ``linger_ns``) or when its frame, or a phase of it, ends (`close_frame`,
`close_phase`); the marker rides on the last packet.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from neurocluster.dtypes import U64, Records
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import copy_bytes, pointer, read_word, write_word
from neurocluster.link import records as r
from neurocluster.link.outbox import emit
from neurocluster.link.receiver import now_ns
from neurocluster.link.records import CONTEXT, INBOUND, OUTBOUND
from neurocluster.wire import packet as w

SPIKES = w.SPIKES
NOT_YET, FRAME, PHASE = 0, 1, 2
"""What a packet ends on its link."""
U = np.uint64


@jit
def emit_pending(
    node: Records, link: Records, context: int, frame: int, closing: int, time_ns: int
) -> int:
    """Send a frame's partial packet on one link; ``closing`` says what it ends."""
    pending = carray(pointer(U(link.pending_count_at)), node.window, np.int64)
    sent = carray(pointer(U(link.sent_at)), node.window, np.int64)
    created = carray(pointer(U(link.created_at)), node.window, np.int64)
    count = pending[context]
    sent[context] += count
    close = sent[context] + 1 if closing else 0
    held = time_ns - created[context] if count else 0
    size = count * link.width
    row = U(link.pending_at + context * node.max_spikes * link.width)
    phase = phase_of(node, context)
    code = emit(node, link, SPIKES, frame, phase, close, row, size, time_ns, held)
    node.partials -= count > 0
    pending[context] = 0
    if closing == FRAME:
        count_closed(node, link, context)
    return code


@jit
def phase_of(node: Records, context: int) -> int:
    """Return the phase that a context's packets are of."""
    contexts = carray(pointer(U(node.contexts_at)), node.window, CONTEXT)
    return contexts[context].phase


@jit
def count_closed(node: Records, link: Records, context: int) -> None:
    """Keep what a link carried of a frame that it closes; begin the next at 0."""
    sent = carray(pointer(U(link.sent_at)), node.window, np.int64)
    signs = carray(pointer(U(link.signs_at)), node.window, np.int64)
    counted = carray(pointer(U(link.counted_at)), (node.window, 2), np.int64)
    counted[context, 0], counted[context, 1] = sent[context], signs[context]
    sent[context] = signs[context] = 0


@jit
def write_counts(node: Records, context: int, row: U64, at: int) -> None:
    """Write what the links carried of a frame that all of them have closed.

    Args:
        node: NODE.
        context: Index of the frame's context.
        row: uint64, written from ``at`` on: words of each inbound link, then words and
            negative words of each outbound link.
        at: First index.
    """
    inbound = carray(pointer(U(node.inbound_at)), node.inbound_count, INBOUND)
    for k in range(node.inbound_count):
        got = carray(pointer(U(inbound[k].counted_at)), node.window, np.int64)
        row[at] = U(got[context])
        at += 1
    outbound = carray(pointer(U(node.outbound_at)), node.outbound_count, OUTBOUND)
    for k in range(node.outbound_count):
        sent = carray(pointer(U(outbound[k].counted_at)), (node.window, 2), np.int64)
        row[at], row[at + 1] = U(sent[context, 0]), U(sent[context, 1])
        at += 2


@jit
def send_words(
    node: Records, context: int, frame: int, words_at: int, count: int, time_ns: int
) -> int:
    """Hand a frame's new spikes to every link that carries their addresses.

    Args:
        node: NODE.
        context: Index of the frame's context.
        frame: The frame.
        words_at: Address of ``count`` words.
        count: Number of words.
        time_ns: Now.
    """
    links = carray(pointer(U(node.outbound_at)), node.outbound_count, OUTBOUND)
    for k in range(node.outbound_count):
        code = append(node, links[k], context, frame, words_at, count, time_ns)
        if code:
            return code
    return r.MORE


@jit
def append(
    node: Records, link: Records, context: int, frame: int, words_at: int, count: int,
    time_ns: int,
) -> int:  # fmt: skip
    """Add spikes to a link's partial packet; full packets leave."""
    pending = carray(pointer(U(link.pending_count_at)), node.window, np.int64)
    created = carray(pointer(U(link.created_at)), node.window, np.int64)
    row = U(link.pending_at + context * node.max_spikes * link.width)
    width, filled, i = link.width, pending[context], np.int64(0)
    was_partial = filled > 0
    negative, spikes = np.int64(0), np.int64(0)
    while i < count:
        if filled == node.max_spikes:
            pending[context] = filled
            node.partials += not was_partial
            code = emit_pending(node, link, context, frame, NOT_YET, time_ns)
            if code:
                return code
            filled, was_partial = np.int64(0), False
        if filled == 0:
            created[context] = time_ns
        room = min(node.max_spikes - filled, count - i)
        source = U(words_at) + U(i * width)
        target = row + U(filled * width)
        if link.everything:
            copy_bytes(target, source, U(room * width))
            taken = room
        elif width == 2:
            taken = select_words(link, source, target, room, 2)
        else:
            taken = select_words(link, source, target, room, 4)
        negative += count_negative(target, taken, width)
        filled += taken
        spikes += taken
        i += room
    pending[context] = filled
    node.partials += (filled > 0) - was_partial
    link.spikes += spikes
    link.negative += negative
    signs = carray(pointer(U(link.signs_at)), node.window, np.int64)
    signs[context] += negative
    return r.MORE


@jit
def select_words(
    link: Records, source: int, target: int, count: int, width: int
) -> int:
    """Copy the words whose address the link carries; return how many."""
    taken = 0
    for i in range(U(count)):
        word = np.int64(
            read_word(source, i, 2) if width == 2 else read_word(source, i, 4)
        )
        if width == 2:
            write_word(target, U(taken), 2, U(word))
        else:
            write_word(target, U(taken), 4, U(word))
        taken += (word >= link.first_word) & (word < link.last_word)
    return taken


@jit
def count_negative(words_at: int, count: int, width: int) -> int:
    """Return how many words have their sign bit set."""
    negative = np.uint32(0)
    if width == 2:
        short = carray(pointer(U(words_at)), count, np.uint16)
        for i in range(U(count)):
            negative += np.uint32(short[i]) & np.uint32(1)
    else:
        long = carray(pointer(U(words_at)), count, np.uint32)
        for i in range(U(count)):
            negative += long[i] & np.uint32(1)
    return np.int64(negative)


@jit
def lingers(node: Records, link: Records, context: int, time_ns: int) -> bool:
    """Tell whether a partial packet may wait for more; note until when."""
    if node.linger_ns == 0:
        return False
    created = carray(pointer(U(link.created_at)), node.window, np.int64)
    due = created[context] + node.linger_ns
    if due <= time_ns:
        return False
    node.linger_due = min(node.linger_due, due) if node.linger_due else due
    return True


@jit
def flush_partials(node: Records) -> int:
    """Send partial packets, oldest frame first: the inbox is empty.

    Those that may wait for more spikes stay; ``linger_due`` says how long.
    """
    node.idle, node.linger_due = 1, 0
    if node.partials == 0:
        return r.MORE
    time_ns = now_ns(node)
    window = node.window
    slots = carray(pointer(U(node.slots_at)), window, np.int64)
    links = carray(pointer(U(node.outbound_at)), node.outbound_count, OUTBOUND)
    for frame in range(node.next_frame, node.next_frame + window):
        context = slots[frame % window]
        if context < 0:
            continue
        for k in range(node.outbound_count):
            link = links[k]
            counts = carray(pointer(U(link.pending_count_at)), window, np.int64)
            if counts[context] and not lingers(node, link, context, time_ns):
                code = emit_pending(node, link, context, frame, NOT_YET, time_ns)
                if code:
                    return code
        if node.partials == 0:
            break
    return r.MORE


@jit
def close_frame(node: Records, context: int, frame: int, time_ns: int) -> int:
    """Close a frame on every outgoing link; its last packet carries the marker."""
    links = carray(pointer(U(node.outbound_at)), node.outbound_count, OUTBOUND)
    for k in range(node.outbound_count):
        code = emit_pending(node, links[k], context, frame, FRAME, time_ns)
        if code:
            return code
    return r.MORE


@jit
def close_phase(node: Records, context: int, frame: int, time_ns: int) -> int:
    """Close a phase on every outgoing link; what follows is of the next one."""
    links = carray(pointer(U(node.outbound_at)), node.outbound_count, OUTBOUND)
    for k in range(node.outbound_count):
        code = emit_pending(node, links[k], context, frame, PHASE, time_ns)
        if code:
            return code
    contexts = carray(pointer(U(node.contexts_at)), node.window, CONTEXT)
    contexts[context].phase += 1
    return r.MORE


@jit
def close_with(
    node: Records, context: int, frame: int, kind: int, payload_at: int, size: int,
    time_ns: int,
) -> int:  # fmt: skip
    """Close a frame on every link with a packet of another kind than spikes."""
    links = carray(pointer(U(node.outbound_at)), node.outbound_count, OUTBOUND)
    for k in range(node.outbound_count):
        link = links[k]
        pending = carray(pointer(U(link.pending_count_at)), node.window, np.int64)
        sent = carray(pointer(U(link.sent_at)), node.window, np.int64)
        if pending[context]:
            code = emit_pending(node, link, context, frame, NOT_YET, time_ns)
            if code:
                return code
        phase = phase_of(node, context)
        close = sent[context] + 1
        count_closed(node, link, context)
        code = emit(node, link, kind, frame, phase, close, payload_at, size, time_ns, 0)
        if code:
            return code
    return r.MORE
