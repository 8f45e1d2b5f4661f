"""Play a frame's input over real time: each spike when it is due; compiled, no I/O.

A pixel of intensity x fires at (1 - x) TU after its frame began. Spikes leave when they
are due, the marker with the last of them; the next frame begins when this one has its
result and its unit of time is over. ``linger_due`` of the node says when something is
due next, so that the turn is taken then.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from neurocluster.dtypes import U8, Records
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import pointer, read_word
from neurocluster.link import records as r
from neurocluster.link.records import CONTEXT, OUTBOUND
from neurocluster.link.sender import close_frame, emit_pending, send_words

AGAIN_NS = 100_000
"""When to look again while a link has no room."""
U = np.uint64


@jit
def lay_out(client: Records, image: U8, count: int) -> None:
    """Note when each of an image's spikes is due, from the frame's beginning."""
    ranks = carray(pointer(client.ranks_at), 256, np.int16)
    offsets = carray(pointer(client.offsets_at), client.rank_count, np.int64)
    dues = carray(pointer(client.dues_at), client.pixels, np.int64)
    for j in range(U(count)):
        if client.width == 2:
            word = np.int64(read_word(U(client.words_at), j, 2))
        else:
            word = np.int64(read_word(U(client.words_at), j, 4))
        dues[j] = offsets[ranks[image[word >> 1]]]


@jit
def begin(
    node: Records, client: Records, index: int, frame: int, count: int, now: int
) -> int:
    """Begin to play a frame; send what is due at once."""
    client.play_index, client.play_frame = index, frame
    client.play_next, client.play_count = 0, count
    client.play_start, client.play_end = now, now + client.tu_ns
    client.playing = 1
    return send_due(node, client, now)


@jit
def send_due(node: Records, client: Records, now: int) -> int:
    """Send the spikes that are due, the marker with the last; returns MORE or a fault.

    While a link has no room they wait, and leave together.
    """
    if node.outboxes:
        return r.MORE
    dues = carray(pointer(client.dues_at), client.pixels, np.int64)
    first, count = client.play_next, client.play_count
    index, frame = client.play_index, client.play_frame
    last = first
    while last < count and client.play_start + dues[last] <= now:
        last += 1
    if last > first:
        if first == 0:
            contexts = carray(pointer(U(node.contexts_at)), node.window, CONTEXT)
            contexts[index].opened_ns = now
        words = U(client.words_at) + U(first * client.width)
        code = send_words(node, index, frame, words, last - first, now)
        if code:
            return code
        client.play_next, client.play_last = last, now
    if last == count:
        client.playing = 0
        client.play_last = now
        return close_frame(node, index, frame, now)
    return send_partials(node, index, frame, now)


@jit
def send_partials(node: Records, index: int, frame: int, now: int) -> int:
    """Send what waits for others to fill its packet."""
    links = carray(pointer(U(node.outbound_at)), node.outbound_count, OUTBOUND)
    for k in range(node.outbound_count):
        pending = carray(pointer(U(links[k].pending_count_at)), node.window, np.int64)
        if pending[index]:
            code = emit_pending(node, links[k], index, frame, 0, now)
            if code:
                return code
    return r.MORE


@jit
def next_due(node: Records, client: Records, now: int) -> int:
    """Return when there is something to do, or 0: the next result brings it."""
    if client.playing:
        dues = carray(pointer(client.dues_at), client.pixels, np.int64)
        due = client.play_start + dues[client.play_next]
        return max(due, now + AGAIN_NS) if node.outboxes else due
    return client.play_end if now < client.play_end else 0
