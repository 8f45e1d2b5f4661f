"""Let engines handle packets, and charge their processes for it; compiled."""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import carray

from neurocluster.dtypes import Records
from neurocluster.kernels.jit import jit, native
from neurocluster.kernels.memory import call1, call2, pointer
from neurocluster.link.records import NODE
from neurocluster.link.tape import packed
from neurocluster.simulate.chance import draw
from neurocluster.simulate.meter import charge
from neurocluster.simulate.records import COSTS, PROCESS
from neurocluster.wire.packet import HEADER_BYTES

U = np.uint64


@jit
def charged_receive(process: Records, size: int) -> int:
    """Let the engine handle the packet in its buffer; charge what the meter did not."""
    costs = carray(pointer(process.costs_at), 1, COSTS)[0]
    process.factor = draw(process, costs.handle_factors_at)
    process.charged = 0
    node = carray(pointer(process.node_at), 1, NODE)[0]
    before, closed = packed(node), node.handled_frames
    code = call2(process.receive_at, process.handles_at, U(size))
    process.moved = 1  # a packet may come from a clock's stash
    cost = 0.0 if process.charged else costs.handle_fixed
    if process.is_client:
        cost += costs.handle_spike * ((size - HEADER_BYTES) >> 1)
        cost += costs.handle_fired * (packed(node) - before)
        cost += costs.handle_frame * (node.handled_frames - closed)
    charge(process, cost * process.factor)
    return code


@cache
def handler_functions() -> tuple[int, int]:
    """Return the addresses of what a turn calls; see `link.buffers.Handler`."""

    @native("int64(uint64, uint64)")
    def simulated_handle(at: int, size: int) -> int:
        process = carray(pointer(at), 1, PROCESS)[0]
        return charged_receive(process, np.int64(size))

    @native("int64(uint64)")
    def simulated_flush(at: int) -> int:
        process = carray(pointer(at), 1, PROCESS)[0]
        return call1(process.flush_at, process.handles_at)

    return simulated_handle.address, simulated_flush.address
