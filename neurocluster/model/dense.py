"""Compute the dense references in plain numpy: the ANN and the quantised ANN.

The Q-ANN is the ANN with directly quantised activations and one-bit input, in the
fixed point of `model.convert`. Its sums are computed in float64, exactly: |w'| stays
below 2^29 and the largest sum is checked against 2^53.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any, Final, Literal, cast

import numpy as np
import numpy.typing as npt

from neurocluster.dtypes import F64, FRACTION_BITS, I64, ONE, Bool
from neurocluster.errors import ModelError
from neurocluster.model.convert import FixedNetwork
from neurocluster.model.graph import Conv2d, Dense, Graph, Pair, Shape

BATCH: Final = 10
"""Frames at once: what a convolution unrolls then stays in the caches."""
EXACT: Final = 1 << 53
Rounding = Literal["floor", "round"]
Plane = npt.NDArray[Any]


def windows(images: Plane, kernel: Pair, stride: Pair) -> Iterator[tuple[Pair, Plane]]:
    """Yield each place of a kernel and what lies there under all its positions.

    Args:
        images: (frames, rows, columns, channels).
        kernel: Rows and columns.
        stride: Rows and columns.
    """
    (kh, kw), (sh, sw) = kernel, stride
    rows = sh * ((images.shape[1] - kh) // sh) + 1
    columns = sw * ((images.shape[2] - kw) // sw) + 1
    for i in range(kh):
        for j in range(kw):
            yield (i, j), images[:, i : i + rows : sh, j : j + columns : sw]


def convolve(images: Plane, weight: Plane, layer: Conv2d) -> Plane:
    """Convolve (frames, rows, columns, channels) with (out, in, rows, columns)."""
    (ph, pw), (kh, kw) = layer.padding, layer.kernel
    padded = np.pad(images, ((0, 0), (ph, ph), (pw, pw), (0, 0)))
    parts = list(windows(padded, layer.kernel, layer.stride))
    shape = parts[0][1].shape
    columns = np.empty((*shape[:3], kh, kw, shape[3]), images.dtype)
    for (i, j), part in parts:
        columns[:, :, :, i, j] = part
    rows = weight.transpose(2, 3, 1, 0).reshape(-1, len(weight))
    return (columns.reshape(-1, len(rows)) @ rows).reshape(*shape[:3], -1)


def max_pool(images: Plane, kernel: Pair, stride: Pair) -> Plane:
    """Return the maximum of each window."""
    return reduce(np.maximum, (part for _, part in windows(images, kernel, stride)))


def _batches(images: Plane, shape: Shape) -> Iterator[Plane]:
    planes = images.reshape(len(images), shape.height, shape.width, shape.channels)
    for first in range(0, len(planes), BATCH):
        yield planes[first : first + BATCH]


def ann(graph: Graph, x: F64) -> F64:
    """Return the logits of the trained network, (frames, outputs) float64.

    Args:
        graph: The network.
        x: (frames, addresses) float64 intensities.
    """
    return np.concatenate(
        [_ann(graph, part) for part in _batches(x, graph.input.shape)]
    )


def _ann(graph: Graph, values: Plane) -> F64:
    for stage in graph.stages:
        layer = stage.layer
        weight = layer.weight.astype(np.float64)
        if isinstance(layer, Conv2d):
            values = convolve(values, weight, layer)
        else:
            channel_first = values.transpose(0, 3, 1, 2).reshape(len(values), -1)
            values = (channel_first @ weight.T)[:, None, None, :]
        values = values + layer.bias.astype(np.float64)
        if layer.relu:
            values = np.maximum(values, 0)
        for pool in stage.pools:
            values = max_pool(values, pool.kernel, pool.stride)
    return values.reshape(len(values), -1)


def q_ann(
    fixed: FixedNetwork,
    spikes: Bool,
    mode: Rounding,
    each: Callable[[int, I64], None] | None = None,
) -> tuple[I64, I64]:
    """Return levels and potentials of the quantised network's last layer.

    Args:
        fixed: The network in fixed point.
        spikes: (frames, addresses) bool, the one-bit input.
        mode: How activations become levels.
        each: Called with a stage's index and (frames, rows, columns, channels)
            int64 levels before pooling, batch by batch.

    Returns:
        Two (frames, outputs) int64: levels, and potentials in threshold / 2^16.

    Raises:
        ModelError: A sum could leave the exact range of float64.
    """
    shape = fixed.graph.input.shape
    parts = [_q_ann(fixed, part, mode, each) for part in _batches(spikes, shape)]
    levels = np.concatenate([levels for levels, _ in parts])
    return levels, np.concatenate([potentials for _, potentials in parts])


def _q_ann(
    fixed: FixedNetwork,
    spikes: Plane,
    mode: Rounding,
    each: Callable[[int, I64], None] | None,
) -> tuple[I64, I64]:
    values = spikes.astype(np.float64)
    potential = levels = np.zeros(0, np.int64)
    for made in fixed.stages:
        layer = made.stage.layer
        weight = made.weight.astype(np.float64)
        inputs = np.abs(weight.reshape(len(weight), -1)).sum(1).max()
        if inputs * np.abs(values).max(initial=0) + (1 << 30) >= EXACT:
            message = f"{layer.name}: sums of the quantised network exceed 2^53"
            raise ModelError(message)
        if isinstance(layer, Dense):
            flat = values.reshape(len(values), -1)
            summed = (flat @ weight.T)[:, None, None, :]
        else:
            summed = convolve(values, weight, layer)
        potential = summed.astype(np.int64) + made.initial
        levels = quantise(potential, mode, relu=layer.relu)
        if each is not None:
            each(made.stage.index, levels)
        values = levels.astype(np.float64)
        for pool in made.stage.pools:
            values = max_pool(values, pool.kernel, pool.stride)
    count = len(levels)
    return levels.reshape(count, -1), potential.reshape(count, -1)


def quantise(potential: I64, mode: Rounding, *, relu: bool) -> I64:
    """Return the level of each potential: floor, or round half up."""
    values = np.maximum(potential, 0) if relu else potential
    if mode == "round":
        values = values + (ONE >> 1)
    return cast("I64", values >> FRACTION_BITS)
