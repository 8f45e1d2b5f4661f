"""Measure the kernels alone: encoding and the whole network, one process."""

from __future__ import annotations

import time
from statistics import median
from typing import Any, Final

import numpy as np

from neurocluster.coding.readout import class_by_count
from neurocluster.config import RunConfig
from neurocluster.data.idx import Dataset, load_dataset
from neurocluster.errors import DataError
from neurocluster.kernels.chain import Chain
from neurocluster.model.convert import convert
from neurocluster.model.graph import Graph

FRAMES: Final = 1000
WARM_UP: Final = 20
REPEATS: Final = 3


def bench_data(graph: Graph) -> Dataset:
    """Return the first images of the shipped data set.

    Raises:
        DataError: The network does not take them.
    """
    data = load_dataset(None)
    shape = graph.input.shape
    if data.images.shape[1:] != (shape.height, shape.width, shape.channels):
        message = "bench streams the MNIST images; this network takes other shapes"
        raise DataError(message)
    labels = None if data.labels is None else data.labels[:FRAMES]
    return Dataset(data.name, data.source, data.images[:FRAMES], labels)


class Kernels:
    """Hold the compiled chain of one setting of thresholds.

    Attributes:
        workload: What the frames are: accuracy and spikes per neuron.
    """

    def __init__(
        self, graph: Graph, config: RunConfig, thresholds: tuple[float, ...]
    ) -> None:
        """Compile or load the kernels and run all frames once.

        Raises:
            FrameError: A potential left its range.
        """
        data = bench_data(graph)
        self._images = data.images
        self._chain = Chain(convert(graph, thresholds, config.offset))
        run = self._chain.run(self._images)
        right = None
        if data.labels is not None:
            classes = class_by_count(run.counts, run.potentials)
            right = round(float(np.mean(classes == data.labels)), 6)
        self.workload: dict[str, Any] = {
            "thresholds": list(thresholds),
            "frames": len(self._images),
            "accuracy_by_count": right,
            "spikes_per_neuron": float(run.spikes.mean()) / graph.neuron_count,
        }

    def frame_us(self) -> tuple[float, float]:
        """Return the microseconds of a frame and their CPU time, medians."""
        self._chain.time_ns(self._images[:WARM_UP])
        walls, cpus = [], []
        for _ in range(REPEATS):
            begin = time.thread_time_ns()
            walls.append(self._chain.time_ns(self._images))
            cpus.append((time.thread_time_ns() - begin) / len(self._images))
        return median(walls) / 1e3, median(cpus) / 1e3
