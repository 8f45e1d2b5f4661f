"""Turn a packet into packets: check, compute, pack, close; compiled, no I/O."""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import carray

from neurocluster.dtypes import I64, ONE, Records
from neurocluster.kernels.jit import jit, native
from neurocluster.kernels.memory import call5, pointer, read_int32
from neurocluster.kernels.records import STATE
from neurocluster.kernels.vector import FAR
from neurocluster.link import records as r
from neurocluster.link.receiver import (
    accept,
    close_link,
    fault,
    free_context,
    link_number,
    now_ns,
    record_service,
)
from neurocluster.link.records import CONTEXT, INBOUND, NODE
from neurocluster.link.sender import (
    close_frame,
    close_phase,
    close_with,
    flush_partials,
    send_words,
    write_counts,
)
from neurocluster.wire import packet as w
from neurocluster.worker.records import ENGINE, REPORT_FIELDS

U = np.uint64
SPIKES, POTENTIALS, FAILED = w.SPIKES, w.POTENTIALS, w.FAILED
HEADER = w.HEADER_BYTES
STATE_BYTES = STATE.itemsize
EVENTS, START, SWEEP = 0, 1, 2
"""Kernels: of arriving spikes, at the start of a frame, at the end of a phase."""


@jit
def run_kernel(
    node: Records, engine: Records, context: Records, function: int, state: int,
    words: int, count: int,
) -> int:  # fmt: skip
    """Call a kernel, taking its time; return the words it wrote."""
    begin = now_ns(node)
    last = engine.scratch_at
    if function == EVENTS:
        target = engine.kernel_at
        written = call5(target, engine.layer_at, U(state), U(words), U(count), last)
    else:
        target = engine.start_at if function == START else engine.sweep_at
        written = call5(target, engine.layer_at, U(state), U(0), U(0), last)
    spent = now_ns(node) - begin
    context.service_ns += spent
    node.kernel_ns += spent
    return written


@jit
def state_address(engine: Records, index: int) -> int:
    """Return the address of a context's STATE."""
    return engine.states_at + U(index * STATE_BYTES)


@jit
def receive(handles: I64, size: int) -> int:
    """Handle the packet in the message buffer.

    Args:
        handles: (3,) int64, addresses of NODE, ENGINE and (8,) int64 of scratch; one
            plain array is the cheapest argument there is.
        size: Bytes of the packet.

    Returns:
        A fault (negative), or MORE, NOT_CANONICAL, STALE.
    """
    node = carray(pointer(U(handles[0])), 1, NODE)[0]
    engine = carray(pointer(U(handles[1])), 1, ENGINE)[0]
    result = carray(pointer(U(handles[2])), 8, np.int64)
    code = receive_packet(node, engine, result, size)
    if code >= 0 and code != r.NOT_CANONICAL and code != r.STALE:
        record_service(node, result[1], result[5])
    return code


@jit
def receive_packet(node: Records, engine: Records, result: I64, size: int) -> int:
    """Handle one packet; returns as `receive` does."""
    code = accept(node, size, result)
    if code:
        return code
    index, words, frame, time_ns = result[0], result[2], result[7], result[5]
    contexts = carray(pointer(U(node.contexts_at)), node.window, CONTEXT)
    context = contexts[index]
    state = state_address(engine, index)
    if result[6] and engine.start_at:
        written = run_kernel(node, engine, context, START, state, 0, 0)
        code = send_words(node, index, frame, engine.scratch_at, written, time_ns)
        if code:
            return code
    kind = result[3]
    if kind == POTENTIALS or (kind == FAILED and (size - HEADER != 8 or not result[4])):
        number = link_number(node, result[1])
        return fault(node, r.BAD_KIND, number, frame, SPIKES, kind)
    if words and not context.failed:
        at = node.message_at + U(HEADER)
        written = run_kernel(node, engine, context, EVENTS, state, at, words)
        if written:
            code = send_words(node, index, frame, engine.scratch_at, written, time_ns)
            if code:
                return code
    if result[4] == 0:
        return r.MORE
    code = close_link(node, result)
    if code == r.PHASE_CLOSED:
        return finish_phase(node, engine, context, state, result)
    if code != r.FRAME_CLOSED:
        return code
    if frame != node.next_frame:
        number = link_number(node, result[1])
        return fault(node, r.BAD_ORDER, number, frame, node.next_frame, frame)
    if engine.sweep_at:
        code = sweep(node, engine, context, state, index, frame)
        if code:
            return code
    return finish_frame(node, engine, context, state, index, frame)


@jit
def sweep(
    node: Records, engine: Records, context: Records, state_at: int, index: int,
    frame: int,
) -> int:  # fmt: skip
    """Test all neurons, once all spikes of a phase are added; send what fires."""
    if context.failed:
        return r.MORE
    written = run_kernel(node, engine, context, SWEEP, state_at, 0, 0)
    time_ns = now_ns(node)
    return send_words(node, index, frame, engine.scratch_at, written, time_ns)


@jit
def finish_phase(
    node: Records, engine: Records, context: Records, state_at: int, result: I64
) -> int:
    """Close a phase on the outgoing links once all incoming ones have closed it.

    No link is a phase ahead of the others: the gate lets one phase in after the other.
    """
    index, frame = result[0], result[7]
    links = carray(pointer(U(node.inbound_at)), node.inbound_count, INBOUND)
    link = links[result[1]]
    if link.next_phase != context.phase + 1:
        expected = context.phase + 1
        return fault(node, r.BAD_PHASE, link.index, frame, expected, link.next_phase)
    context.waiting -= 1
    if context.waiting:
        return r.MORE
    context.waiting = node.inbound_count
    if engine.sweep_at:
        code = sweep(node, engine, context, state_at, index, frame)
        if code:
            return code
    code = close_phase(node, index, frame, now_ns(node))
    node.next_phase = context.phase
    return code


@jit
def finish_frame(
    node: Records,
    engine: Records,
    context: Records,
    state_at: int,
    index: int,
    frame: int,
) -> int:
    """Close a complete frame on the outgoing links, report it, free its context."""
    state = carray(pointer(U(state_at)), 1, STATE)[0]
    time_ns = now_ns(node)
    if state.out_of_range and not context.failed:
        context.failed = engine.partition + 1
        context.failed_neuron = neuron_of(engine, state.out_of_range - 1)
    if context.failed:
        payload = carray(pointer(engine.output_at), 2, np.uint32)
        payload[0] = np.uint32(context.failed - 1)
        payload[1] = np.uint32(context.failed_neuron)
        code = close_with(node, index, frame, FAILED, engine.output_at, 8, time_ns)
    elif engine.is_output:
        write_potentials(engine, state)
        size = 4 * engine.neurons
        code = close_with(
            node, index, frame, POTENTIALS, engine.output_at, size, time_ns
        )
    else:
        code = close_frame(node, index, frame, time_ns)
    if code:
        return code
    shape = (engine.report_size, engine.report_width)
    reports = carray(pointer(engine.reports_at), shape, np.uint64)
    if engine.report_count == engine.report_size:
        return r.FULL
    row = reports[engine.report_count]
    row[0], row[1], row[2] = U(frame), U(state.fired), U(state.pooled)
    row[3], row[4] = U(state.synops), U(context.service_ns)
    write_counts(node, index, row, REPORT_FIELDS)
    engine.report_count += 1
    begin = now_ns(node)
    call5(engine.reset_at, engine.layer_at, U(state_at), U(0), U(0), U(0))
    node.kernel_ns += now_ns(node) - begin
    free_context(node, index, frame)
    node.handled_frames += 1
    return r.MORE


@jit
def neuron_of(engine: Records, cell: int) -> int:
    """Return the local index of the neuron in a cell."""
    cells = carray(pointer(engine.neuron_cells_at), engine.neurons, np.int64)
    for k in range(engine.neurons):
        if cells[k] == cell:
            return k
    return 0


@jit
def write_potentials(engine: Records, state: Records) -> None:
    """Write V of every owned neuron, int32, in ascending address."""
    out = carray(pointer(engine.output_at), engine.neurons, np.int32)
    cells = carray(pointer(engine.neuron_cells_at), engine.neurons, np.int64)
    for k in range(engine.neurons):
        v = np.int64(read_int32(U(state.potentials_at), U(cells[k])))
        if engine.fast:
            levels = carray(pointer(U(state.levels_at)), cells[k] + 1, np.int16)
            level = np.int64(levels[cells[k]])
            if engine.raised or level > 0:
                v -= FAR
            v += level * ONE
        out[k] = np.int32(v)


@jit
def flush(handles: I64) -> int:
    """Send partial packets: the inbox is empty; returns as `receive` does."""
    return flush_partials(carray(pointer(U(handles[0])), 1, NODE)[0])


@cache
def turn_functions() -> tuple[int, int]:
    """Return the addresses of `receive` and `flush`, for `transport.turn`."""

    @native("int64(uint64, uint64)")
    def worker_receive(handles_at: int, size: int) -> int:
        return receive(carray(pointer(handles_at), 3, np.int64), np.int64(size))

    @native("int64(uint64)")
    def worker_flush(handles_at: int) -> int:
        return flush(carray(pointer(handles_at), 3, np.int64))

    return worker_receive.address, worker_flush.address
