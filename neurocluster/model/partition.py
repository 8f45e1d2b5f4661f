"""Say what runs where: cut a graph into partitions and the links between them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import numpy as np

from neurocluster.dtypes import CLIENT, I32, FirePolicy, Quantizer
from neurocluster.errors import PartitionError
from neurocluster.model.convert import FixedNetwork
from neurocluster.model.graph import Conv2d, Graph, MaxPool, Pair, Shape, Stage

SplitKind = Literal["rows", "channels", "neurons"]
SPLIT_KINDS: Final = ("rows", "channels", "neurons")
SHORT_ADDRESSES: Final = 1 << 15
"""Layers of up to this many addresses use two-byte words."""


@dataclass(frozen=True, slots=True)
class Split:
    """How one layer is cut, and into how many parts."""

    kind: SplitKind
    parts: int


@dataclass(frozen=True, slots=True)
class Partition:
    """A part of a stage owned by one worker; ranges are half-open.

    Attributes:
        rows: Rows of neurons owned.
        channels: Channels owned; of a dense layer, its neurons.
        output_rows: Rows owned of what its links carry.
    """

    index: int
    name: str
    stage: int
    rows: Pair
    channels: Pair
    output_rows: Pair


@dataclass(frozen=True, slots=True)
class Link:
    """A one-way ordered path; it carries addresses ``first`` to ``last - 1``.

    Attributes:
        size: Addresses of the source layer.
        width: Bytes of a word.
    """

    index: int
    source: str
    destination: str
    first: int
    last: int
    size: int
    width: int

    @property
    def name(self) -> str:
        """Return ``source->destination``."""
        return f"{self.source}->{self.destination}"


@dataclass(frozen=True, slots=True)
class Plan:
    """Partitions in topological order, and every link between them."""

    partitions: tuple[Partition, ...]
    links: tuple[Link, ...]

    def inbound(self, name: str) -> tuple[Link, ...]:
        """Return the links that end at a node."""
        return tuple(link for link in self.links if link.destination == name)

    def outbound(self, name: str) -> tuple[Link, ...]:
        """Return the links that start at a node."""
        return tuple(link for link in self.links if link.source == name)


def parse_splits(text: str | Mapping[str, str]) -> dict[str, Split]:
    """Read ``conv1=rows:4,fc1=neurons:2``, or a mapping of the same.

    Raises:
        PartitionError: The text has another form.
    """
    if isinstance(text, str):
        entries = [entry for entry in text.split(",") if entry.strip()]
        pairs = [entry.partition("=")[::2] for entry in entries]
    else:
        pairs = list(text.items())
    splits: dict[str, Split] = {}
    for layer, cut in pairs:
        kind, _, parts = cut.strip().partition(":")
        if kind not in SPLIT_KINDS or not parts.isdecimal() or int(parts) < 1:
            message = (
                f"split {layer}={cut}: write LAYER=KIND:PARTS with KIND one of "
                f"{', '.join(SPLIT_KINDS)}, for example conv1=rows:4"
            )
            raise PartitionError(message)
        if layer.strip() in splits:
            message = (
                f"split: layer {layer.strip()} is named twice; a layer has one cut"
            )
            raise PartitionError(message)
        splits[layer.strip()] = Split(cast("SplitKind", kind), int(parts))
    return splits


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


def make_plan(graph: Graph, splits: Mapping[str, Split] | None = None) -> Plan:
    """Cut a graph: one partition a stage, or as ``splits`` ask.

    Raises:
        PartitionError: A cut cannot work; the message lists every reason.
    """
    chosen = dict(splits or {})
    problems = list(_problems(graph, chosen))
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        message = f"the network cannot be split so:\n{lines}"
        raise PartitionError(message)
    partitions: list[Partition] = []
    for stage in graph.stages:
        split = chosen.get(stage.layer.name, Split("channels", 1))
        for k, part in enumerate(_cut(stage, split)):
            name = f"{stage.layer.name}.{k}"
            partitions.append(Partition(len(partitions), name, stage.index, *part))
    plan = Plan(tuple(partitions), tuple(_links(graph, partitions)))
    _check_reach(plan)
    return plan


def _check_reach(plan: Plan) -> None:
    """Refuse partitions that no spike reaches, or whose spikes reach nobody."""
    for partition in plan.partitions:
        for links, what in (
            (plan.inbound(partition.name), "reads no input"),
            (plan.outbound(partition.name), "feeds no other partition"),
        ):
            if not links:
                message = (
                    f"partition {partition.name} {what} (its rows meet only padding "
                    "or are skipped by a stride); use fewer rows"
                )
                raise PartitionError(message)


def _problems(graph: Graph, splits: Mapping[str, Split]) -> Iterator[str]:
    stages = {stage.layer.name: stage for stage in graph.stages}
    for name, split in splits.items():
        if name not in stages:
            yield f"no weight layer is named {name}; there are {', '.join(stages)}"
            continue
        stage = stages[name]
        convolution = isinstance(stage.layer, Conv2d)
        if convolution == (split.kind == "neurons"):
            fitting = "rows or channels" if convolution else "neurons"
            kind = "convolution" if convolution else "dense layer"
            yield f"{name}: a {kind} is cut by {fitting}, not by {split.kind}"
            continue
        most = _most_parts(stage, split.kind)
        if split.parts > most:
            yield f"{name}: {split.kind}:{split.parts} exceeds its {most} {split.kind}"
        plane = stage.output_shape.height * stage.output_shape.width
        is_output = stage.index == len(stages) - 1
        if split.kind == "channels" and is_output and plane > 1 and split.parts > 1:
            yield f"{name}: an output plane is cut by rows, not by channels"
        kernel, stride = composed_pool(stage.pools)
        if split.kind == "rows" and kernel != stride:
            yield (
                f"{name}: rows cannot cut through overlapping pooling behind it; "
                "cut by channels"
            )


def _most_parts(stage: Stage, kind: SplitKind) -> int:
    if kind == "rows":
        return stage.output_shape.height
    return stage.neuron_shape.channels


def _cut(stage: Stage, split: Split) -> Iterator[tuple[Pair, Pair, Pair]]:
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


def _needed(stage: Stage, partition: Partition) -> Pair:
    """Return the addresses of the input that a partition's neurons read."""
    shape, layer = stage.input_shape, stage.layer
    if not isinstance(layer, Conv2d):
        return 0, shape.size
    stride, padding, kernel = layer.stride[0], layer.padding[0], layer.kernel[0]
    first = max(0, partition.rows[0] * stride - padding)
    last = (partition.rows[1] - 1) * stride - padding + kernel
    row = shape.width * shape.channels
    return first * row, min(last, shape.height) * row


def _offered(stage: Stage, partition: Partition) -> Pair:
    """Return the addresses between which a partition's spikes lie."""
    row = stage.output_shape.width * stage.output_shape.channels
    return partition.output_rows[0] * row, partition.output_rows[1] * row


def _links(graph: Graph, partitions: list[Partition]) -> Iterator[Link]:
    stages = graph.stages
    count = 0

    def link(source: str, to: str, first: int, last: int, size: int) -> Link:
        nonlocal count
        width = 2 if size <= SHORT_ADDRESSES else 4
        count += 1
        return Link(count - 1, source, to, first, last, size, width)

    for stage in stages:
        sources = [(CLIENT, (0, stage.input_shape.size))]
        if stage.index:
            before = [p for p in partitions if p.stage == stage.index - 1]
            sources = [(p.name, _offered(stages[p.stage], p)) for p in before]
        for source, offered in sources:
            for target in (p for p in partitions if p.stage == stage.index):
                needed = _needed(stage, target)
                if max(offered[0], needed[0]) < min(offered[1], needed[1]):
                    size = stage.input_shape.size
                    yield link(source, target.name, *needed, size)
    last = stages[-1]
    for source_ in (p for p in partitions if p.stage == last.index):
        # Neurons of an output partition lie between these addresses; an output
        # layer cut by channels of a plane interleaves and carries the whole layer.
        size = last.output_shape.size
        ends = _offered(last, source_)
        if last.output_shape.height * last.output_shape.width == 1:
            ends = source_.channels
        yield link(source_.name, CLIENT, *ends, size)


@dataclass(frozen=True, slots=True, eq=False)
class PartitionSpec:
    """Everything a worker needs to know of its partition.

    Attributes:
        weight: (outputs owned, inputs, rows, columns) or (outputs, inputs) int32.
        initial: (outputs owned,) int32, potential at the start of a frame.
        pools: (kernel, stride) of each pooling layer fused behind.
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
    )


_PAIRS: Final = ("rows", "channels", "output_rows", "kernel", "stride", "padding")
_SHAPES: Final = ("input_shape", "neuron_shape", "output_shape")
_PLAIN: Final = (
    "name", "index", "layer", "stage", "is_output", "relu", "quantizer", "fire",
    "kind", "window", "max_spikes",
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
