"""Write network files; `model.load` reads them, README describes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

import numpy as np

from neurocluster.model.check import checked
from neurocluster.model.graph import Conv2d, Dense, Flatten, Graph, Layer, MaxPool
from neurocluster.model.load import FORMAT


def save_network(path: str | Path, graph: Graph) -> None:
    """Write a network file; `load_network` reads it back."""
    with Path(path).open("wb") as file:
        write_network(file, graph)


def write_network(file: IO[bytes], graph: Graph) -> None:
    """Write a network into an open file."""
    checked(graph)
    shape = graph.input.shape
    text = {
        "format": FORMAT,
        "input": {
            "shape": [shape.height, shape.width, shape.channels],
            "scale": graph.input.scale,
            "shift": graph.input.shift,
        },
        "layers": [describe_layer(layer) for layer in graph.layers],
    }
    if graph.thresholds is not None:
        text["thresholds"] = list(graph.thresholds)
    arrays: dict[str, Any] = {"architecture": np.array(json.dumps(text))}
    for layer in graph.layers:
        if isinstance(layer, Conv2d | Dense):
            arrays[f"{layer.name}.weight"] = layer.weight
            arrays[f"{layer.name}.bias"] = layer.bias
    np.savez_compressed(file, **arrays)


def describe_layer(layer: Layer) -> dict[str, object]:
    """Return a layer's entry of the architecture text."""
    if isinstance(layer, Flatten):
        return {"name": layer.name, "type": "flatten"}
    if isinstance(layer, MaxPool):
        return {
            "name": layer.name,
            "type": "max_pool",
            "kernel": list(layer.kernel),
            "stride": list(layer.stride),
        }
    if isinstance(layer, Dense):
        return {
            "name": layer.name,
            "type": "dense",
            "units": layer.units,
            "relu": layer.relu,
        }
    return {
        "name": layer.name,
        "type": "conv2d",
        "channels": layer.channels,
        "kernel": list(layer.kernel),
        "stride": list(layer.stride),
        "padding": list(layer.padding),
        "relu": layer.relu,
    }
