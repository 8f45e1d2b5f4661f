"""Build the arrays of a partition for the fast kernel (`kernels.event`).

It takes hysteresis with one firing a spike, dense layers and convolutions of stride 1
with ReLU, and no pooling or 2 x 2 pooling over an even plane.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from neurocluster.dtypes import I32, I64, Bool
from neurocluster.kernels.event import event_kernel, event_reset
from neurocluster.kernels.layer import (
    CompiledLayer,
    aligned,
    conv_shape,
    conv_weights,
    input_plane,
    layer_record,
    touched,
)
from neurocluster.kernels.vector import FAR, NEVER
from neurocluster.model.spec import PartitionSpec

MOST_VECTORS: Final = 64
"""Vectors of one row that the fast kernel unrolls; wider rows are cut or refused."""


def is_fast(spec: PartitionSpec) -> bool:
    """Tell whether the fast kernel can run this partition."""
    if (spec.quantizer, spec.fire) != ("hysteresis", "once"):
        return False
    if spec.kind == "conv2d" and (spec.stride != (1, 1) or not spec.relu):
        return False
    if spec.pools and (
        tuple(spec.pools) != (((2, 2), (2, 2)),)
        or spec.neuron_shape.height % 2
        or spec.neuron_shape.width % 2
    ):
        return False
    return _vectors(spec)[2] <= MOST_VECTORS


def _vectors(spec: PartitionSpec) -> tuple[int, int, int, int]:
    """Return padded channels, lanes, vectors of a row and rows of a block."""
    channels = spec.channels[1] - spec.channels[0]
    if spec.kind == "dense":
        padded = -(-channels // 16) * 16
        if padded > 16 * MOST_VECTORS:
            padded = -(-channels // (16 * MOST_VECTORS)) * 16 * MOST_VECTORS
        vectors = min(padded // 16, MOST_VECTORS)
        return padded, 16, vectors, padded // 16 // vectors
    padded = -(-channels // 8) * 8
    lanes = 16 if padded % 16 == 0 else 8
    return padded, lanes, spec.kernel[1] * padded // lanes, spec.kernel[0]


def kernel_keys(spec: PartitionSpec, width: int, out: int) -> tuple[int, ...]:
    """Return what the kernels of a partition are specialised on."""
    if not is_fast(spec):
        return (width, out)
    _, lanes, vectors, rows = _vectors(spec)
    return (rows, lanes, vectors, int(spec.relu), int(bool(spec.pools)), width, out)


def event_layer(spec: PartitionSpec, width: int, out: int) -> CompiledLayer:
    """Build the tables of a partition that `is_fast` accepts."""
    padded, lanes, vectors, rows = _vectors(spec)
    kh, kw, _, _, ph, pw = conv_shape(spec)
    height, columns, depth = input_plane(spec)
    weight = conv_weights(spec)
    real = spec.channels[1] - spec.channels[0]
    channel_last = np.zeros((depth, kh, kw, padded), np.int32)
    channel_last[..., :real] = weight.transpose(1, 2, 3, 0)[:, ::-1, ::-1]
    # Grid of all cells that some spike's block touches; cell (0, 0) is the first
    # cell of the block of input (top, 0).
    top = max(0, spec.rows[0] - ph)
    bottom = min(height, spec.rows[1] - 1 - ph + kh)
    grid_rows, grid_columns = bottom - top + kh - 1, columns + kw - 1
    y = np.arange(grid_rows) + top + ph - kh + 1
    x = np.arange(grid_columns) + pw - kw + 1
    owned = (
        ((y >= spec.rows[0]) & (y < spec.rows[1]))[:, None, None]
        & ((x >= 0) & (x < spec.neuron_shape.width))[None, :, None]
        & (np.arange(padded) < real)
    )
    initial = np.where(owned, _spread(spec.initial, padded), NEVER)
    if not spec.relu:
        initial = np.where(owned, _spread(spec.initial, padded) + FAR, FAR)
    address = np.arange(height * columns * depth)
    row = address // (columns * depth)
    offsets = ((row - top) * grid_columns + address // depth % columns) * padded
    offsets[(row < top) | (row >= bottom)] = 0
    cells = _cell_table(spec, y, x, padded, lanes, owned)
    arrays = (
        aligned(initial.astype(np.int32)),
        aligned(channel_last),
        aligned(offsets.astype(np.int32)),
        aligned((address % depth * kh * kw * padded).astype(np.int32)),
        aligned(touched(spec)),
        aligned(cells.astype(np.int32)),
        aligned(np.zeros(2 * (rows * vectors + 2), np.uint64)),
    )
    stride = grid_columns * padded if spec.kind == "conv2d" else lanes * vectors
    record = layer_record(
        initial_at=arrays[0], weights_at=arrays[1], offsets_at=arrays[2],
        weight_offsets_at=arrays[3], synops_at=arrays[4], cells_at=arrays[5],
        list_at=arrays[6], stride=stride, state_cells=initial.size,
    )  # fmt: skip
    kernel = event_kernel(*kernel_keys(spec, width, out))
    return CompiledLayer(
        record, arrays, kernel, event_reset(), None, True, initial.size, 0,
        np.flatnonzero(owned), not spec.relu, int(touched(spec).max(initial=0)), 1,
    )  # fmt: skip


def _spread(initial: I32, padded: int) -> I64:
    values = np.zeros(padded, np.int64)
    values[: len(initial)] = initial
    return values


def _cell_table(
    spec: PartitionSpec, y: I64, x: I64, padded: int, lanes: int, owned: Bool
) -> I64:
    """Return (vectors, 4): wire word of a vector's first lane, pooling partners."""
    shape = spec.output_shape
    if spec.kind == "dense":
        starts = np.arange(0, padded, lanes)
        words = (spec.channels[0] + starts) * 2
        return np.stack([words] + [np.zeros_like(words)] * 3, -1)
    rows, columns, lane = np.meshgrid(
        np.arange(len(y)), np.arange(len(x)), np.arange(0, padded, lanes), indexing="ij"
    )
    real_y, real_x = y[rows], x[columns]
    factor = 2 if spec.pools else 1
    unit = real_y // factor * shape.width + real_x // factor
    words = (unit * shape.channels + spec.channels[0] + lane) * 2

    def cell(partner_y: I64, partner_x: I64) -> I64:
        return ((partner_y - y[0]) * len(x) + partner_x - x[0]) * padded + lane

    table = np.stack(
        [
            words,
            cell(real_y, real_x ^ 1),
            cell(real_y ^ 1, real_x),
            cell(real_y ^ 1, real_x ^ 1),
        ],
        -1,
    ).reshape(-1, 4)
    table[~owned.reshape(len(table), lanes).any(1)] = 0
    return table
