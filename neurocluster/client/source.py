"""Start frames: encode images into spikes and pack them; compiled, no I/O.

Under a clock that steps, a frame's spikes leave phase by phase: the order in which they
fire, cut into equal parts.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from neurocluster.client.playback import begin, lay_out, next_due, send_due
from neurocluster.client.records import CLIENT, NO_LEADER
from neurocluster.dtypes import I64, U8, U32, Records
from neurocluster.kernels.encode import encode_image
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import pointer, write_word
from neurocluster.link import records as r
from neurocluster.link.receiver import now_ns, open_context
from neurocluster.link.records import CONTEXT, NODE
from neurocluster.link.sender import close_frame, close_phase, send_words

U = np.uint64


@jit
def start_frame(node: Records, client: Records, count: int) -> int:
    """Open the next frame; send its ``count`` words, or those of its first phase."""
    time_ns, frame = now_ns(node), client.started
    client.started += 1
    index = open_context(node, frame, time_ns) % node.window
    contexts = carray(pointer(U(node.contexts_at)), node.window, CONTEXT)
    contexts[index].sent_spikes = count
    outputs = client.outputs
    counts = carray(pointer(client.counts_at), (node.window, outputs), np.int32)
    leaders = carray(pointer(client.leaders_at), (node.window, 3), np.int64)
    for k in range(U(outputs)):
        counts[index, k] = 0
    leaders[index, 0], leaders[index, 1], leaders[index, 2] = NO_LEADER, 0, 0
    if client.tu_ns:
        code = begin(node, client, index, frame, count, time_ns)
        node.linger_due = next_due(node, client, time_ns)
        return code
    client.words = count
    return send_phase(node, client, index, frame, time_ns)


@jit
def send_phase(
    node: Records, client: Records, index: int, frame: int, time_ns: int
) -> int:
    """Send the next phase of the frame that was started last; close what it ends."""
    count, phases, phase = client.words, client.phases, client.phase
    first, last = count * phase // phases, count * (phase + 1) // phases
    words_at = U(client.words_at) + U(first * client.width)
    code = send_words(node, index, frame, words_at, last - first, time_ns)
    if code:
        return code
    if phase + 1 < phases:
        client.phase = phase + 1
        return close_phase(node, index, frame, time_ns)
    client.phase = 0
    return close_frame(node, index, frame, time_ns)


@jit
def steps(client: Records) -> int:
    """Return how many phases were sent, of all frames."""
    if client.phase == 0:
        return client.started * client.phases
    return (client.started - 1) * client.phases + client.phase


@jit
def send_more(node: Records, client: Records) -> int:
    """Send the next phases of a frame as far as the clock lets them."""
    frame = client.started - 1
    slots = carray(pointer(U(node.slots_at)), node.window, np.int64)
    index = slots[frame % node.window]
    while client.phase and steps(client) < client.start_limit:
        code = send_phase(node, client, index, frame, now_ns(node))
        if code:
            return code
    return r.MORE


@jit
def start_pixels(node: Records, client: Records, image: U8) -> int:
    """Encode a uint8 image and start its frame."""
    begin_ns = now_ns(node)
    count = encode_image(
        client.ranks_at, client.starts_at, client.live_at, client.rank_count,
        image, client.words_at, client.width,
    )  # fmt: skip
    if client.tu_ns:
        lay_out(client, image, count)
    node.kernel_ns += now_ns(node) - begin_ns
    return start_frame(node, client, count)


@jit
def may_start(node: Records, client: Records) -> bool:
    """Tell whether the window, a clock and the frame that is played let one start."""
    if client.started * client.phases >= client.start_limit:
        return False
    if client.tu_ns:
        over = now_ns(node) >= client.play_end
        return client.started == node.next_frame and over
    return client.started - node.next_frame < node.window


@jit
def play(node: Records, client: Records) -> int:
    """Send what is due, start what may start; say when to look again."""
    code = r.MORE
    if client.playing:
        code = send_due(node, client, now_ns(node))
    elif client.image_next < client.image_count:
        code = start_offered(node, client)
    node.linger_due = next_due(node, client, now_ns(node))
    return code


@jit
def start_offered(node: Records, client: Records) -> int:
    """Start frames of the offered images while the window has room."""
    if client.phase:
        code = send_more(node, client)
        if code or client.phase:
            return code
    pixels = client.pixels
    while client.image_next < client.image_count and may_start(node, client):
        at = U(client.images_at) + U(client.image_next * pixels)
        client.image_next += 1
        code = start_pixels(node, client, carray(pointer(at), pixels, np.uint8))
        if code == 0 and client.phase:
            code = send_more(node, client)
        if code or client.phase:
            return code
    return r.MORE


@jit
def fill(handles: I64) -> int:
    """Start frames of the offered images while the window has room."""
    node = carray(pointer(U(handles[0])), 1, NODE)[0]
    client = carray(pointer(U(handles[1])), 1, CLIENT)[0]
    return start_offered(node, client)


@jit
def can_start(handles: I64) -> bool:
    """Tell whether a frame may be started."""
    node = carray(pointer(U(handles[0])), 1, NODE)[0]
    client = carray(pointer(U(handles[1])), 1, CLIENT)[0]
    return may_start(node, client)


@jit
def start_image(handles: I64, image: U8) -> int:
    """Encode a uint8 image and start its frame."""
    node = carray(pointer(U(handles[0])), 1, NODE)[0]
    client = carray(pointer(U(handles[1])), 1, CLIENT)[0]
    return start_pixels(node, client, image)


@jit
def start_words(handles: I64, addresses: U32) -> int:
    """Start a frame from addresses in firing order."""
    node = carray(pointer(U(handles[0])), 1, NODE)[0]
    client = carray(pointer(U(handles[1])), 1, CLIENT)[0]
    for j in range(U(addresses.size)):
        word = U(addresses[j]) << U(1)
        if client.width == 2:
            write_word(client.words_at, j, 2, word)
        else:
            write_word(client.words_at, j, 4, word)
    return start_frame(node, client, np.int64(addresses.size))
