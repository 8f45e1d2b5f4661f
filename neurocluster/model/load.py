"""Read and write network files.

A network file is an ``.npz`` without pickled objects: key ``architecture`` (JSON
text) and float32 arrays ``<layer>.weight`` and ``<layer>.bias`` in PyTorch's layouts
and flatten order. README describes it.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import IO, Any, Final, cast

import numpy as np

from neurocluster.dtypes import F32
from neurocluster.errors import ModelError
from neurocluster.model.check import checked
from neurocluster.model.graph import (
    Conv2d,
    Dense,
    Flatten,
    Graph,
    Input,
    Layer,
    MaxPool,
    Pair,
    Shape,
)

FORMAT: Final = 1
REFERENCE: Final = "reference"


class _Reader:
    """Read one file's fields; every error names the file and the field."""

    def __init__(self, source: str, arrays: dict[str, Any]) -> None:
        self.source, self.arrays = source, arrays

    def fail(self, reason: str) -> ModelError:
        return ModelError(f"{self.source}: {reason}")

    def architecture(self) -> dict[str, Any]:
        if "architecture" not in self.arrays:
            raise self.fail(
                "key 'architecture' is missing; a network file describes its layers "
                "there (see README, 'Network files')"
            )
        try:
            parsed = json.loads(str(self.arrays["architecture"]))
        except ValueError as error:
            raise self.fail(f"'architecture' is no JSON text: {error}") from error
        if not isinstance(parsed, dict):
            raise self.fail("'architecture' must be a JSON object")
        if parsed.get("format") != FORMAT:
            raise self.fail(
                f"format {parsed.get('format')!r} is not known; this version reads "
                f"format {FORMAT}"
            )
        return parsed

    def get(self, owner: dict[str, Any], key: str, kind: type, where: str) -> Any:
        value = owner.get(key)
        wrong = not isinstance(value, kind) or (kind is int and value is True)
        if wrong or (kind is not bool and isinstance(value, bool)):
            raise self.fail(f"{where}: '{key}' must be {kind.__name__}, not {value!r}")
        return value

    def number(self, owner: dict[str, Any], key: str, default: float) -> float:
        value = owner.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fail(f"input: '{key}' must be a number, not {value!r}")
        return float(value)

    def pair(
        self, owner: dict[str, Any], key: str, where: str, default: Pair | None = None
    ) -> Pair:
        value = owner.get(key, default)
        good = isinstance(value, list | tuple) and len(value) == 2
        if not good or not all(type(v) is int for v in cast("list[int]", value)):
            raise self.fail(f"{where}: '{key}' must be two integers, not {value!r}")
        rows, columns = cast("list[int]", value)
        return rows, columns

    def array(self, key: str) -> F32:
        if key not in self.arrays:
            raise self.fail(f"array '{key}' is missing")
        array = self.arrays[key]
        if array.dtype != np.float32:
            raise self.fail(f"array '{key}' is {array.dtype}, not float32")
        return cast("F32", np.ascontiguousarray(array))


def load_network(path: str | Path | None = None) -> Graph:
    """Read and check a network file.

    Args:
        path: The file; None is the reference network that ships with the package.

    Raises:
        ModelError: The file or the network in it cannot be used.
    """
    if path is None or str(path) == REFERENCE:
        found = resources.files("neurocluster.data").joinpath("reference.npz")
        with resources.as_file(found) as file:
            return _load(file, REFERENCE)
    return _load(Path(path), Path(path).stem)


def _load(path: Path, name: str) -> Graph:
    try:
        with path.open("rb") as file:
            return read_network(file, name, str(path))
    except FileNotFoundError as error:
        message = f"network file {path} does not exist"
        raise ModelError(message) from error
    except OSError as error:
        message = f"network file {path} cannot be read: {error.strerror}"
        raise ModelError(message) from error


def read_network(file: IO[bytes], name: str, source: str) -> Graph:
    """Read and check a network from an open file.

    Args:
        file: Holds what `model.save.write_network` writes.
        name: Of the network.
        source: What errors call the file.

    Raises:
        ModelError: The file or the network in it cannot be used.
    """
    arrays: dict[str, Any] | None = None
    try:
        found = np.load(file, allow_pickle=False)
        if isinstance(found, np.lib.npyio.NpzFile):
            with found:
                arrays = {key: found[key] for key in found.files}
    # A damaged archive makes zipfile, zlib, struct and numpy raise what they like.
    except Exception as error:
        message = f"{source} is not a network file, or it is truncated: {error}"
        raise ModelError(message) from error
    if arrays is None:
        message = f"{source} is not a network file: it is no .npz archive"
        raise ModelError(message)
    reader = _Reader(source, arrays)
    return checked(_graph(reader, reader.architecture(), name), source)


def _graph(reader: _Reader, text: dict[str, Any], name: str) -> Graph:
    plane = reader.get(text, "input", dict, "architecture")
    shape = reader.get(plane, "shape", list, "input")
    if len(shape) != 3 or not all(type(v) is int for v in shape):
        raise reader.fail(f"input: 'shape' must be three integers, not {shape!r}")
    source = Input(
        Shape(*shape),
        reader.number(plane, "scale", 1 / 255),
        reader.number(plane, "shift", 0.0),
    )
    layers = reader.get(text, "layers", list, "architecture")
    made = tuple(_layer(reader, layer) for layer in layers)
    thresholds = text.get("thresholds")
    if thresholds is not None and (
        not isinstance(thresholds, list)
        or not all(type(v) in (int, float) for v in thresholds)
    ):
        raise reader.fail("'thresholds' must be a list of numbers")
    values = None if thresholds is None else tuple(float(v) for v in thresholds)
    return Graph(name, source, made, values)


def _layer(reader: _Reader, layer: Any) -> Layer:
    if not isinstance(layer, dict):
        raise reader.fail(f"each layer must be a JSON object, not {layer!r}")
    name = reader.get(layer, "name", str, "a layer")
    kind = reader.get(layer, "type", str, name)
    if kind == "flatten":
        return Flatten(name)
    if kind == "max_pool":
        kernel = reader.pair(layer, "kernel", name)
        return MaxPool(name, kernel, reader.pair(layer, "stride", name, kernel))
    if kind not in ("conv2d", "dense"):
        raise reader.fail(
            f"{name}: type {kind!r} is not known; use conv2d, dense, max_pool, flatten"
        )
    relu = reader.get(layer, "relu", bool, name)
    weight, bias = reader.array(f"{name}.weight"), reader.array(f"{name}.bias")
    if kind == "dense":
        return Dense(name, reader.get(layer, "units", int, name), relu, weight, bias)
    return Conv2d(
        name,
        reader.get(layer, "channels", int, name),
        reader.pair(layer, "kernel", name),
        reader.pair(layer, "stride", name, (1, 1)),
        reader.pair(layer, "padding", name, (0, 0)),
        relu,
        weight,
        bias,
    )
