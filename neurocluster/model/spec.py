"""Describe one partition to its worker, also on the wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from neurocluster.dtypes import I32, FirePolicy, Quantizer
from neurocluster.model.convert import FixedNetwork
from neurocluster.model.graph import Conv2d, Pair, Shape
from neurocluster.model.partition import Partition


@dataclass(frozen=True, slots=True, eq=False)
class PartitionSpec:
    """Everything a worker needs to know of its partition.

    Attributes:
        weight: (outputs owned, inputs, rows, columns) or (outputs, inputs) int32.
        initial: (outputs owned,) int32, potential at the start of a frame.
        pools: (kernel, stride) of each pooling layer fused behind.
        batch: Test all neurons once a phase, and not as each spike comes.
    """

    name: str
    index: int
    layer: str
    stage: int
    is_output: bool
    relu: bool
    quantizer: Quantizer
    fire: FirePolicy
    kind: Literal["conv2d", "dense"]
    input_shape: Shape
    neuron_shape: Shape
    output_shape: Shape
    rows: Pair
    channels: Pair
    output_rows: Pair
    kernel: Pair
    stride: Pair
    padding: Pair
    pools: tuple[tuple[Pair, Pair], ...]
    weight: I32
    initial: I32
    window: int
    max_spikes: int
    batch: bool = False

    @property
    def neurons(self) -> int:
        """Return the number of neurons owned."""
        rows = self.rows[1] - self.rows[0]
        return rows * self.neuron_shape.width * (self.channels[1] - self.channels[0])


def partition_spec(
    fixed: FixedNetwork,
    partition: Partition,
    *,
    quantizer: Quantizer,
    fire: FirePolicy,
    window: int,
    max_spikes: int,
    batch: bool = False,
) -> PartitionSpec:
    """Cut a partition's arrays out of the network."""
    made = fixed.stages[partition.stage]
    stage, layer = made.stage, made.stage.layer
    first, last = partition.channels
    convolution = isinstance(layer, Conv2d)
    return PartitionSpec(
        name=partition.name,
        index=partition.index,
        layer=layer.name,
        stage=stage.index,
        is_output=stage.index == len(fixed.stages) - 1,
        relu=layer.relu,
        quantizer=quantizer,
        fire=fire,
        kind="conv2d" if convolution else "dense",
        input_shape=stage.input_shape,
        neuron_shape=stage.neuron_shape,
        output_shape=stage.output_shape,
        rows=partition.rows,
        channels=partition.channels,
        output_rows=partition.output_rows,
        kernel=layer.kernel if isinstance(layer, Conv2d) else (1, 1),
        stride=layer.stride if isinstance(layer, Conv2d) else (1, 1),
        padding=layer.padding if isinstance(layer, Conv2d) else (0, 0),
        pools=tuple((pool.kernel, pool.stride) for pool in stage.pools),
        weight=np.ascontiguousarray(made.weight[first:last]),
        initial=np.ascontiguousarray(made.initial[first:last]),
        window=window,
        max_spikes=max_spikes,
        batch=batch,
    )


_PAIRS: Final = ("rows", "channels", "output_rows", "kernel", "stride", "padding")
_SHAPES: Final = ("input_shape", "neuron_shape", "output_shape")
_PLAIN: Final = (
    "name", "index", "layer", "stage", "is_output", "relu", "quantizer", "fire",
    "kind", "window", "max_spikes", "batch",
)  # fmt: skip


def spec_to_wire(spec: PartitionSpec) -> dict[str, Any]:
    """Return a map of plain values and little-endian int32 bytes."""
    fields: dict[str, Any] = {name: getattr(spec, name) for name in _PLAIN}
    fields |= {name: list(getattr(spec, name)) for name in _PAIRS}
    for name in _SHAPES:
        shape: Shape = getattr(spec, name)
        fields[name] = [shape.height, shape.width, shape.channels]
    fields["pools"] = [[*kernel, *stride] for kernel, stride in spec.pools]
    fields["weight"] = spec.weight.astype("<i4").tobytes()
    fields["initial"] = spec.initial.astype("<i4").tobytes()
    return fields


def spec_from_wire(fields: Mapping[str, Any]) -> PartitionSpec:
    """Read a partition from a map.

    Raises:
        KeyError, TypeError, ValueError: The map is wrong; the codec translates.
    """

    def each(name: str, make: Callable[[int], int] = int) -> tuple[int, ...]:
        return tuple(make(v) for v in fields[name])

    values: dict[str, Any] = {name: fields[name] for name in _PLAIN}
    for name in _PAIRS:
        first, last = each(name)
        values[name] = (first, last)
    for name in _SHAPES:
        values[name] = Shape(*each(name))
    values["pools"] = tuple(
        ((int(a), int(b)), (int(c), int(d))) for a, b, c, d in fields["pools"]
    )
    outputs = values["channels"][1] - values["channels"][0]
    flat = np.frombuffer(fields["weight"], "<i4").astype(np.int32)
    inputs = values["input_shape"].size
    shape: tuple[int, ...] = (outputs, inputs)
    if values["kind"] == "conv2d":
        shape = (outputs, values["input_shape"].channels, *values["kernel"])
    values["weight"] = flat.reshape(shape)
    values["initial"] = np.frombuffer(fields["initial"], "<i4").astype(np.int32)
    if values["initial"].shape != (outputs,):
        message = f"initial has {values['initial'].size} values, not {outputs}"
        raise ValueError(message)
    return PartitionSpec(**values)
