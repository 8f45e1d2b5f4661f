"""Encode frames into spikes and read results; compiled, no I/O.

The client is the source and the sink of the graph: `Engine.start` encodes an image
and packs it, `Engine.receive` adds up what the output partitions send. Finished
frames wait in a table until `take_results`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np
from numba import carray

from neurocluster.dtypes import I16, I32, I64, U8, U32, Records
from neurocluster.errors import RemoteLinkError
from neurocluster.kernels.encode import encode_image
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import pointer, read_word, write_word
from neurocluster.kernels.records import record
from neurocluster.link import records as r
from neurocluster.link.buffers import LinkBuffers, LinkSpec, link_fault
from neurocluster.link.receiver import (
    accept,
    close_link,
    fault,
    free_context,
    link_number,
    now_ns,
    open_context,
)
from neurocluster.link.records import CONTEXT, INBOUND, NODE
from neurocluster.link.sender import close_frame, send_words
from neurocluster.wire import packet as w

RESULT: Final = record(
    "frame", "started_ns", "first_output_ns", "decided_ns", "done_ns", "failed",
    "failed_neuron", "input_spikes",
)  # fmt: skip
CLIENT: Final = record(
    "outputs", "counts_at", "potentials_at", "leaders_at", "results_at",
    "result_counts_at", "result_potentials_at", "result_count", "result_size",
    "words_at", "starts_at", "ranks_at", "pixels", "width", "rank_count", "live_at",
)  # fmt: skip
BUDGET_PACKETS: Final = 64
"""Most packets that a turn handles before `take_results`; the pump's budget."""
U = np.uint64
SPIKES, POTENTIALS, FAILED = w.SPIKES, w.POTENTIALS, w.FAILED
HEADER = w.HEADER_BYTES
NO_LEADER = -1


@jit
def start_frame(node: Records, client: Records, frame: int, count: int) -> int:
    """Open a frame, send its ``count`` encoded words, close it on the links."""
    time_ns = now_ns(node)
    index = open_context(node, frame, time_ns) % node.window
    contexts = carray(pointer(U(node.contexts_at)), node.window, CONTEXT)
    contexts[index].sent_spikes = count
    outputs = client.outputs
    counts = carray(pointer(client.counts_at), (node.window, outputs), np.int32)
    leaders = carray(pointer(client.leaders_at), (node.window, 3), np.int64)
    for k in range(U(outputs)):
        counts[index, k] = 0
    leaders[index, 0], leaders[index, 1], leaders[index, 2] = NO_LEADER, 0, 0
    code = send_words(node, index, frame, client.words_at, count, time_ns)
    return code or close_frame(node, index, frame, time_ns)


@jit
def start_image(handles: I64, frame: int, image: U8) -> int:
    """Encode a uint8 image and start its frame."""
    node = carray(pointer(U(handles[0])), 1, NODE)[0]
    client = carray(pointer(U(handles[1])), 1, CLIENT)[0]
    begin = now_ns(node)
    count = encode_image(
        client.ranks_at, client.starts_at, client.live_at, client.rank_count,
        image, client.words_at, client.width,
    )  # fmt: skip
    node.kernel_ns += now_ns(node) - begin
    return start_frame(node, client, frame, count)


@jit
def start_words(handles: I64, frame: int, addresses: U32) -> int:
    """Start a frame from addresses in firing order."""
    node = carray(pointer(U(handles[0])), 1, NODE)[0]
    client = carray(pointer(U(handles[1])), 1, CLIENT)[0]
    for j in range(U(addresses.size)):
        word = U(addresses[j]) << U(1)
        if client.width == 2:
            write_word(client.words_at, j, 2, word)
        else:
            write_word(client.words_at, j, 4, word)
    return start_frame(node, client, frame, np.int64(addresses.size))


@jit
def leading(counts: I32) -> int:
    """Return the class that strictly leads by count, or NO_LEADER."""
    best, ties = 0, 0
    for k in range(1, counts.size):
        if counts[k] > counts[best]:
            best, ties = k, 0
        elif counts[k] == counts[best]:
            ties += 1
    return NO_LEADER if ties else best


@jit
def receive(handles: I64, size: int) -> int:
    """Handle the packet in the message buffer; see `worker.engine.receive`."""
    node = carray(pointer(U(handles[0])), 1, NODE)[0]
    client = carray(pointer(U(handles[1])), 1, CLIENT)[0]
    result = carray(pointer(U(handles[2])), 8, np.int64)
    code = receive_packet(node, client, result, size)
    return code if code < 0 else code + 16 * node.outboxes


@jit
def receive_packet(node: Records, client: Records, result: I64, size: int) -> int:
    """Handle one packet; returns FRAME_CLOSED when it completed a frame."""
    code = accept(node, size, result)
    if code:
        return code
    index, slot, words, kind = result[0], result[1], result[2], result[3]
    time_ns, frame = result[5], result[7]
    contexts = carray(pointer(U(node.contexts_at)), node.window, CONTEXT)
    if result[6]:  # a frame that we did not start
        return fault(node, r.BAD_FRAME, link_number(node, slot), frame, -1, frame)
    outputs = client.outputs
    counts = carray(pointer(client.counts_at), (node.window, outputs), np.int32)
    leaders = carray(pointer(client.leaders_at), (node.window, 3), np.int64)
    links = carray(pointer(U(node.inbound_at)), node.inbound_count, INBOUND)
    link = links[slot]
    payload = node.message_at + U(HEADER)
    if words:
        for j in range(U(words)):
            if link.width == 2:
                word = np.int64(read_word(payload, j, 2))
            else:
                word = np.int64(read_word(payload, j, 4))
            counts[index, U(word >> 1)] += np.int32(1 - 2 * (word & 1))
        if leaders[index, 1] == 0:
            leaders[index, 1] = time_ns
        leader = leading(counts[index])
        if leader != leaders[index, 0]:
            leaders[index, 0], leaders[index, 2] = leader, time_ns
    if kind == POTENTIALS:
        first = link.first_word >> 1
        owned = (link.last_word >> 1) - first
        if size - HEADER != 4 * owned or result[4] == 0:
            number = link_number(node, slot)
            return fault(node, r.BAD_KIND, number, frame, 4 * owned, size - HEADER)
        values = carray(pointer(payload), owned, np.int32)
        potentials = carray(
            pointer(client.potentials_at), (node.window, outputs), np.int32
        )
        for k in range(U(owned)):
            potentials[index, U(first) + k] = values[k]
    elif result[4] and kind == SPIKES:
        number = link_number(node, slot)
        return fault(node, r.BAD_KIND, number, frame, POTENTIALS, kind)
    if result[4] == 0:
        return r.MORE
    code = close_link(node, result)
    if code != r.FRAME_CLOSED:
        return code
    if client.result_count == client.result_size:
        return r.FULL
    finish_frame(node, client, contexts[index], index, frame, time_ns)
    return r.FRAME_CLOSED


@jit
def finish_frame(
    node: Records,
    client: Records,
    context: Records,
    index: int,
    frame: int,
    time_ns: int,
) -> None:
    """Copy a finished frame into the table of results; free its context."""
    outputs, row = client.outputs, client.result_count
    leaders = carray(pointer(client.leaders_at), (node.window, 3), np.int64)
    results = carray(pointer(client.results_at), client.result_size, RESULT)
    done = results[row]
    done.frame, done.started_ns, done.done_ns = frame, context.opened_ns, time_ns
    done.first_output_ns = leaders[index, 1]
    decided = leaders[index, 0] != NO_LEADER
    done.decided_ns = leaders[index, 2] if decided else time_ns
    done.failed, done.failed_neuron = context.failed, context.failed_neuron
    done.input_spikes = context.sent_spikes
    shape = (node.window, outputs)
    counts = carray(pointer(client.counts_at), shape, np.int32)
    potentials = carray(pointer(client.potentials_at), shape, np.int32)
    table = (client.result_size, outputs)
    result_counts = carray(pointer(client.result_counts_at), table, np.int32)
    result_potentials = carray(pointer(client.result_potentials_at), table, np.int32)
    for k in range(U(outputs)):
        result_counts[row, k] = counts[index, k]
        result_potentials[row, k] = potentials[index, k]
    client.result_count = row + 1
    free_context(node, index, frame)
    node.handled_frames += 1


class Engine:
    """Own the client's links; start frames, collect results.

    Attributes:
        node: The links; the transport uses its message buffer and outboxes.
    """

    def __init__(
        self,
        inbound: Sequence[LinkSpec],
        outbound: Sequence[LinkSpec],
        *,
        ranks: I16,
        window: int,
        max_spikes: int,
        epoch: int = 1,
        clock: tuple[int, I64] | None = None,
    ) -> None:
        """Allocate.

        Args:
            inbound: Links from the output partitions.
            outbound: Links to the input partitions.
            ranks: (256,) int16, see `coding.delay.rank_table`.
            window: Frames in flight.
            max_spikes: Spikes of a full packet.
            epoch: Number of the epoch.
            clock: See `link.buffers.LinkBuffers`.
        """
        pixels, outputs = outbound[0].size, inbound[0].size
        self.outputs, self.window = outputs, window
        self.node = LinkBuffers(
            inbound, outbound, window=window, max_spikes=max_spikes, epoch=epoch,
            burst_words=window * pixels, payload_bytes=max(4 * outputs, 8), clock=clock,
        )  # fmt: skip
        self.started = 0
        self._image: U8 = np.zeros(pixels, np.uint8)
        # Frames that close within one turn start others; results leave after it.
        size = window + 2 * BUDGET_PACKETS
        self._results: Records = np.zeros(size, RESULT)
        self._counts: I32 = np.zeros((size, outputs), np.int32)
        self._potentials: I32 = np.zeros((size, outputs), np.int32)
        self._result = np.zeros(8, np.int64)
        self.record: Records = np.zeros(1, CLIENT)
        arrays = {
            "counts_at": np.zeros((window, outputs), np.int32),
            "potentials_at": np.zeros((window, outputs), np.int32),
            "leaders_at": np.zeros((window, 3), np.int64),
            "results_at": self._results,
            "result_counts_at": self._counts,
            "result_potentials_at": self._potentials,
            "words_at": np.zeros(pixels, np.uint32),
            "starts_at": np.zeros(258, np.int64),
            "ranks_at": ranks.astype(np.int16),
            "live_at": np.zeros(pixels + 1, np.int32),
        }
        self._kept = arrays
        for name, array in arrays.items():
            self.record[0][name] = array.ctypes.data
        for name, value in {
            "outputs": outputs,
            "result_size": size,
            "pixels": pixels,
            "width": outbound[0].width,
            "rank_count": int(ranks.max()) + 1,
        }.items():
            self.record[0][name] = value
        addresses = [self.node.record, self.record, self._result]
        self._handles = np.array([a.ctypes.data for a in addresses], np.int64)
        self.receive: Callable[[int], int] = partial(receive, self._handles)

    @property
    def can_start(self) -> bool:
        """Tell whether the window has room for another frame."""
        return self.started - int(self.node.record["next_frame"][0]) < self.window

    def start(self, image: U8) -> int:
        """Encode a flat uint8 image and pack it; return the frame's number."""
        # One layout, writable: for any other the compiler would run here.
        self._image[:] = image
        code = start_image(self._handles, self.started, self._image)
        return self._started(int(code))

    def start_order(self, addresses: U32) -> int:
        """Pack a frame given as addresses in firing order."""
        code = start_words(self._handles, self.started, addresses)
        return self._started(int(code))

    def _started(self, code: int) -> int:
        if code:
            raise self.fault(code)
        self.started += 1
        return self.started - 1

    def flush(self) -> int:
        """Note that the inbox is empty."""
        self.node.record["idle"] = 1
        return 0

    def take_results(self) -> tuple[Records, I32, I32]:
        """Return and forget finished frames: RESULT rows, counts, potentials."""
        count = int(self.record["result_count"][0])
        self.record["result_count"] = 0
        return (
            self._results[:count].copy(),
            self._counts[:count].copy(),
            self._potentials[:count].copy(),
        )

    def fault(self, code: int) -> RemoteLinkError:
        """Return the error that a negative result stands for."""
        return link_fault(self.node, code)
