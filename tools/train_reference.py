#!/usr/bin/env python3
"""Train the reference network on MNIST and write it as a network file.

    python tools/train_reference.py --data FOLDER --out reference.npz [--seed 0]

Needs PyTorch (``pip install neurocluster[train]``). The last 5,000 training images
are held out for every choice; the test images are read once, at the end. Without
``--data`` the four MNIST files are downloaded and their contents checked.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final

import numpy as np

from neurocluster.coding.readout import class_by_count
from neurocluster.data.idx import Dataset, load_dataset
from neurocluster.errors import DataError, NeuroclusterError
from neurocluster.kernels.chain import Chain, Order
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
from neurocluster.model.partition import make_plan
from neurocluster.model.save import save_network
from neurocluster.model.split import parse_splits

MIRROR: Final = "https://ossci-datasets.s3.amazonaws.com/mnist"
CONTENT_SHA256: Final = {
    "train-images-idx3-ubyte": (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
    ),
    "train-labels-idx1-ubyte": (
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
    ),
    "t10k-images-idx3-ubyte": (
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
    ),
    "t10k-labels-idx1-ubyte": (
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
    ),
}
HELD_OUT: Final = 5000
BATCH: Final = 64
PEAK_RATE: Final = 0.05
WEIGHT_DECAY: Final = 2e-4
THRESHOLDS: Final = (0.35, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
TOLERANCE: Final = 0.001
"""Held-out accuracy that a larger threshold may cost, as a fraction."""
EPSILON: Final = 1e-9
SPLIT: Final = "conv1=rows:4,conv2=channels:2,fc1=neurons:2"
"""The cut that a threshold must stand."""
TIMEOUT_SECONDS: Final = 60


def download(folder: Path, mirror: str) -> Path:
    """Fetch the MNIST files that the folder lacks; check their contents.

    Raises:
        DataError: A file cannot be fetched or is not the file it should be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, digest in CONTENT_SHA256.items():
        target = folder / f"{name}.gz"
        if target.exists() and _content_digest(target.read_bytes()) == digest:
            continue
        url = f"{mirror}/{name}.gz"
        print(f"downloading {url}", file=sys.stderr)
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as answer:
                data = answer.read()
        except (urllib.error.URLError, OSError) as error:
            message = f"cannot download {url}: {error}; give a folder by --data"
            raise DataError(message) from error
        if _content_digest(data) != digest:
            message = f"{url} is not the MNIST file expected (its checksum differs)"
            raise DataError(message)
        partial = target.with_suffix(".part")
        partial.write_bytes(data)
        partial.rename(target)
    return folder


def _content_digest(data: bytes) -> str:
    try:
        return hashlib.sha256(gzip.decompress(data)).hexdigest()
    except (OSError, EOFError):
        return ""


def build(torch: Any) -> Any:
    """Return 28x28x1 - 16C5 - MP2 - 8C5 - MP2 - 256FC - (dropout) - 10FC."""
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(392, 256), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(256, 10),
    )  # fmt: skip


def shift_images(torch: Any, images: Any) -> Any:
    """Shift each image of a batch by at most one pixel in each direction."""
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1))
    moved = torch.empty_like(images)
    which = torch.randint(0, 9, (len(images),))
    for k in range(9):
        y, x = divmod(k, 3)
        chosen = which == k
        moved[chosen] = padded[chosen, :, y : y + 28, x : x + 28]
    return moved


def train(data: Dataset, seed: int, epochs: int) -> dict[str, np.ndarray]:
    """Train on all but the last 5,000 images; return the arrays of the layers."""
    import torch

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    if data.labels is None:
        message = f"{data.source} has no labels; training needs them"
        raise DataError(message)
    images = torch.from_numpy(data.images.astype(np.float32) / 255).permute(0, 3, 1, 2)
    labels = torch.from_numpy(data.labels.astype(np.int64))
    kept = len(images) - HELD_OUT
    model = build(torch)
    optimiser = torch.optim.SGD(
        model.parameters(), lr=PEAK_RATE, momentum=0.9, weight_decay=WEIGHT_DECAY
    )
    steps = epochs * -(-kept // BATCH)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK_RATE, steps)
    for epoch in range(epochs):
        model.train()
        begin = time.monotonic()
        for batch in torch.randperm(kept).split(BATCH):
            optimiser.zero_grad()
            scores = model(shift_images(torch, images[batch]))
            torch.nn.functional.cross_entropy(scores, labels[batch]).backward()
            optimiser.step()
            rate.step()
        model.eval()
        with torch.no_grad():
            held = model(images[kept:]).argmax(1)
        accuracy = (held == labels[kept:]).double().mean().item()
        seconds = time.monotonic() - begin
        print(
            f"seed {seed} epoch {epoch + 1}/{epochs}: held-out accuracy "
            f"{accuracy:.4f} ({seconds:.0f} s)",
            file=sys.stderr,
            flush=True,
        )
    arrays = {}
    for name, index in {"conv1": 0, "conv2": 3, "fc1": 7, "fc2": 10}.items():
        layer = model[index]
        arrays[f"{name}.weight"] = layer.weight.detach().numpy().astype(np.float32)
        arrays[f"{name}.bias"] = layer.bias.detach().numpy().astype(np.float32)
    return arrays


def reference_graph(
    arrays: dict[str, np.ndarray], thresholds: tuple[float, ...] | None
) -> Graph:
    """Put trained arrays into the reference architecture."""

    def wb(name: str) -> tuple[np.ndarray, np.ndarray]:
        return arrays[f"{name}.weight"], arrays[f"{name}.bias"]

    five, two, pad = (5, 5), (2, 2), (2, 2)
    return Graph(
        name="reference",
        input=Input(Shape(28, 28, 1)),
        layers=(
            Conv2d("conv1", 16, five, (1, 1), pad, True, *wb("conv1")),
            MaxPool("pool1", two, two),
            Conv2d("conv2", 8, five, (1, 1), pad, True, *wb("conv2")),
            MaxPool("pool2", two, two),
            Flatten("flatten"),
            Dense("fc1", 256, True, *wb("fc1")),
            Dense("fc2", 10, False, *wb("fc2")),
        ),
        thresholds=thresholds,
    )


def bursts(graph: Graph, split: str) -> Order:
    """Return an order of a cut network: each partition's spikes come in one burst.

    Real links give orders between this one and the chain's.
    """
    plan, owners = make_plan(graph, parse_splits(split)), []
    for k, stage in enumerate(graph.stages):
        shape, pooled = stage.output_shape, stage.neuron_shape.height
        owner = np.zeros((shape.height, shape.width, shape.channels), np.int64)
        parts = [part for part in plan.partitions if part.stage == k]
        for number, part in enumerate(parts):
            first, last = (row * shape.height // pooled for row in part.rows)
            owner[first:last, :, slice(*part.channels)] = number
        owners.append(owner.ravel())

    def order(stage: int, addresses: np.ndarray) -> np.ndarray:
        if stage == 0:
            return np.arange(len(addresses))
        return np.argsort(owners[stage - 1][addresses], kind="stable")

    return order


def choose_threshold(graph: Graph, images: np.ndarray, labels: np.ndarray) -> float:
    """Return the largest threshold that costs no more than TOLERANCE, held out.

    Neither the chain nor a cut network in bursts may lose more than that against the
    best chain.
    """
    results, order = [], bursts(graph, SPLIT)
    for threshold in THRESHOLDS:
        chain = Chain(convert(graph, [threshold], 0.0))
        runs, accuracies = (chain.run(images), chain.run(images, order)), []
        for run in runs:
            classes = class_by_count(run.counts, run.potentials)
            accuracies.append(float((classes == labels).mean()))
        spikes = float(runs[0].spikes.mean()) / graph.neuron_count
        results.append((threshold, *accuracies))
        print(
            f"threshold {threshold}: held-out accuracy by count {accuracies[0]:.4f}, "
            f"cut {accuracies[1]:.4f}, {spikes:.3f} spikes a neuron",
            file=sys.stderr,
        )
    least = max(chain for _, chain, _ in results) - TOLERANCE - EPSILON
    return max(t for t, chain, cut in results if min(chain, cut) >= least)


def main(arguments: list[str] | None = None) -> int:
    """Train, choose the threshold, write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of the MNIST idx files")
    parser.add_argument(
        "--cache", type=Path, default=Path.home() / ".cache" / "neurocluster" / "mnist",
        help="where downloads go",
    )  # fmt: skip
    parser.add_argument("--mirror", default=MIRROR, help="base address of downloads")
    parser.add_argument("--out", type=Path, required=True, help="network file (.npz)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=14)
    options = parser.parse_args(arguments)
    try:
        folder = options.data or download(options.cache, options.mirror)
        data = load_dataset(folder, "train")
        arrays = train(data, options.seed, options.epochs)
        graph = reference_graph(arrays, None)
        if data.labels is None:
            return 3
        held, labels = data.images[-HELD_OUT:], data.labels[-HELD_OUT:]
        threshold = choose_threshold(graph, held, labels)
        save_network(options.out, reference_graph(arrays, (threshold,)))
    except ModuleNotFoundError as error:
        print(f"error: {error}; pip install 'neurocluster[train]'", file=sys.stderr)
        return 2
    except NeuroclusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    print(f"{options.out}: threshold {threshold}, seed {options.seed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
