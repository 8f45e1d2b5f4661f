"""Define the right answer: one partition, event by event, in plain Python.

Slow and obvious on purpose; the compiled kernels agree with it to the last spike
(README, "The neuron"; Yousefzadeh et al., AICAS 2019, Eq. 1 to 3 and Algorithm 1).
"""

from __future__ import annotations

import numpy as np

from neurocluster.dtypes import I64, ONE, POTENTIAL_LIMIT
from neurocluster.errors import PotentialRangeError
from neurocluster.model.spec import PartitionSpec

Spike = tuple[int, int]
"""Address and sign."""


class SlowPool:
    """A max-pooling layer that keeps the net count of each of its inputs."""

    def __init__(
        self,
        shape: tuple[int, int],
        kernel: tuple[int, int],
        stride: tuple[int, int],
        channels: int,
    ) -> None:
        """Start with all counts at 0."""
        self.kernel, self.stride = kernel, stride
        self.counts = np.zeros((*shape, channels), np.int64)
        self.rows = (shape[0] - kernel[0]) // stride[0] + 1
        self.columns = (shape[1] - kernel[1]) // stride[1] + 1

    def window(self, row: int, column: int, channel: int) -> I64:
        """Return the counts that a pooling unit reads."""
        top, left = row * self.stride[0], column * self.stride[1]
        return self.counts[
            top : top + self.kernel[0], left : left + self.kernel[1], channel
        ]

    def apply(self, y: int, x: int, c: int, sign: int) -> list[tuple[int, int, int]]:
        """Count one input spike; return (row, column, sign) of units that change."""
        units = [
            (row, column)
            for row in range(self.rows)
            for column in range(self.columns)
            if 0 <= y - row * self.stride[0] < self.kernel[0]
            and 0 <= x - column * self.stride[1] < self.kernel[1]
        ]
        before = [int(self.window(*unit, c).max()) for unit in units]
        self.counts[y, x, c] += sign
        after = [int(self.window(*unit, c).max()) for unit in units]
        changes = zip(units, before, after, strict=True)
        return [(r, k, new - old) for (r, k), old, new in changes if new != old]


class SlowPartition:
    """One partition's neurons and pooling units.

    Attributes:
        potential: (rows, columns, channels) int64 of the neurons owned.
        level: The same shape, net spikes fired.
        fired: Firings of neurons.
        pooled: Firings of pooling units.
        synops: Weights added.
    """

    def __init__(self, spec: PartitionSpec) -> None:
        """Start a frame."""
        self.spec = spec
        rows, width = spec.rows[1] - spec.rows[0], spec.neuron_shape.width
        channels = spec.channels[1] - spec.channels[0]
        self.potential = np.tile(spec.initial.astype(np.int64), (rows, width, 1))
        self.level = np.zeros((rows, width, channels), np.int64)
        self.fired = self.pooled = self.synops = 0
        self.pools: list[SlowPool] = []
        shape = (rows, width)
        for kernel, stride in spec.pools:
            pool = SlowPool(shape, kernel, stride, channels)
            self.pools.append(pool)
            shape = (pool.rows, pool.columns)

    def open(self) -> list[Spike]:
        """Return the spikes at the start of a frame: with `settle`, test all."""
        return [] if self.spec.fire == "once" else self.sweep()

    def sweep(self) -> list[Spike]:
        """Test every neuron in ascending address; return what fires.

        At the end of each phase, under the clock `step-batch`.
        """
        found: list[Spike] = []
        for y, x, c in np.ndindex(*self.level.shape):
            found += self._test(y, x, c)
        return found

    def add(self, address: int, sign: int) -> None:
        """Take one incoming spike and test nothing, as `step-batch` does."""
        for y, x, c, weight in self._touched(address):
            self.potential[y, x, c] += sign * weight
            self.synops += 1

    def apply(self, address: int, sign: int) -> list[Spike]:
        """Take one incoming spike; return what fires, in order."""
        found: list[Spike] = []
        for y, x, c, weight in self._touched(address):
            self.potential[y, x, c] += sign * weight
            self.synops += 1
            found += self._test(y, x, c)
        return found

    def _touched(self, address: int) -> list[tuple[int, int, int, int]]:
        spec = self.spec
        if spec.kind == "dense":
            column = spec.weight[:, address]
            return [(0, 0, c, int(w)) for c, w in enumerate(column)]
        channel = address % spec.input_shape.channels
        ix = address // spec.input_shape.channels % spec.input_shape.width
        iy = address // spec.input_shape.channels // spec.input_shape.width
        touched = []
        for y in range(*spec.rows):
            ky = iy + spec.padding[0] - y * spec.stride[0]
            for x in range(spec.neuron_shape.width):
                kx = ix + spec.padding[1] - x * spec.stride[1]
                if 0 <= ky < spec.kernel[0] and 0 <= kx < spec.kernel[1]:
                    for c, w in enumerate(spec.weight[:, channel, ky, kx]):
                        touched.append((y - spec.rows[0], x, c, int(w)))
        return touched

    def _direction(self, v: int, level: int) -> int:
        if self.spec.relu:
            v = max(v, 0)
        if self.spec.quantizer == "hysteresis":
            gap = v - level * ONE
            return 1 if gap >= ONE else -1 if gap <= -ONE else 0
        half = ONE // 2 if self.spec.quantizer == "round" else 0
        target = (v + half) // ONE
        return (target > level) - (target < level)

    def _test(self, y: int, x: int, c: int) -> list[Spike]:
        found: list[Spike] = []
        while True:
            v = int(self.potential[y, x, c])
            sign = self._direction(v, int(self.level[y, x, c]))
            if sign == 0:
                return found
            if abs(v) >= POTENTIAL_LIMIT:
                raise PotentialRangeError(self.spec.layer, self._address(y, x, c))
            self.level[y, x, c] += sign
            self.fired += 1
            found += self._emit(y, x, c, sign)
            if self.spec.fire == "once":
                return found

    def _emit(self, y: int, x: int, c: int, sign: int) -> list[Spike]:
        spikes = [(y, x, sign)]
        for pool in self.pools:
            spikes = [
                made
                for row, column, s in spikes
                for made in pool.apply(row, column, c, s)
            ]
            self.pooled += len(spikes)
        first = self.spec.output_rows[0] if self.spec.kind == "conv2d" else 0
        shape, start = self.spec.output_shape, self.spec.channels[0]
        return [
            (((row + first) * shape.width + column) * shape.channels + start + c, s)
            for row, column, s in spikes
        ]

    def _address(self, y: int, x: int, c: int) -> int:
        shape = self.spec.neuron_shape
        row = (y + self.spec.rows[0]) * shape.width + x
        return row * shape.channels + self.spec.channels[0] + c


def slow_chain(specs: list[PartitionSpec], inputs: list[int]) -> list[list[Spike]]:
    """Run one frame through a chain; return the spikes behind each stage."""
    spikes = [(address, 1) for address in inputs]
    stages = []
    for spec in specs:
        partition = SlowPartition(spec)
        out = partition.open()
        for address, sign in spikes:
            out += partition.apply(address, sign)
        stages.append(out)
        spikes = out
    return stages


def slow_phases(
    specs: list[PartitionSpec], phases: list[list[int]]
) -> list[list[list[Spike]]]:
    """Run one frame through a chain as `step-batch` does.

    Args:
        specs: Of the chain's stages.
        phases: Addresses of the input spikes of each phase.

    Returns:
        By phase, the spikes behind each stage.
    """
    chain = [SlowPartition(spec) for spec in specs]
    found = []
    for addresses in phases:
        spikes, stages = [(address, 1) for address in addresses], []
        for partition in chain:
            for address, sign in spikes:
                partition.add(address, sign)
            spikes = partition.sweep()
            stages.append(spikes)
        found.append(stages)
    return found
