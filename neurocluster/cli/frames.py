"""Choose the frames of a run and see that the network can take them."""

from __future__ import annotations

from typing import Any

import numpy as np

from neurocluster.config import RunConfig
from neurocluster.data.idx import Dataset, load_dataset
from neurocluster.errors import ConfigError, DataError
from neurocluster.model.graph import Graph


def choose_frames(config: RunConfig) -> tuple[Dataset, Any]:
    """Load the data set; return it and the indices of the frames to run.

    Raises:
        ConfigError: ``start`` lies behind the data set.
    """
    data = load_dataset(config.data)
    if config.start >= len(data):
        message = (
            f"start: {config.start} lies behind the {len(data)} frames of the data"
        )
        raise ConfigError(message)
    last = len(data) if config.frames is None else config.start + config.frames
    return data, np.arange(config.start, min(last, len(data)))


def check_images(data: Dataset, graph: Graph) -> None:
    """Refuse a data set whose images the network cannot take.

    Raises:
        DataError: The shapes differ.
    """
    found, shape = data.images.shape[1:], graph.input.shape
    if found != (shape.height, shape.width, shape.channels):
        shown = "x".join(map(str, found))
        message = f"{data.source}: images of {shown}, the network takes {shape}"
        raise DataError(message)


def frames_of(config: RunConfig, data: Dataset) -> int:
    """Return how many frames of a data set a run streams."""
    left = max(len(data) - config.start, 0)
    return left if config.frames is None else min(config.frames, left)
