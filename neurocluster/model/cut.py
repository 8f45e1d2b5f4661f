"""Compute what a part of a layer owns, reads and sends: the geometry of cuts."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from neurocluster.model.graph import Conv2d, MaxPool, Pair, Stage

SplitKind = Literal["rows", "channels", "neurons"]
SPLIT_KINDS: Final = ("rows", "channels", "neurons")


@dataclass(frozen=True, slots=True)
class Split:
    """How one layer is cut, and into how many parts."""

    kind: SplitKind
    parts: int


def even(total: int, parts: int) -> list[Pair]:
    """Cut a range as evenly as possible, larger parts first."""
    size, extra = divmod(total, parts)
    bounds = [k * size + min(k, extra) for k in range(parts + 1)]
    return list(itertools.pairwise(bounds))


def composed_pool(pools: tuple[MaxPool, ...]) -> tuple[Pair, Pair]:
    """Return kernel and stride of pooling stages taken together."""
    kernel, stride = (1, 1), (1, 1)
    for pool in pools:
        kernel = (
            (pool.kernel[0] - 1) * stride[0] + kernel[0],
            (pool.kernel[1] - 1) * stride[1] + kernel[1],
        )
        stride = (stride[0] * pool.stride[0], stride[1] * pool.stride[1])
    return kernel, stride


def most_parts(stage: Stage, kind: SplitKind) -> int:
    """Return into how many parts a stage can be cut."""
    if kind == "rows":
        return stage.output_shape.height
    return stage.neuron_shape.channels


def cut(stage: Stage, split: Split) -> Iterator[tuple[Pair, Pair, Pair]]:
    """Yield rows, channels and output rows of each part."""
    neurons, output = stage.neuron_shape, stage.output_shape
    if split.kind != "rows":
        for channels in even(neurons.channels, split.parts):
            yield (0, neurons.height), channels, (0, output.height)
        return
    stride = composed_pool(stage.pools)[1][0]
    for first, last in even(output.height, split.parts):
        # Rows that no pooling unit covers belong to the last part.
        end = neurons.height if last == output.height else last * stride
        yield (first * stride, end), (0, neurons.channels), (first, last)


def needed(stage: Stage, rows: Pair) -> Pair:
    """Return the addresses of the input that rows of neurons read."""
    shape, layer = stage.input_shape, stage.layer
    if not isinstance(layer, Conv2d):
        return 0, shape.size
    stride, padding, kernel = layer.stride[0], layer.padding[0], layer.kernel[0]
    first = max(0, rows[0] * stride - padding)
    last = (rows[1] - 1) * stride - padding + kernel
    row = shape.width * shape.channels
    return first * row, min(last, shape.height) * row


def offered(stage: Stage, output_rows: Pair) -> Pair:
    """Return the addresses between which the spikes of output rows lie."""
    row = stage.output_shape.width * stage.output_shape.channels
    return output_rows[0] * row, output_rows[1] * row
