"""Check a graph: one function a rule, all violations reported at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from neurocluster.errors import ModelError
from neurocluster.model.graph import (
    Conv2d,
    Dense,
    Flatten,
    Graph,
    MaxPool,
    Shape,
    layer_shape,
)

Rule = Callable[[Graph], Iterator[str]]
NAME: Final = re.compile(r"[a-z0-9_]+")
"""Of a layer."""


def names(graph: Graph) -> Iterator[str]:
    """Names are unique, and of a to z, 0 to 9 and _."""
    seen = set()
    for layer in graph.layers:
        if not NAME.fullmatch(layer.name):
            yield f"layer name {layer.name!r} may only use a to z, 0 to 9 and _"
        if layer.name in seen:
            yield f"two layers are named {layer.name!r}"
        seen.add(layer.name)


def input_plane(graph: Graph) -> Iterator[str]:
    """The input has a positive shape and a finite scale."""
    shape = graph.input.shape
    if min(shape.height, shape.width, shape.channels) < 1:
        yield f"input shape {shape} must be positive"
    if not np.isfinite([graph.input.scale, graph.input.shift]).all():
        yield "input scale and shift must be finite"


def ends(graph: Graph) -> Iterator[str]:
    """A network ends with a weight layer without ReLU."""
    last = graph.layers[-1] if graph.layers else None
    if not any(isinstance(layer, Conv2d | Dense) for layer in graph.layers):
        yield "a network needs at least one conv2d or dense layer"
    elif not isinstance(last, Conv2d | Dense):
        yield f"the last layer must be conv2d or dense, not {_kind(last)}"
    elif last.relu:
        yield f'{last.name}: the output layer must have "relu": false'


def order(graph: Graph) -> Iterator[str]:
    """Layers follow each other in an order that can be computed."""
    flat, weighted = False, False
    for layer in graph.layers:
        if isinstance(layer, Conv2d | MaxPool) and flat:
            yield f"{layer.name}: {_kind(layer)} cannot follow a flat layer"
        if isinstance(layer, MaxPool) and not weighted:
            yield f"{layer.name}: max_pool needs a conv2d layer before it"
        if isinstance(layer, Flatten | Dense):
            flat = True
        weighted = weighted or isinstance(layer, Conv2d | Dense)


def geometry(graph: Graph) -> Iterator[str]:
    """Kernels and strides are positive and fit; arrays have the right shapes."""
    shape = graph.input.shape
    for layer in graph.layers:
        problems = list(_layer_geometry(layer, shape))
        if problems:
            yield from problems
            return  # later shapes follow from this one
        shape = layer_shape(layer, shape)


def _layer_geometry(layer: object, shape: Shape) -> Iterator[str]:
    if isinstance(layer, Conv2d | MaxPool):
        if min(*layer.kernel, *layer.stride) < 1:
            yield f"{layer.name}: kernel and stride must be at least 1"
            return
        after = layer_shape(layer, shape)
        if min(after.height, after.width) < 1:
            yield f"{layer.name}: a kernel of {layer.kernel} does not fit {shape}"
    if isinstance(layer, MaxPool) and (
        layer.stride[0] > layer.kernel[0] or layer.stride[1] > layer.kernel[1]
    ):
        yield f"{layer.name}: the stride must not exceed the kernel"
    if isinstance(layer, Conv2d):
        if min(layer.padding) < 0:
            yield f"{layer.name}: padding must not be negative"
        yield from _arrays(
            layer, (layer.channels, shape.channels, *layer.kernel), layer.channels
        )
    if isinstance(layer, Dense):
        if shape.height * shape.width != 1:
            yield f"{layer.name}: a dense layer needs a flatten layer before it"
        yield from _arrays(layer, (layer.units, shape.size), layer.units)


def _arrays(
    layer: Conv2d | Dense, expected: tuple[int, ...], outputs: int
) -> Iterator[str]:
    if outputs < 1:
        yield f"{layer.name}: needs at least one output"
    if layer.weight.shape != expected:
        yield f"{layer.name}.weight has shape {layer.weight.shape}, not {expected}"
    if layer.bias.shape != (outputs,):
        yield f"{layer.name}.bias has shape {layer.bias.shape}, not ({outputs},)"
    for name, array in (("weight", layer.weight), ("bias", layer.bias)):
        if not np.isfinite(array).all():
            yield f"{layer.name}.{name} holds values that are not finite"


def thresholds(graph: Graph) -> Iterator[str]:
    """Thresholds are finite and positive: one, or one per weight layer."""
    if graph.thresholds is None:
        return
    yield from threshold_problems(graph, graph.thresholds)


def threshold_problems(graph: Graph, values: tuple[float, ...]) -> Iterator[str]:
    """Yield what is wrong with a choice of thresholds for a graph."""
    weighted = [x.name for x in graph.layers if isinstance(x, Conv2d | Dense)]
    if len(values) not in (1, len(weighted)):
        yield (
            f"{len(values)} thresholds given; give one, or one for each of "
            f"{', '.join(weighted)}"
        )
    if not all(np.isfinite(v) and v > 0 for v in values):
        yield "thresholds must be finite and above 0"


RULES: tuple[Rule, ...] = (names, input_plane, ends, order, geometry, thresholds)


def checked(graph: Graph, source: str = "network") -> Graph:
    """Return the graph if it obeys every rule.

    Raises:
        ModelError: It does not; the message lists every violation.
    """
    problems = [problem for rule in RULES for problem in rule(graph)]
    if problems:
        lines = "\n".join(f"  - {problem}" for problem in problems)
        message = f"{source} cannot be used:\n{lines}"
        raise ModelError(message)
    return graph


def _kind(layer: object) -> str:
    names_ = {Conv2d: "conv2d", Dense: "dense", MaxPool: "max_pool", Flatten: "flatten"}
    return names_.get(type(layer), "nothing")
