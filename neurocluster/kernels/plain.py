"""Compile the general kernel: any quantizer, fire policy, stride and pooling.

It follows `spec` word for word, one neuron after the other, and is used where the
fast kernel (`kernels.event`) does not apply. All geometry is data, so that it is
compiled once for each pair of word widths. A dense layer is a convolution with a
1 x 1 kernel over a 1 x 1 plane.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numba import carray

from neurocluster.dtypes import FRACTION_BITS, ONE, POTENTIAL_LIMIT, Records
from neurocluster.kernels.event import SIGNATURE
from neurocluster.kernels.jit import Native, jit, native
from neurocluster.kernels.memory import pointer, read_word, write_word, zero_bytes
from neurocluster.kernels.records import LAYER, STATE

HYSTERESIS: Final = 0
FLOOR: Final = 1
ROUND: Final = 2
POOL_FIELDS: Final = 9
"""Columns of a pooling stage: input rows, input columns, kernel rows and columns,
stride rows and columns, output rows and columns, first count."""


@jit
def direction(layer: Records, potential: int, level: int) -> int:
    """Return +1, -1 or 0: how the neuron must fire now (`spec` section 1)."""
    v = potential
    if layer.relu and v < 0:
        v = 0
    if layer.quantizer == HYSTERESIS:
        gap = v - level * ONE
        return np.int64(gap >= ONE) - np.int64(gap <= -ONE)
    if layer.quantizer == ROUND:
        v += ONE >> 1
    target = v >> FRACTION_BITS
    return np.int64(target > level) - np.int64(target < level)


@jit
def pool_spikes(
    layer: Records, state: Records, y: int, x: int, c: int, sign: int
) -> int:
    """Pass one firing through the fused pooling stages.

    Returns:
        Number of (row, column, sign) triples that wait in the queue's second half.
    """
    size = layer.queue_size
    queue = carray(pointer(np.uint64(layer.queue_at)), (2, size, 3), np.int64)
    pools = carray(
        pointer(np.uint64(layer.pools_at)), (layer.pool_stages, POOL_FIELDS), np.int64
    )
    counts = carray(pointer(np.uint64(state.counts_at)), layer.pool_cells, np.int32)
    channels = layer.channels
    queue[1, 0, 0], queue[1, 0, 1], queue[1, 0, 2] = y, x, sign
    waiting = 1
    for stage in range(layer.pool_stages):
        arrived = waiting
        queue[0, :arrived] = queue[1, :arrived]
        waiting = 0
        p = pools[stage]
        for i in range(arrived):
            y, x, sign = queue[0, i]
            at = p[8] + (y * p[1] + x) * channels + c
            old = counts[at]
            for oy in range(
                max(0, -((p[2] - 1 - y) // p[4])), min(y // p[4] + 1, p[6])
            ):
                for ox in range(
                    max(0, -((p[3] - 1 - x) // p[5])), min(x // p[5] + 1, p[7])
                ):
                    others = np.int64(-(1 << 40))
                    for ky in range(p[2]):
                        for kx in range(p[3]):
                            iy, ix = oy * p[4] + ky, ox * p[5] + kx
                            if iy != y or ix != x:
                                other = counts[p[8] + (iy * p[1] + ix) * channels + c]
                                others = max(others, np.int64(other))
                    change = max(others, old + sign) - max(others, np.int64(old))
                    if change:
                        queue[1, waiting, 0], queue[1, waiting, 1] = oy, ox
                        queue[1, waiting, 2] = change
                        waiting += 1
            counts[at] = old + sign
        state.pooled += waiting
    return waiting


@jit
def emit_word(
    layer: Records,
    out_at: int,
    written: int,
    width: int,
    y: int,
    x: int,
    c: int,
    sign: int,
) -> int:
    """Write one outgoing word; return the number written."""
    row = (y + layer.address_row) * layer.address_columns + x
    address = row * layer.address_channels + layer.address_channel + c
    word = np.uint64(address << 1) | np.uint64(sign < 0)
    if width == 2:
        write_word(out_at, np.uint64(written), 2, word)
    else:
        write_word(out_at, np.uint64(written), 4, word)
    return written + 1


@jit
def test_neuron(
    layer: Records, state: Records, neuron: int, out_at: int, written: int, width: int
) -> int:
    """Test one neuron and fire as the policy allows; return the words written."""
    total = layer.state_cells
    potential = carray(pointer(np.uint64(state.potentials_at)), total, np.int32)
    levels = carray(pointer(np.uint64(state.levels_at)), total, np.int32)
    v = np.int64(potential[neuron])
    while True:
        sign = direction(layer, v, np.int64(levels[neuron]))
        if sign == 0:
            return written
        if abs(v) >= POTENTIAL_LIMIT:
            if state.out_of_range == 0:
                state.out_of_range = neuron + 1
            return written
        levels[neuron] += sign
        state.fired += 1
        c = neuron % layer.channels
        x = neuron // layer.channels % layer.columns
        y = neuron // layer.channels // layer.columns
        if layer.pool_stages == 0:
            written = emit_word(layer, out_at, written, width, y, x, c, sign)
        else:
            waiting = pool_spikes(layer, state, y, x, c, sign)
            size = layer.queue_size
            queue = carray(pointer(np.uint64(layer.queue_at)), (2, size, 3), np.int64)
            for i in range(waiting):
                oy, ox, change = queue[1, i]
                written = emit_word(layer, out_at, written, width, oy, ox, c, change)
        if not layer.settle:
            return written


@jit
def block_of(layer: Records, address: int) -> tuple[int, int, int, int, int, int, int]:
    """Say which neurons a spike of an address touches.

    Returns:
        Input channel; kernel row and column over output row and column 0; first row,
        row behind the last, first column, column behind the last.
    """
    channel = address % layer.input_channels
    ix = address // layer.input_channels % layer.input_columns
    iy = address // layer.input_channels // layer.input_columns
    stride_y, stride_x = layer.stride_rows, layer.stride_columns
    # Output row y lies under kernel row top - y * stride: those with a row in range.
    top = iy + layer.padding_rows - layer.first_row * stride_y
    left = ix + layer.padding_columns
    first_y = max(0, -((layer.kernel_rows - 1 - top) // stride_y))
    first_x = max(0, -((layer.kernel_columns - 1 - left) // stride_x))
    last_y = min(top // stride_y + 1, layer.rows)
    last_x = min(left // stride_x + 1, layer.columns)
    return channel, top, left, first_y, last_y, first_x, last_x


@jit
def apply_spike(
    layer: Records,
    state: Records,
    address: int,
    sign: int,
    out_at: int,
    written: int,
    width: int,
) -> int:
    """Add one spike's weights and test each neuron it touches, in address order."""
    total = layer.state_cells
    potential = carray(pointer(np.uint64(state.potentials_at)), total, np.int32)
    taps = layer.kernel_rows * layer.kernel_columns * layer.channels
    weights = carray(
        pointer(np.uint64(layer.weights_at)), layer.input_channels * taps, np.int32
    )
    levels = carray(pointer(np.uint64(state.levels_at)), total, np.int32)
    columns, channels = layer.columns, layer.channels
    kernel_columns = layer.kernel_columns
    stride_y, stride_x = layer.stride_rows, layer.stride_columns
    channel, top, left, first_y, last_y, first_x, last_x = block_of(layer, address)
    relu, hysteresis = layer.relu, layer.quantizer == HYSTERESIS
    half = ONE >> 1 if layer.quantizer == ROUND else 0
    add = np.int32(sign)
    for y in range(first_y, last_y):
        for x in range(first_x, last_x):
            tap = (top - y * stride_y) * kernel_columns + left - x * stride_x
            at = np.uint64(channel * taps + tap * channels)
            first = np.uint64((y * columns + x) * channels)
            for c in range(np.uint64(channels)):
                v = potential[first + c] + add * weights[at + c]
                potential[first + c] = v
                u = np.int64(v) if v > 0 or not relu else np.int64(0)
                level = np.int64(levels[first + c])
                if hysteresis:
                    quiet = abs(u - level * ONE) < ONE
                else:
                    quiet = (u + half) >> FRACTION_BITS == level
                if not quiet:
                    neuron = np.int64(first + c)
                    written = test_neuron(layer, state, neuron, out_at, written, width)
            state.synops += channels
    return written


@cache
def plain_kernel(width: int, out: int) -> Native:
    """Return ``kernel(layer, state, words, count, out) -> words written``."""

    @native(SIGNATURE)
    def kernel(
        layer_at: int, state_at: int, words_at: int, count: int, out_at: int
    ) -> int:
        layer = carray(pointer(layer_at), 1, LAYER)[0]
        state = carray(pointer(state_at), 1, STATE)[0]
        written = 0
        for e in range(np.uint64(count)):
            word = np.int64(read_word(words_at, e, width))
            sign = 1 - 2 * (word & 1)
            written = apply_spike(layer, state, word >> 1, sign, out_at, written, out)
        return written

    return kernel


@cache
def plain_open(out: int) -> Native:
    """Return ``open(layer, state, 0, 0, out)``: test every neuron once."""

    @native(SIGNATURE)
    def start(layer_at: int, state_at: int, _a: int, _b: int, out_at: int) -> int:
        layer = carray(pointer(layer_at), 1, LAYER)[0]
        state = carray(pointer(state_at), 1, STATE)[0]
        written = 0
        for neuron in range(layer.state_cells):
            written = test_neuron(layer, state, neuron, out_at, written, out)
        return written

    return start


@cache
def plain_reset() -> Native:
    """Return ``reset(layer, state, 0, 0, 0)``: set all neurons to their start."""

    @native(SIGNATURE)
    def reset(layer_at: int, state_at: int, _a: int, _b: int, _c: int) -> int:
        layer = carray(pointer(layer_at), 1, LAYER)[0]
        state = carray(pointer(state_at), 1, STATE)[0]
        total = layer.state_cells
        potential = carray(pointer(np.uint64(state.potentials_at)), total, np.int32)
        initial = carray(pointer(np.uint64(layer.initial_at)), total, np.int32)
        for i in range(np.uint64(total)):
            potential[i] = initial[i]
        zero_bytes(np.uint64(state.levels_at), np.uint64(4 * total))
        zero_bytes(np.uint64(state.counts_at), np.uint64(4 * layer.pool_cells))
        state.fired, state.pooled, state.synops, state.out_of_range = 0, 0, 0, 0
        return 0

    return reset
