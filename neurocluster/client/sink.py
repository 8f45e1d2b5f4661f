"""Take what the output partitions send, finish frames; compiled, no I/O."""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import carray

from neurocluster.client.records import CLIENT, NO_LEADER, RESULT
from neurocluster.client.source import play, start_offered
from neurocluster.dtypes import I32, I64, Records
from neurocluster.kernels.jit import jit, native
from neurocluster.kernels.memory import pointer, read_word
from neurocluster.link import records as r
from neurocluster.link.receiver import (
    accept,
    close_link,
    fault,
    free_context,
    link_number,
    record_service,
)
from neurocluster.link.records import CONTEXT, INBOUND, NODE
from neurocluster.link.sender import write_counts
from neurocluster.wire import packet as w

U = np.uint64
POTENTIALS, SPIKES, FAILED = w.POTENTIALS, w.SPIKES, w.FAILED
HEADER = w.HEADER_BYTES


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
    if code >= 0 and code != r.NOT_CANONICAL and code != r.STALE:
        record_service(node, result[1], result[5])
    return code


@jit
def flush(handles: I64) -> int:
    """Note that the inbox is empty: the next packet's transit is that of the wire.

    A frame that is played sends what is due.
    """
    node = carray(pointer(U(handles[0])), 1, NODE)[0]
    node.idle = 1
    client = carray(pointer(U(handles[1])), 1, CLIENT)[0]
    return play(node, client) if client.tu_ns else r.MORE


@cache
def turn_functions() -> tuple[int, int]:
    """Return the addresses of `receive` and `flush`, for `transport.turn`."""

    @native("int64(uint64, uint64)")
    def client_receive(handles_at: int, size: int) -> int:
        return receive(carray(pointer(handles_at), 3, np.int64), np.int64(size))

    @native("int64(uint64)")
    def client_flush(handles_at: int) -> int:
        return flush(carray(pointer(handles_at), 3, np.int64))

    return client_receive.address, client_flush.address


@jit
def receive_packet(node: Records, client: Records, result: I64, size: int) -> int:
    """Handle one packet; a frame that it completes makes room for the next."""
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
    elif kind == FAILED and (size - HEADER != 8 or result[4] == 0):
        return fault(node, r.BAD_KIND, link_number(node, slot), frame, 8, size - HEADER)
    elif result[4] and kind == SPIKES and link.next_phase + 1 == node.phases:
        number = link_number(node, slot)
        return fault(node, r.BAD_KIND, number, frame, POTENTIALS, kind)
    if result[4] == 0:
        return r.MORE
    code = close_link(node, result)
    if code != r.FRAME_CLOSED:
        return min(code, r.MORE)
    if client.result_count == client.result_size:
        return r.FULL
    if client.report_count == client.result_size:
        return r.FULL
    finish_frame(node, client, contexts[index], index, frame, time_ns)
    return start_offered(node, client)


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
    done.input_ns = client.play_last - context.opened_ns if client.tu_ns else 0
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
    rows = (client.result_size, client.report_width)
    report = carray(pointer(client.reports_at), rows, np.uint64)[client.report_count]
    report[0] = U(frame)
    write_counts(node, index, report, 1)
    client.report_count += 1
    free_context(node, index, frame)
    node.handled_frames += 1
