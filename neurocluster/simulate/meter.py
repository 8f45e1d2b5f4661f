"""Stand between an engine and its kernels: count their work, charge virtual time.

An engine calls its kernels by address and hands them the address of their layer. Both
are replaced: by the functions here, and by a METER that knows the real ones. The engine
is otherwise the one that real workers run, and so are the spikes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numba import carray

from neurocluster.dtypes import Records
from neurocluster.kernels.jit import jit, native
from neurocluster.kernels.memory import call5, pointer
from neurocluster.kernels.records import STATE
from neurocluster.simulate.records import COSTS, METER, PROCESS
from neurocluster.worker.engine import Engine

U = np.uint64


@jit
def charge(process: Records, cost: float) -> None:
    """Let a process have worked, ns; rounded half up."""
    process.now += np.int64(cost + 0.5)


@jit
def metered(meter: Records, function: int, state_at: int, words: int, count: int,
            out: int) -> int:  # fmt: skip
    """Call a kernel that takes spikes, or the one at a frame's start."""
    state = carray(pointer(state_at), 1, STATE)[0]
    before = state.synops
    written = call5(function, meter.layer_at, state_at, words, U(count), out)
    synops = state.synops - before
    meter.words += count
    meter.synops += synops
    meter.fired += written
    if meter.process_at:
        process = carray(pointer(meter.process_at), 1, PROCESS)[0]
        costs = carray(pointer(process.costs_at), 1, COSTS)[0]
        cost = (
            costs.handle_spike * count + costs.handle_synop * synops
            + costs.handle_fired * written
        )  # fmt: skip
        if not process.charged:
            process.charged = 1
            cost += costs.handle_fixed
        charge(process, cost * process.factor)
    return written


@cache
def meter_functions() -> tuple[int, int, int]:
    """Return the addresses of what an engine calls: kernel, reset, start."""

    @native("int64(uint64, uint64, uint64, uint64, uint64)")
    def metered_kernel(at: int, state: int, words: int, count: int, out: int) -> int:
        meter = carray(pointer(at), 1, METER)[0]
        return metered(meter, meter.kernel_at, state, words, np.int64(count), out)

    @native("int64(uint64, uint64, uint64, uint64, uint64)")
    def metered_start(at: int, state: int, words: int, count: int, out: int) -> int:
        meter = carray(pointer(at), 1, METER)[0]
        return metered(meter, meter.start_at, state, words, np.int64(count), out)

    @native("int64(uint64, uint64, uint64, uint64, uint64)")
    def metered_reset(at: int, state: int, words: int, count: int, out: int) -> int:
        meter = carray(pointer(at), 1, METER)[0]
        written = call5(meter.reset_at, meter.layer_at, state, words, count, out)
        if meter.process_at:
            process = carray(pointer(meter.process_at), 1, PROCESS)[0]
            costs = carray(pointer(process.costs_at), 1, COSTS)[0]
            charge(process, costs.handle_frame * process.factor)
        return written

    return metered_kernel.address, metered_reset.address, metered_start.address


@dataclass(frozen=True, slots=True)
class Meter:
    """Hold the METER of one engine, which must not outlive it."""

    record: Records
    engine: Engine


def put_meter(engine: Engine, process_at: int = 0) -> Meter:
    """Put a meter between an engine and its kernels.

    Args:
        engine: Of a worker; changed.
        process_at: PROCESS whose clock the kernels advance; 0 has them counted only.
    """
    record: Records = np.zeros(1, METER)
    inner = engine.record[0]
    for name in ("kernel_at", "reset_at", "start_at", "layer_at"):
        record[0][name] = inner[name]
    record[0]["process_at"] = process_at
    kernel, reset, start = meter_functions()
    inner["kernel_at"], inner["reset_at"] = kernel, reset
    inner["start_at"] = start if inner["start_at"] else 0
    inner["layer_at"] = record.ctypes.data
    return Meter(record, engine)
