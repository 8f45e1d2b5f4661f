"""Read how layers shall be cut, and say what is wrong with such wishes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from neurocluster.errors import PartitionError
from neurocluster.model.cut import (
    SPLIT_KINDS,
    Split,
    SplitKind,
    composed_pool,
    most_parts,
)
from neurocluster.model.graph import Conv2d, Graph


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


def problems(graph: Graph, splits: Mapping[str, Split]) -> Iterator[str]:
    """Yield every reason why a graph cannot be cut so."""
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
        most = most_parts(stage, split.kind)
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
