"""Compile the kernel of a clock that tests neurons once a phase (`step-batch`).

As simulators that go by time steps do: first all spikes of a phase are added, then
every neuron is tested, once, in ascending address. A neuron fires at most once a phase;
what is left of its potential counts in the next.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numba import carray

from neurocluster.dtypes import FRACTION_BITS, ONE, Records
from neurocluster.kernels.event import SIGNATURE
from neurocluster.kernels.jit import Native, jit, native
from neurocluster.kernels.memory import pointer, read_word
from neurocluster.kernels.plain import HYSTERESIS, ROUND, block_of, test_neuron
from neurocluster.kernels.records import LAYER, STATE

BLOCK: Final = 64
"""Neurons that are looked at together; in most blocks none must fire."""


@jit
def add_spike(layer: Records, state: Records, address: int, sign: int) -> None:
    """Add one spike's weights to the neurons that it touches."""
    total = layer.state_cells
    potential = carray(pointer(np.uint64(state.potentials_at)), total, np.int32)
    taps = layer.kernel_rows * layer.kernel_columns * layer.channels
    weights = carray(
        pointer(np.uint64(layer.weights_at)), layer.input_channels * taps, np.int32
    )
    channel, top, left, first_y, last_y, first_x, last_x = block_of(layer, address)
    channels, add = layer.channels, np.int32(sign)
    for y in range(first_y, last_y):
        for x in range(first_x, last_x):
            row = (top - y * layer.stride_rows) * layer.kernel_columns
            tap = row + left - x * layer.stride_columns
            at = np.uint64(channel * taps + tap * channels)
            first = np.uint64((y * layer.columns + x) * channels)
            for c in range(np.uint64(channels)):
                potential[first + c] += add * weights[at + c]
            state.synops += channels


@jit
def is_quiet(layer: Records, state: Records, first: int, last: int) -> bool:
    """Tell whether no neuron of a range of cells must fire."""
    total = layer.state_cells
    potential = carray(pointer(np.uint64(state.potentials_at)), total, np.int32)
    levels = carray(pointer(np.uint64(state.levels_at)), total, np.int32)
    low = np.int64(0) if layer.relu else np.int64(-(1 << 40))
    loud = np.int64(0)
    if layer.quantizer == HYSTERESIS:
        for i in range(np.uint64(first), np.uint64(last)):
            gap = max(np.int64(potential[i]), low) - np.int64(levels[i]) * ONE
            loud += np.int64(abs(gap) >= ONE)
    else:
        half = np.int64(ONE >> 1) if layer.quantizer == ROUND else np.int64(0)
        for i in range(np.uint64(first), np.uint64(last)):
            v = max(np.int64(potential[i]), low)
            loud += np.int64((v + half) >> FRACTION_BITS != np.int64(levels[i]))
    return loud == 0


@cache
def batch_kernel(width: int, _out: int) -> Native:
    """Return ``kernel(layer, state, words, count, 0) -> 0``: add, test nothing."""

    @native(SIGNATURE)
    def kernel(
        layer_at: int, state_at: int, words_at: int, count: int, _out: int
    ) -> int:
        layer = carray(pointer(layer_at), 1, LAYER)[0]
        state = carray(pointer(state_at), 1, STATE)[0]
        for e in range(np.uint64(count)):
            word = np.int64(read_word(words_at, e, width))
            add_spike(layer, state, word >> 1, 1 - 2 * (word & 1))
        return 0

    return kernel


@cache
def batch_sweep(out: int) -> Native:
    """Return ``sweep(layer, state, 0, 0, out) -> words written``: test every neuron."""

    @native(SIGNATURE)
    def sweep(layer_at: int, state_at: int, _a: int, _b: int, out_at: int) -> int:
        layer = carray(pointer(layer_at), 1, LAYER)[0]
        state = carray(pointer(state_at), 1, STATE)[0]
        written, total = 0, layer.state_cells
        for first in range(0, total, BLOCK):
            last = min(first + BLOCK, total)
            if not is_quiet(layer, state, first, last):
                for neuron in range(first, last):
                    written = test_neuron(layer, state, neuron, out_at, written, out)
        return written

    return sweep
