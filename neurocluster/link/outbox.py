"""Number packets and keep them in a link's outbox until the transport has sent them.

Compiled and sans-IO. A packet is built in place and stamped before each attempt to
send it.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from neurocluster.dtypes import Records
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import copy_bytes, pointer, read_big, write_big
from neurocluster.link import records as r
from neurocluster.wire import packet as w

HEADER = w.HEADER_BYTES
VERSION = w.VERSION
LINE = 64  # packets start at cache lines
U = np.uint64


@jit
def write_header(
    at: int, node: Records, link: Records, kind: int, frame: int, phase: int,
    close: int, sent_ns: int, held_us: int, size: int,
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
    write_big(at + U(17), 2, U(phase))
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
    node: Records, link: Records, kind: int, frame: int, phase: int, close: int,
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
    held_us = held_ns // 1000
    write_header(at, node, link, kind, frame, phase, close, time_ns, held_us, size)
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
def stamp(at: int, time_ns: int) -> None:
    """Set a packet's time of sending; the time it was held grows with it."""
    waited = time_ns - np.int64(read_big(U(at) + U(30), 8))
    held = np.int64(read_big(U(at) + U(39), 4)) + waited // 1000
    write_big(U(at) + U(30), 8, U(time_ns))
    write_big(U(at) + U(39), 4, U(max(held, 0)))
