"""Pack spikes into packets, number them, and close frames on outgoing links.

Compiled and sans-IO: packets are written into each link's outbox, from which the
transport sends them. A packet leaves when it is full, when the inbox is idle
(`flush_partials`) or when its frame ends (`close_frame`); the marker rides on the
frame's last packet.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from neurocluster.dtypes import Records
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import (
    copy_bytes,
    pointer,
    read_big,
    read_word,
    write_big,
    write_word,
)
from neurocluster.link import records as r
from neurocluster.link.receiver import now_ns
from neurocluster.link.records import OUTBOUND
from neurocluster.wire import packet as w

SPIKES, POTENTIALS, FAILED = w.SPIKES, w.POTENTIALS, w.FAILED
HEADER = w.HEADER_BYTES
VERSION = w.VERSION
LINE = 64  # packets start at cache lines
U = np.uint64


@jit
def write_header(
    at: int, node: Records, link: Records, kind: int, frame: int, close: int,
    sent_ns: int, held_us: int, size: int,
) -> None:  # fmt: skip
    """Write a packet's header at an address, every integer in its widest form."""
    write_big(at, 1, U(0x9B))
    write_big(at + U(1), 1, U(VERSION))
    write_big(at + U(2), 1, U(kind))
    write_big(at + U(3), 1, U(0xCE))
    write_big(at + U(4), 4, U(node.epoch))
    write_big(at + U(8), 1, U(0xCD))
    write_big(at + U(9), 2, U(link.index))
    write_big(at + U(11), 1, U(0xCE))
    write_big(at + U(12), 4, U(frame))
    write_big(at + U(16), 1, U(0xCD))
    write_big(at + U(17), 2, U(0))
    write_big(at + U(19), 1, U(0xCE))
    write_big(at + U(20), 4, U(link.sequence))
    write_big(at + U(24), 1, U(0xCE))
    write_big(at + U(25), 4, U(close))
    write_big(at + U(29), 1, U(0xCF))
    write_big(at + U(30), 8, U(sent_ns))
    write_big(at + U(38), 1, U(0xCE))
    write_big(at + U(39), 4, U(held_us))
    write_big(at + U(43), 1, U(0xC6))
    write_big(at + U(44), 4, U(size))


@jit
def compact(link: Records) -> None:
    """Forget the packets that were sent; move those that wait to the front."""
    done, count = link.pieces_done, link.pieces_count
    if done == 0:
        return
    pieces = carray(pointer(U(link.pieces_at)), (link.pieces_size, 2), np.int64)
    shift = pieces[done, 0] if done < count else link.outbox_used
    lines = carray(pointer(U(link.outbox_at)), link.outbox_size // 8, np.int64)
    for k in range(U(shift // 8), U(link.outbox_used // 8)):
        lines[k - U(shift // 8)] = lines[k]
    for k in range(done, count):
        pieces[k - done, 0] = pieces[k, 0] - shift
        pieces[k - done, 1] = pieces[k, 1]
    link.pieces_count, link.pieces_done = count - done, 0
    link.outbox_used -= shift


@jit
def emit(
    node: Records, link: Records, kind: int, frame: int, close: int,
    payload_at: int, size: int, time_ns: int, held_ns: int,
) -> int:  # fmt: skip
    """Append one packet to a link's outbox.

    Returns:
        MORE, or FULL when the outbox cannot take it.
    """
    room = (HEADER + size + LINE - 1) // LINE * LINE
    full = link.outbox_used + room > link.outbox_size
    if full or link.pieces_count >= link.pieces_size:
        compact(link)
        full = link.outbox_used + room > link.outbox_size
        if full or link.pieces_count >= link.pieces_size:
            return r.FULL
    start = link.outbox_used
    end = start + room
    at = U(link.outbox_at + start)
    write_header(at, node, link, kind, frame, close, time_ns, held_ns // 1000, size)
    if size:
        copy_bytes(at + U(HEADER), U(payload_at), U(size))
    pieces = carray(pointer(U(link.pieces_at)), (link.pieces_size, 2), np.int64)
    if link.pieces_count == 0:
        node.outboxes += 1
    pieces[link.pieces_count, 0] = start
    pieces[link.pieces_count, 1] = HEADER + size
    link.pieces_count += 1
    link.outbox_used = end
    link.sequence += 1
    link.packets += 1
    link.bytes += HEADER + size
    return r.MORE


@jit
def emit_pending(
    node: Records, link: Records, context: int, frame: int, closing: int, time_ns: int
) -> int:
    """Send a frame's partial packet on one link; with ``closing`` as its last."""
    pending = carray(pointer(U(link.pending_count_at)), node.window, np.int64)
    sent = carray(pointer(U(link.sent_at)), node.window, np.int64)
    created = carray(pointer(U(link.created_at)), node.window, np.int64)
    count = pending[context]
    sent[context] += count
    close = sent[context] + 1 if closing else 0
    held = time_ns - created[context] if count else 0
    size = count * link.width
    row = U(link.pending_at + context * node.max_spikes * link.width)
    code = emit(node, link, SPIKES, frame, close, row, size, time_ns, held)
    node.partials -= count > 0
    pending[context] = 0
    if closing:
        sent[context] = 0
    return code


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
            code = emit_pending(node, link, context, frame, 0, time_ns)
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
def flush_partials(node: Records) -> int:
    """Send all partial packets, oldest frame first: the inbox is empty."""
    node.idle = 1
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
            if counts[context]:
                code = emit_pending(node, link, context, frame, 0, time_ns)
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
        code = emit_pending(node, links[k], context, frame, 1, time_ns)
        if code:
            return code
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
            code = emit_pending(node, link, context, frame, 0, time_ns)
            if code:
                return code
        close = sent[context] + 1
        sent[context] = 0
        code = emit(node, link, kind, frame, close, payload_at, size, time_ns, 0)
        if code:
            return code
    return r.MORE


@jit
def stamp(at: int, time_ns: int) -> None:
    """Set a packet's time of sending; the time it was held grows with it."""
    waited = time_ns - np.int64(read_big(U(at) + U(30), 8))
    held = np.int64(read_big(U(at) + U(39), 4)) + waited // 1000
    write_big(U(at) + U(30), 8, U(time_ns))
    write_big(U(at) + U(39), 4, U(max(held, 0)))
