"""Stream frames through clusters of two and three real workers, their calls timed.

Every layer is the first of a pair: the layer, its pooling, and the next weight layer as
output; the last layer is the second of the last pair. Each pair runs as two workers and
with one of them cut in two, as three, so that what a spike costs and what a SynOp costs
can be told apart. The first layer gets images, the others random ones with as many
spikes as the layer has coming.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from neurocluster.bench.ends import run_nodes
from neurocluster.config import RunConfig
from neurocluster.dtypes import CLIENT, F64, I64, U8
from neurocluster.errors import PartitionError
from neurocluster.model.check import checked
from neurocluster.model.convert import FixedNetwork
from neurocluster.model.graph import Conv2d, Flatten, Graph, Input, Layer, Shape, Stage
from neurocluster.model.partition import make_plan
from neurocluster.model.save import save_network
from neurocluster.model.split import parse_splits

SETTINGS: Final = ((16, 512), (4, 32), (1, 512))
"""Windows and spikes of a full packet; the last one shows idle processes."""
WARM: Final = 10
"""One frame of so many, at the start, is left out."""
IMAGES: Final = 200


@dataclass(frozen=True, slots=True)
class Pair:
    """A cluster to be measured.

    Attributes:
        graph: A network of two stages, or of the only one there is.
        split: By layer.
        layers: Whose calls count.
        images: (n, pixels) uint8.
    """

    graph: Graph
    split: dict[str, str]
    layers: tuple[str, ...]
    images: U8


@dataclass(frozen=True, slots=True)
class Sample:
    """What one node did.

    Attributes:
        layer: Of its partition, or the client.
        counts: Whether its handling counts; the sockets' calls always do.
        window: Frames in flight.
        figures: See `bench.taped.Taped`.
        received: (n, 2) bytes and ns; likewise ``sent``.
        handled: (n, 6), see `bench.tape.HANDLED`.
        wire: Histogram of the transit of packets that met an idle inbox.
    """

    layer: str
    counts: bool
    window: int
    figures: dict[str, Any]
    received: I64
    sent: I64
    handled: I64
    wire: I64


def pairs_of(
    fixed: FixedNetwork, images: U8, spikes: Sequence[float], seed: int = 0
) -> Iterator[Pair]:
    """Yield the clusters to be measured.

    Args:
        fixed: The network.
        images: Of its input, flat.
        spikes: That reach each stage a frame.
        seed: Of random images.
    """
    stages, random = fixed.graph.stages, np.random.default_rng(seed)
    for first in range(max(len(stages) - 1, 1)):
        part = stages[first : first + 2]
        graph = _sub_network(fixed, part)
        shown = images
        if first:
            shown = random_images(random, part[0].input_shape.size, spikes[first])
        last = first + 2 >= len(stages)
        names = tuple(s.layer.name for s in part[: len(part) if last else 1])
        for split in ({}, *({name: _half(part, name)} for name in names)):
            try:
                make_plan(graph, parse_splits(split))
            except PartitionError:
                continue
            # The client encodes real images in the first pair only.
            yield Pair(graph, split, (*names, *([] if first else [CLIENT])), shown)


def _half(stages: Sequence[Stage], name: str) -> str:
    stage = next(s for s in stages if s.layer.name == name)
    return "rows:2" if isinstance(stage.layer, Conv2d) else "neurons:2"


def _sub_network(fixed: FixedNetwork, stages: Sequence[Stage]) -> Graph:
    source = stages[0].input_shape
    convolution = isinstance(stages[0].layer, Conv2d)
    shape = source if convolution else Shape(1, 1, source.size)
    layers: list[Layer] = []
    for k, stage in enumerate(stages):
        last = k == len(stages) - 1
        if not isinstance(stage.layer, Conv2d) and k and convolution:
            layers.append(Flatten("flat_between"))
        layers.append(
            dataclasses.replace(stage.layer, relu=False) if last else stage.layer
        )
        if not last:
            layers += stage.pools
    scale = fixed.graph.input.scale if stages[0].index == 0 else 1 / 255
    thresholds = tuple(fixed.thresholds[s.index] for s in stages)
    return checked(
        Graph("part", Input(shape, scale=scale), tuple(layers), thresholds), "part"
    )


def random_images(random: np.random.Generator, size: int, spikes: float) -> U8:
    """Return images that have as many spikes on average, half to twice as many."""
    images = np.zeros((IMAGES, size), np.uint8)
    for image in images:
        count = min(size, max(1, round(spikes * random.uniform(0.5, 1.5))))
        chosen = random.choice(size, count, replace=False)
        image[chosen] = random.integers(60, 256, count)
    return images


def measure(pair: Pair, config: RunConfig, frames: int) -> Iterator[list[Sample]]:
    """Run a cluster with each setting; yield what its nodes did.

    Raises:
        ClusterError: A process failed.
    """
    plan = make_plan(pair.graph, parse_splits(pair.split))
    names = [CLIENT, *(part.name for part in plan.partitions)]
    for window, most in SETTINGS:
        with tempfile.TemporaryDirectory(prefix="nc-bench-") as folder:
            network, images = f"{folder}/part.npz", f"{folder}/images.npy"
            save_network(network, pair.graph)
            np.save(images, pair.images)
            count = max(frames // (3 if window == 1 else 1), WARM)
            settings = {
                "network": network, "images": images, "split": pair.split,
                "window": window, "max_spikes": most, "hwm": config.hwm,
                "quantizer": config.quantizer, "fire": config.fire,
                "frames": count, "warm": count // WARM,
            }  # fmt: skip
            found = run_nodes("taped", names, settings, folder)
            yield [_sample(pair, window, figures) for figures in found]


def _sample(pair: Pair, window: int, figures: dict[str, Any]) -> Sample:
    layer = figures["name"].rpartition(".")[0] or CLIENT
    with np.load(Path(figures["tables"])) as file:
        tables = {name: file[name] for name in file.files}
    return Sample(layer, layer in pair.layers, window, figures, **tables)


def column(rows: Sequence[I64], place: int) -> F64:
    """Return one column of several tables as float64."""
    return np.concatenate([table[:, place] for table in rows]).astype(np.float64)
