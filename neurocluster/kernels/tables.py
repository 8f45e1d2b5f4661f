"""Build the arrays of one partition and choose the kernel that runs it.

The fast kernel (`kernels.event`) takes hysteresis with one firing a spike, dense
layers and convolutions of stride 1 with ReLU, and no pooling or 2 x 2 pooling over
an even plane; everything else takes the general one (`kernels.plain`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from neurocluster.dtypes import I32, I64, ONE, Bool, Records
from neurocluster.kernels.event import event_kernel, event_reset
from neurocluster.kernels.jit import Native
from neurocluster.kernels.plain import (
    POOL_FIELDS,
    plain_kernel,
    plain_open,
    plain_reset,
)
from neurocluster.kernels.records import LAYER, STATE
from neurocluster.kernels.vector import FAR, NEVER
from neurocluster.model.partition import PartitionSpec

MOST_VECTORS: Final = 64
"""Vectors of one row that the fast kernel unrolls; wider rows are cut or refused."""
QUANTIZERS: Final = {"hysteresis": 0, "floor": 1, "round": 2}
ALIGNMENT: Final = 64


def aligned(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Return a flat copy that starts at a cache line."""
    raw = np.zeros(array.nbytes + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    copy = raw[start : start + array.nbytes].view(array.dtype)
    copy[:] = array.ravel()
    return copy


def conv_shape(spec: PartitionSpec) -> tuple[int, int, int, int, int, int]:
    """Return kernel, stride and padding; a dense layer is a 1 x 1 convolution."""
    if spec.kind == "dense":
        return 1, 1, 1, 1, 0, 0
    return (*spec.kernel, *spec.stride, *spec.padding)


def conv_weights(spec: PartitionSpec) -> I32:
    """Return the weights as (outputs, inputs, kernel rows, kernel columns)."""
    if spec.kind == "dense":
        return spec.weight[:, :, None, None]
    return spec.weight


def input_plane(spec: PartitionSpec) -> tuple[int, int, int]:
    """Return rows, columns and channels of the input; flat for a dense layer."""
    if spec.kind == "dense":
        return 1, 1, spec.input_shape.size
    shape = spec.input_shape
    return shape.height, shape.width, shape.channels


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


@dataclass(frozen=True, slots=True, eq=False)
class CompiledLayer:
    """Hold one partition's constant arrays, its record and its kernels.

    Attributes:
        record: (1,) LAYER; points into ``arrays``, which keep them alive.
        initial: (cells,) int32, the state at the start of a frame.
        addresses: (neurons,) int64, cell of each owned neuron, ascending address.
        level_bytes: Bytes of a cell's level, 2 (fast) or 4.
        most_touched: Most neurons one spike touches.
        most_firings: Most firings of a neuron by one spike.
    """

    record: Records
    arrays: tuple[npt.NDArray[np.generic], ...]
    kernel: Native
    reset: Native
    start: Native | None
    fast: bool
    cells: int
    pool_cells: int
    neuron_cells: I64
    raised: bool
    most_touched: int
    most_firings: int

    @property
    def context_bytes(self) -> int:
        """Return what the state of one frame takes, padding cells included."""
        level = 2 if self.fast else 4
        cells = self.cells * (4 + level) + 4 * max(self.pool_cells, 1)
        return cells + STATE.itemsize

    @property
    def array_bytes(self) -> int:
        """Return what the constant arrays take."""
        return sum(array.nbytes for array in self.arrays)

    def new_states(self, count: int) -> tuple[Records, list[npt.NDArray[np.generic]]]:
        """Return (count,) STATE at the start of a frame, and what keeps it alive."""
        states = np.zeros(count, STATE)
        kept: list[npt.NDArray[np.generic]] = [self.record, *self.arrays]
        level = np.int16 if self.fast else np.int32
        for state in states:
            potentials = aligned(self.arrays[0])
            levels = aligned(np.zeros(self.cells, level))
            counts = aligned(np.zeros(max(self.pool_cells, 1), np.int32))
            kept += [potentials, levels, counts]
            state["potentials_at"] = potentials.ctypes.data
            state["levels_at"] = levels.ctypes.data
            state["counts_at"] = counts.ctypes.data
            state["touched_first"] = self.cells
        return states, kept

    def levels(self, potentials: I32, levels: npt.NDArray[np.generic]) -> I64:
        """Return the levels of the owned neurons in ascending address."""
        return levels[self.neuron_cells].astype(np.int64)

    def potentials(self, cells: I32, levels: npt.NDArray[np.generic]) -> I64:
        """Return V of the owned neurons in ascending address, int64."""
        y = cells[self.neuron_cells].astype(np.int64)
        if not self.fast:
            return y
        level = levels[self.neuron_cells].astype(np.int64)
        far = np.where((level > 0) | self.raised, FAR, 0)
        return y - far + level * ONE


def compile_layer(spec: PartitionSpec, width: int, out: int) -> CompiledLayer:
    """Build the tables of a partition and compile (or load) its kernels.

    Args:
        spec: The partition.
        width: Bytes of an incoming word, 2 or 4.
        out: Bytes of an outgoing word, 2 or 4.
    """
    return _fast(spec, width, out) if is_fast(spec) else _plain(spec, width, out)


def kernel_keys(spec: PartitionSpec, width: int, out: int) -> tuple[int, ...]:
    """Return what the kernels of a partition are specialised on."""
    if not is_fast(spec):
        return (width, out)
    _, lanes, vectors, rows = _vectors(spec)
    return (rows, lanes, vectors, int(spec.relu), int(bool(spec.pools)), width, out)


def touched(spec: PartitionSpec) -> I32:
    """Return (input size,) int32: weights that one spike of an address adds."""
    kh, kw, sh, sw, ph, pw = conv_shape(spec)
    height, width, depth = input_plane(spec)
    first, last = spec.rows
    out_rows = np.arange(first, last) * sh - ph
    out_columns = np.arange(spec.neuron_shape.width) * sw - pw
    y, x = np.arange(height)[:, None], np.arange(width)[:, None]
    rows = ((y >= out_rows) & (y < out_rows + kh)).sum(1)
    columns = ((x >= out_columns) & (x < out_columns + kw)).sum(1)
    channels = spec.channels[1] - spec.channels[0]
    plane = np.repeat(np.outer(rows, columns).ravel() * channels, depth)
    return plane.astype(np.int32)


def _record(**fields: int | npt.NDArray[np.generic]) -> Records:
    made = np.zeros(1, LAYER)
    for name, value in fields.items():
        made[0][name] = value.ctypes.data if isinstance(value, np.ndarray) else value
    return made


def _fast(spec: PartitionSpec, width: int, out: int) -> CompiledLayer:
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
    record = _record(
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


def _plain(spec: PartitionSpec, width: int, out: int) -> CompiledLayer:
    kh, kw, sh, sw, ph, pw = conv_shape(spec)
    _, input_columns, depth = input_plane(spec)
    rows, columns = spec.rows[1] - spec.rows[0], spec.neuron_shape.width
    channels = spec.channels[1] - spec.channels[0]
    cells = rows * columns * channels
    initial = np.tile(spec.initial, rows * columns)
    weights = conv_weights(spec).transpose(1, 2, 3, 0)
    stages, pool_cells, queue = _pool_stages(spec, rows, columns, channels)
    arrays = (
        aligned(initial.astype(np.int32)),
        aligned(np.ascontiguousarray(weights)),
        aligned(stages),
        aligned(np.zeros((2, queue, 3), np.int64)),
    )
    out_row = 0
    if spec.kind == "conv2d":
        out_row = spec.output_rows[0]
    flat = (
        spec.output_shape.size if spec.kind == "dense" else spec.output_shape.channels
    )
    record = _record(
        initial_at=arrays[0], weights_at=arrays[1], pools_at=arrays[2],
        queue_at=arrays[3], queue_size=queue, state_cells=cells, rows=rows,
        columns=columns, channels=channels, first_row=spec.rows[0],
        input_columns=input_columns, input_channels=depth, kernel_rows=kh,
        kernel_columns=kw, stride_rows=sh, stride_columns=sw, padding_rows=ph,
        padding_columns=pw, relu=int(spec.relu),
        quantizer=QUANTIZERS[spec.quantizer], settle=int(spec.fire == "settle"),
        pool_stages=len(spec.pools), pool_cells=pool_cells, address_row=out_row,
        address_columns=spec.output_shape.width, address_channels=flat,
        address_channel=spec.channels[0],
    )  # fmt: skip
    settle = spec.fire == "settle"
    largest = int(np.abs(spec.weight.astype(np.int64)).max(initial=0))
    return CompiledLayer(
        record, arrays, plain_kernel(width, out), plain_reset(),
        plain_open(out) if settle else None, False, cells, pool_cells,
        np.arange(cells), False, int(touched(spec).max(initial=0)),
        -(-largest // ONE) + 1 if settle else 1,
    )  # fmt: skip


def _pool_stages(
    spec: PartitionSpec, rows: int, columns: int, channels: int
) -> tuple[I64, int, int]:
    """Return the table of stages, cells they remember, and the longest queue."""
    stages = np.zeros((max(len(spec.pools), 1), POOL_FIELDS), np.int64)
    first, queue = 0, 1
    for stage, ((kh, kw), (sh, sw)) in zip(stages, spec.pools, strict=False):
        out_rows, out_columns = (rows - kh) // sh + 1, (columns - kw) // sw + 1
        stage[:] = rows, columns, kh, kw, sh, sw, out_rows, out_columns, first
        first += rows * columns * channels
        queue *= -(-kh // sh) * -(-kw // sw)
        rows, columns = out_rows, out_columns
    return stages, first, queue + 1
