"""Hold what the kernel of one partition works on: arrays, record, geometry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from neurocluster.dtypes import I32, I64, ONE, Records
from neurocluster.kernels.jit import Native
from neurocluster.kernels.records import LAYER, STATE
from neurocluster.kernels.vector import FAR
from neurocluster.model.spec import PartitionSpec

ALIGNMENT: Final = 64


def aligned(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Return a flat copy that starts at a cache line."""
    raw = np.zeros(array.nbytes + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    copy = raw[start : start + array.nbytes].view(array.dtype)
    copy[:] = array.ravel()
    return copy


@dataclass(frozen=True, slots=True)
class LayerSizes:
    """Say how large a partition's tables are, without building them.

    Attributes:
        fast: Whether the fast kernel runs it.
        cells: Of one frame's state.
        pool_cells: What its pooling stages remember of a frame.
        array_bytes: The constant arrays.
        most_touched: Most neurons one spike touches.
        most_firings: Most firings of a neuron by one spike.
    """

    fast: bool
    cells: int
    pool_cells: int
    array_bytes: int
    most_touched: int
    most_firings: int

    @property
    def context_bytes(self) -> int:
        """Return what the state of one frame takes, padding cells included."""
        level = 2 if self.fast else 4
        cells = self.cells * (4 + level) + 4 * max(self.pool_cells, 1)
        return cells + STATE.itemsize


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
        sweep: Tests all neurons at the end of a phase, where spikes do not.
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
    sweep: Native | None = None

    @property
    def sizes(self) -> LayerSizes:
        """Return how large the tables are."""
        return LayerSizes(
            self.fast, self.cells, self.pool_cells,
            sum(array.nbytes for array in self.arrays), self.most_touched,
            self.most_firings,
        )  # fmt: skip

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


def layer_record(**fields: int | npt.NDArray[np.generic]) -> Records:
    """Return (1,) LAYER; an array stands for its address."""
    made = np.zeros(1, LAYER)
    for name, value in fields.items():
        made[0][name] = value.ctypes.data if isinstance(value, np.ndarray) else value
    return made


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


def touched(spec: PartitionSpec) -> I32:
    """Return (input size,) int32: weights that one spike of an address adds."""
    plane = np.repeat(_touched(spec), input_plane(spec)[2])
    return plane.astype(np.int32)


def most_touched(spec: PartitionSpec) -> int:
    """Return the most weights that one spike of any address adds."""
    return int(_touched(spec).max(initial=0))


def _touched(spec: PartitionSpec) -> I64:
    """Return (input rows * columns,) int64, see `touched`."""
    kh, kw, sh, sw, ph, pw = conv_shape(spec)
    height, width, _ = input_plane(spec)
    first, last = spec.rows
    out_rows = np.arange(first, last) * sh - ph
    out_columns = np.arange(spec.neuron_shape.width) * sw - pw
    y, x = np.arange(height)[:, None], np.arange(width)[:, None]
    rows = ((y >= out_rows) & (y < out_rows + kh)).sum(1)
    columns = ((x >= out_columns) & (x < out_columns + kw)).sum(1)
    channels = spec.channels[1] - spec.channels[0]
    return (np.outer(rows, columns) * channels).ravel()
