"""Build the arrays of a partition for the fast kernel (`kernels.event`).

It takes hysteresis with one firing a spike, dense layers and convolutions of stride 1
with ReLU, and no pooling or 2 x 2 pooling over an even plane.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from neurocluster.dtypes import I32, I64, Bool
from neurocluster.kernels.event import event_kernel, event_reset
from neurocluster.kernels.layer import (
    CompiledLayer,
    LayerSizes,
    aligned,
    conv_shape,
    conv_weights,
    input_plane,
    layer_record,
    most_touched,
    touched,
)
from neurocluster.kernels.vector import FAR, NEVER
from neurocluster.model.graph import Pair
from neurocluster.model.spec import PartitionSpec

MOST_VECTORS: Final = 64
"""Vectors of one row that the fast kernel unrolls; wider rows are cut or refused."""


class Block(NamedTuple):
    """The cells that one spike touches, as vectors.

    Attributes:
        padded: Channels of a cell's row, filled up to whole vectors.
        lanes: Cells of a vector.
        vectors: Vectors of a row.
        rows: Rows.
    """

    padded: int
    lanes: int
    vectors: int
    rows: int


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """All cells that some spike's block touches.

    Cell (0, 0) is the first cell of the block of input (top, 0).

    Attributes:
        top: First row of the input that is read.
        bottom: Row behind the last.
        y: (rows,) int64, row of neurons that a row of cells stands for.
        x: (columns,) int64, column likewise.
        owned: (rows, columns, padded) bool, cells of the partition's neurons.
    """

    top: int
    bottom: int
    y: I64
    x: I64
    owned: Bool


def is_fast(spec: PartitionSpec) -> bool:
    """Tell whether the fast kernel can run this partition."""
    if (spec.quantizer, spec.fire, spec.batch) != ("hysteresis", "once", False):
        return False
    if spec.kind == "conv2d" and (spec.stride != (1, 1) or not spec.relu):
        return False
    if spec.pools and (
        tuple(spec.pools) != (((2, 2), (2, 2)),)
        or spec.neuron_shape.height % 2
        or spec.neuron_shape.width % 2
    ):
        return False
    return _block(spec).vectors <= MOST_VECTORS


def event_layer(spec: PartitionSpec, width: int, out: int) -> CompiledLayer:
    """Build the tables of a partition that `is_fast` accepts."""
    block, grid = _block(spec), _grid(spec)
    initial = _initial(spec, grid)
    offsets, weight_offsets = _input_tables(spec, block, grid)
    arrays = (
        aligned(initial),
        aligned(_weights(spec, block)),
        aligned(offsets),
        aligned(weight_offsets),
        aligned(touched(spec)),
        aligned(_cell_table(spec, block, grid)),
        aligned(np.zeros(2 * (block.rows * block.vectors + 2), np.uint64)),
    )
    stride = block.lanes * block.vectors
    if spec.kind == "conv2d":
        stride = len(grid.x) * block.padded
    record = layer_record(
        initial_at=arrays[0], weights_at=arrays[1], offsets_at=arrays[2],
        weight_offsets_at=arrays[3], synops_at=arrays[4], cells_at=arrays[5],
        list_at=arrays[6], stride=stride, state_cells=initial.size,
    )  # fmt: skip
    kernel = event_kernel(
        block.rows, block.lanes, block.vectors, int(spec.relu), int(bool(spec.pools)),
        width, out,
    )  # fmt: skip
    return CompiledLayer(
        record, arrays, kernel, event_reset(), None, True, initial.size, 0,
        np.flatnonzero(grid.owned), not spec.relu, most_touched(spec), 1,
    )  # fmt: skip


def event_sizes(spec: PartitionSpec) -> LayerSizes:
    """Return how large the tables of `event_layer` are."""
    block, (top, bottom) = _block(spec), _read_rows(spec)
    kh, kw = conv_shape(spec)[:2]
    _, columns, depth = input_plane(spec)
    cells = (bottom - top + kh - 1) * (columns + kw - 1) * block.padded
    words = cells + depth * kh * kw * block.padded  # the start, the weights
    words += 3 * spec.input_shape.size + 4 * (cells // block.lanes)
    pairs = 2 * (block.rows * block.vectors + 2)
    return LayerSizes(True, cells, 0, 4 * words + 8 * pairs, most_touched(spec), 1)


def _block(spec: PartitionSpec) -> Block:
    channels = spec.channels[1] - spec.channels[0]
    if spec.kind == "dense":
        padded = -(-channels // 16) * 16
        if padded > 16 * MOST_VECTORS:
            padded = -(-channels // (16 * MOST_VECTORS)) * 16 * MOST_VECTORS
        vectors = min(padded // 16, MOST_VECTORS)
        return Block(padded, 16, vectors, padded // 16 // vectors)
    padded = -(-channels // 8) * 8
    lanes = 16 if padded % 16 == 0 else 8
    return Block(padded, lanes, spec.kernel[1] * padded // lanes, spec.kernel[0])


def _read_rows(spec: PartitionSpec) -> Pair:
    """Return the first row of the input that is read, and the row behind the last."""
    kh, padding = conv_shape(spec)[0], conv_shape(spec)[4]
    last = spec.rows[1] - 1 - padding + kh
    return max(0, spec.rows[0] - padding), min(input_plane(spec)[0], last)


def _grid(spec: PartitionSpec) -> Grid:
    kh, kw, _, _, ph, pw = conv_shape(spec)
    _, columns, _ = input_plane(spec)
    top, bottom = _read_rows(spec)
    y = np.arange(bottom - top + kh - 1) + top + ph - kh + 1
    x = np.arange(columns + kw - 1) + pw - kw + 1
    owned = (
        ((y >= spec.rows[0]) & (y < spec.rows[1]))[:, None, None]
        & ((x >= 0) & (x < spec.neuron_shape.width))[None, :, None]
        & (np.arange(_block(spec).padded) < spec.channels[1] - spec.channels[0])
    )
    return Grid(top, bottom, y, x, owned)


def _initial(spec: PartitionSpec, grid: Grid) -> I32:
    """Return every cell's start; cells that nobody owns can never fire."""
    start = np.zeros(grid.owned.shape[-1], np.int64)
    start[: len(spec.initial)] = spec.initial
    if not spec.relu:
        return np.where(grid.owned, start + FAR, FAR).astype(np.int32)
    return np.where(grid.owned, start, NEVER).astype(np.int32)


def _weights(spec: PartitionSpec, block: Block) -> I32:
    """Return (inputs, kernel rows, kernel columns, padded), the kernel turned over."""
    weight = conv_weights(spec)
    outputs, inputs, kh, kw = weight.shape
    made = np.zeros((inputs, kh, kw, block.padded), np.int32)
    made[..., :outputs] = weight.transpose(1, 2, 3, 0)[:, ::-1, ::-1]
    return made


def _input_tables(spec: PartitionSpec, block: Block, grid: Grid) -> tuple[I32, I32]:
    """Return, by input address, the first cell of its block and its weights."""
    kh, kw = conv_shape(spec)[:2]
    height, columns, depth = input_plane(spec)
    address = np.arange(height * columns * depth)
    row, column = address // (columns * depth), address // depth % columns
    offsets = ((row - grid.top) * len(grid.x) + column) * block.padded
    offsets[(row < grid.top) | (row >= grid.bottom)] = 0
    weights = address % depth * kh * kw * block.padded
    return offsets.astype(np.int32), weights.astype(np.int32)


def _cell_table(spec: PartitionSpec, block: Block, grid: Grid) -> I32:
    """Return (vectors, 4): wire word of a vector's first lane, pooling partners."""
    shape, first_lanes = spec.output_shape, np.arange(0, block.padded, block.lanes)
    if spec.kind == "dense":
        words = (spec.channels[0] + first_lanes) * 2
        return np.stack([words] + [np.zeros_like(words)] * 3, -1).astype(np.int32)
    rows, columns, lane = np.meshgrid(
        np.arange(len(grid.y)), np.arange(len(grid.x)), first_lanes, indexing="ij"
    )
    y, x = grid.y[rows], grid.x[columns]
    factor = 2 if spec.pools else 1
    unit = y // factor * shape.width + x // factor
    words = (unit * shape.channels + spec.channels[0] + lane) * 2

    def cell(partner_y: I64, partner_x: I64) -> I64:
        row, column = partner_y - grid.y[0], partner_x - grid.x[0]
        return (row * len(grid.x) + column) * block.padded + lane

    partners = cell(y, x ^ 1), cell(y ^ 1, x), cell(y ^ 1, x ^ 1)
    table = np.stack([words, *partners], -1).reshape(-1, 4)
    table[~grid.owned.reshape(len(table), block.lanes).any(1)] = 0
    return table.astype(np.int32)
