"""Build networks, specs and links for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from neurocluster.link.buffers import LinkSpec
from neurocluster.model.check import checked
from neurocluster.model.convert import convert
from neurocluster.model.graph import (
    Conv2d,
    Dense,
    Flatten,
    Graph,
    Input,
    MaxPool,
    Shape,
)
from neurocluster.model.partition import Plan, make_plan
from neurocluster.model.spec import partition_spec
from neurocluster.model.split import parse_splits

PLANE = Shape(6, 6, 2)
WEIGHTS_A = Path(__file__).parent.parent / "data" / "weights-a.npz"


def golden_graph() -> Graph:
    """Return the reference architecture with weights A."""
    with np.load(WEIGHTS_A) as arrays:
        wb = {
            name: (arrays[f"{name}_w"], arrays[f"{name}_b"])
            for name in ("conv1", "conv2", "fc1", "fc2")
        }
    five, one, two = (5, 5), (1, 1), (2, 2)
    layers = (
        Conv2d("conv1", 16, five, one, two, True, *wb["conv1"]),
        MaxPool("pool1", two, two),
        Conv2d("conv2", 8, five, one, two, True, *wb["conv2"]),
        MaxPool("pool2", two, two),
        Flatten("flatten"),
        Dense("fc1", 256, True, *wb["fc1"]),
        Dense("fc2", 10, False, *wb["fc2"]),
    )
    return checked(Graph("golden", Input(Shape(28, 28, 1)), layers))


def small_graph(
    seed: int,
    *,
    kernel: tuple[int, int] = (3, 3),
    stride: tuple[int, int] = (1, 1),
    padding: tuple[int, int] = (1, 1),
    channels: int = 3,
    pools: tuple[tuple[tuple[int, int], tuple[int, int]], ...] = (((2, 2), (2, 2)),),
    hidden: int = 5,
    shape: Shape = PLANE,
    relu: bool = True,
    gain: float = 1.0,
) -> Graph:
    """Return conv - pools - dense - dense with random weights."""
    random = np.random.default_rng(seed)

    def normal(*size: int) -> np.ndarray:
        scale = gain * 1.6 / np.sqrt(np.prod(size[1:]) or 1)
        return (random.normal(size=size) * scale).astype(np.float32)

    conv = Conv2d(
        "conv", channels, kernel, stride, padding, relu,
        normal(channels, shape.channels, *kernel) * 2, normal(channels) * 0.2,
    )  # fmt: skip
    layers = [conv]
    layers += [MaxPool(f"pool{k}", *pool) for k, pool in enumerate(pools)]
    behind = Graph("small", Input(shape), tuple(layers)).shapes[-1].size
    layers += [
        Flatten("flatten"),
        Dense("hidden", hidden, True, normal(hidden, behind), normal(hidden) * 0.2),
        Dense("out", 4, False, normal(4, hidden), normal(4) * 0.2),
    ]
    return checked(Graph("small", Input(shape), tuple(layers)))


def specs_of(
    graph: Graph,
    plan: Plan,
    *,
    threshold: float = 0.5,
    quantizer: str = "hysteresis",
    fire: str = "once",
    offset: float = 0.0,
    window: int = 4,
    max_spikes: int = 16,
    batch: bool = False,
):
    """Return the spec of each partition of a plan."""
    fixed = convert(graph, [threshold], offset)
    return [
        partition_spec(
            fixed,
            p,
            quantizer=quantizer,
            fire=fire,
            window=window,
            max_spikes=max_spikes,
            batch=batch,
        )
        for p in plan.partitions
    ]


def planned(graph: Graph, split: str = "") -> Plan:
    """Return the plan of a graph, cut as text says."""
    return make_plan(graph, parse_splits(split))


def link_specs(links) -> list[LinkSpec]:
    """Return links as nodes take them."""
    return [LinkSpec(k.index, k.name, k.first, k.last, k.size, k.width) for k in links]
