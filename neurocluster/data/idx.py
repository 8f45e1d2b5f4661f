"""Read idx data sets (the format of MNIST), from a folder or from the package."""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final, cast

import numpy as np
import numpy.typing as npt

from neurocluster.dtypes import I64, U8
from neurocluster.errors import DataError

PREFIXES: Final = {"test": "t10k", "train": "train"}
IMAGES: Final = ("images-idx3-ubyte", "images.idx3-ubyte")
LABELS: Final = ("labels-idx1-ubyte", "labels.idx1-ubyte")
SHIPPED: Final = "mnist"
_UNSIGNED_BYTE: Final = 8
_GZIP_MAGIC: Final = b"\x1f\x8b"
_MOST_AXES: Final = 4


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Images with or without labels.

    Attributes:
        name: For reports.
        source: Where it was read.
        images: (frames, rows, columns, channels) uint8.
        labels: (frames,) int64, or None.
    """

    name: str
    source: str
    images: U8
    labels: I64 | None

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    @property
    def nbytes(self) -> int:
        """Return the bytes of images and labels."""
        labels = 0 if self.labels is None else self.labels.nbytes
        return self.images.nbytes + labels


def parse_idx(data: bytes, source: str) -> npt.NDArray[np.uint8]:
    """Read an idx file's bytes (gzip or plain) into an array.

    Raises:
        DataError: They are not an idx file of unsigned bytes, or incomplete.
    """
    if data[:2] == _GZIP_MAGIC:
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            message = f"{source} is a damaged or truncated gzip file: {error}"
            raise DataError(message) from error
    if len(data) < 4 or data[:2] != b"\0\0" or not 1 <= data[3] <= _MOST_AXES:
        message = f"{source} is not an idx file"
        raise DataError(message)
    if data[2] != _UNSIGNED_BYTE:
        message = f"{source} holds type 0x{data[2]:02x}; only unsigned bytes are read"
        raise DataError(message)
    axes, start = data[3], 4 + 4 * data[3]
    if len(data) < start:
        message = f"{source} is truncated"
        raise DataError(message)
    shape = struct.unpack(f">{axes}I", data[4:start])
    expected = start + int(np.prod(shape, dtype=object))
    if len(data) != expected:
        message = f"{source} has {len(data)} bytes, its header asks for {expected}"
        raise DataError(message)
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def load_dataset(folder: str | Path | None = None, split: str = "test") -> Dataset:
    """Read a data set.

    Args:
        folder: Holds ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte`` (or
            ``train-...``), each plain or ``.gz``; labels may be absent. None is the
            MNIST test set that ships with the package.
        split: ``test`` or ``train``.

    Raises:
        DataError: A file is missing or wrong.
    """
    root: Traversable
    if folder is None:
        root = resources.files("neurocluster.data").joinpath(SHIPPED)
        name, shown = "MNIST", "the shipped MNIST test set"
    else:
        root, name, shown = Path(folder), Path(folder).resolve().name, str(folder)
        if not Path(folder).is_dir():
            message = f"data folder {folder} does not exist"
            raise DataError(message)
    found = _find(root, split, IMAGES)
    if found is None:
        wanted = f"{PREFIXES[split]}-{IMAGES[0]}"
        message = f"{shown} holds no file {wanted} or {wanted}.gz"
        raise DataError(message)
    images = parse_idx(_read(found), str(found))
    if images.ndim not in (3, _MOST_AXES):
        message = f"{found} has {images.ndim} axes; images need 3 or 4"
        raise DataError(message)
    images = images.reshape(*images.shape, 1) if images.ndim == 3 else images
    file = _find(root, split, LABELS)
    labels = None
    if file is not None:
        raw = parse_idx(_read(file), str(file))
        if raw.shape != (len(images),):
            message = f"{file} has {len(raw)} labels for {len(images)} images"
            raise DataError(message)
        labels = cast("I64", raw.astype(np.int64))
    return Dataset(name, shown, np.ascontiguousarray(images), labels)


def _find(root: Traversable, split: str, names: tuple[str, ...]) -> Traversable | None:
    for name in names:
        for ending in ("", ".gz"):
            file = root.joinpath(f"{PREFIXES[split]}-{name}{ending}")
            if file.is_file():
                return file
    return None


def _read(file: Traversable) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        message = f"cannot read {file}: {error.strerror}"
        raise DataError(message) from error
