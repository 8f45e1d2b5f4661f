"""Compile the fast kernel: hysteresis, one firing a neuron and spike.

One spike touches a block of rows of cells (one row in a dense layer). Each row
is straight-line vector code; chunks with a firing lane are listed without a
branch, and the list is fired after the last row. Rows are disjoint and ascending,
so spikes leave in ascending address, as `spec` asks.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numba import carray

from neurocluster.kernels.jit import Native, inline, native
from neurocluster.kernels.memory import (
    copy_bytes,
    pointer,
    read_int32,
    read_word,
    zero_bytes,
)
from neurocluster.kernels.records import LAYER, STATE
from neurocluster.kernels.vector import add_row, fire_vector, popcount, trailing_zeros

SIGNATURE: Final = "int64(uint64, uint64, uint64, uint64, uint64)"
MASK_BITS: Final = 64
U = np.uint64


@cache
def event_kernel(
    rows: int, lanes: int, vectors: int, relu: int, pooled: int, width: int, out: int
) -> Native:
    """Return the kernel of one form of layer.

    Args:
        rows: Rows of cells that a spike touches.
        lanes: Cells of a vector, 8 or 16.
        vectors: Vectors of a row.
        relu: 1 for hidden layers, 0 for layers whose levels may be negative.
        pooled: 1 if a 2 x 2 max-pooling is fused behind the layer.
        width: Bytes of an incoming word, 2 or 4.
        out: Bytes of an outgoing word, 2 or 4.

    Returns:
        ``kernel(layer, state, words, count, out) -> words written``; all addresses.
    """
    length = lanes * vectors
    chunk = lanes if rows > 1 and length > MASK_BITS else MASK_BITS
    every_lane = (1 << lanes) - 1
    flag_offset = int(STATE.fields["out_of_range"][1]) if STATE.fields else 0

    @native(SIGNATURE)
    def kernel(
        layer_at: int, state_at: int, words_at: int, count: int, out_at: int
    ) -> int:
        layer = carray(pointer(layer_at), 1, LAYER)[0]
        state = carray(pointer(state_at), 1, STATE)[0]
        cells, levels = U(state.potentials_at), U(state.levels_at)
        weights, offsets = U(layer.weights_at), U(layer.offsets_at)
        weight_offsets, table = U(layer.weight_offsets_at), U(layer.cells_at)
        synop_table, entries = U(layer.synops_at), U(layer.list_at)
        stride, row_length = U(layer.stride), U(length)
        flag = U(state_at + U(flag_offset))
        span = U(rows - 1) * stride + row_length
        first, last = U(state.touched_first), U(state.touched_last)
        written, fired, synops = U(0), U(0), np.int64(0)
        for e in range(U(count)):
            word = read_word(words_at, e, width)
            address = word >> U(1)
            sign = np.int32(1) - np.int32(2) * np.int32(word & U(1))
            cell = U(read_int32(offsets, address))
            weight = U(read_int32(weight_offsets, address))
            synops += read_int32(synop_table, address)
            first, last = min(first, cell), max(last, cell + span)
            listed = U(0)
            for _row in range(U(rows)):
                listed = add_row(
                    cells, weights, sign, cell, weight, entries, listed,
                    lanes, vectors, relu, chunk,
                )  # fmt: skip
                cell += stride
                weight += row_length
            for i in range(listed):
                at = read_pair(entries, i)
                mask = read_pair_mask(entries, i)
                while mask:
                    shift = trailing_zeros(mask) // U(lanes) * U(lanes)
                    firing = (mask >> shift) & U(every_lane)
                    mask ^= firing << shift
                    fired += popcount(firing)
                    here = at + shift
                    row = here // U(lanes) * U(4)
                    written = fire_vector(
                        cells, levels, firing, here, out_at, written,
                        U(read_int32(table, row)),
                        U(read_int32(table, row + U(1))),
                        U(read_int32(table, row + U(2))),
                        U(read_int32(table, row + U(3))),
                        flag, lanes, relu, pooled, out,
                    )  # fmt: skip
        state.touched_first, state.touched_last = np.int64(first), np.int64(last)
        state.fired += np.int64(fired)
        if pooled:
            state.pooled += np.int64(written)
        state.synops += synops
        return np.int64(written)

    return kernel


@inline
def read_pair(entries: int, index: int) -> int:
    """Return the cell of an entry of the list."""
    return read_word(entries, index * U(2), 8)


@inline
def read_pair_mask(entries: int, index: int) -> int:
    """Return the mask of an entry of the list."""
    return read_word(entries, index * U(2) + U(1), 8)


@cache
def event_reset() -> Native:
    """Return ``reset(layer, state, 0, 0, 0)``: set touched cells to their start."""

    @native(SIGNATURE)
    def reset(layer_at: int, state_at: int, _a: int, _b: int, _c: int) -> int:
        layer = carray(pointer(layer_at), 1, LAYER)[0]
        state = carray(pointer(state_at), 1, STATE)[0]
        first, last = U(state.touched_first), U(state.touched_last)
        if last > first:
            size = last - first
            cells = U(state.potentials_at) + U(4) * first
            copy_bytes(cells, U(layer.initial_at) + U(4) * first, U(4) * size)
            zero_bytes(U(state.levels_at) + U(2) * first, U(2) * size)
        state.touched_first, state.touched_last = layer.state_cells, 0
        state.fired, state.pooled, state.synops, state.out_of_range = 0, 0, 0, 0
        return 0

    return reset
