"""Compare a run with what it stands for: the dense networks, and one process.

The dense networks are the ANN and the quantised ANN in fixed point. One process runs
the same spiking network as a chain, whose order of spikes is unique; a cut network
sees other orders, so some of its counts and decisions may differ.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from neurocluster.client.results import FrameTable
from neurocluster.coding.delay import input_spikes, intensity
from neurocluster.coding.readout import class_by_count
from neurocluster.data.idx import Dataset
from neurocluster.dtypes import I64, Bool
from neurocluster.kernels.chain import Chain
from neurocluster.model.convert import FixedNetwork, convert
from neurocluster.model.dense import ann, q_ann
from neurocluster.model.load import read_network

BLOCK: Final = 250
"""Frames between two reports of progress."""
NOT_COMPARED: Final[Mapping[str, Any]] = {
    "accuracy_ann": None,
    "accuracy_qann": {"floor": None, "round": None},
    "one_process": {"frames_equal": None, "decisions_flipped": None},
}


def network_of(described: Mapping[str, Any]) -> FixedNetwork:
    """Return the network that a cluster runs, from what its client was told."""
    name = str(described["name"])
    graph = read_network(io.BytesIO(described["file"]), name, name)
    return convert(graph, list(described["thresholds"]), described["offset"])


def compare(
    described: Mapping[str, Any], table: FrameTable, data: Dataset,
    progress: Callable[[int], None],
) -> dict[str, Any]:  # fmt: skip
    """Return what summary.json has of the dense networks and of one process.

    Args:
        described: See `controller.plan.ClusterPlan.describe`.
        table: All frames; those that failed are left out.
        data: What was streamed.
        progress: Told the number of frames compared so far.
    """
    fixed, good = network_of(described), table.good
    frames, equal, flipped = table.frames[good], 0, 0
    chain = Chain(fixed, described["quantizer"], described["fire"])
    right = _Right()
    for first in range(0, len(good), BLOCK):
        part = slice(first, first + BLOCK)
        images, rows = data.images[frames[part]], good[part]
        run = chain.run(images)
        equal += int((run.counts == table.counts[rows]).all(1).sum())
        decided = class_by_count(table.counts[rows], table.potentials[rows])
        flipped += int((class_by_count(run.counts, run.potentials) != decided).sum())
        if data.labels is not None:
            right.add(fixed, images, data.labels[frames[part]])
        progress(first + len(rows))
    return {
        **right.accuracies(len(good)),
        "one_process": {"frames_equal": equal, "decisions_flipped": flipped},
    }


class _Right:
    """Count the right classes of the dense networks."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, fixed: FixedNetwork, images: Any, labels: I64) -> None:
        source = fixed.graph.input
        x = intensity(images.reshape(len(images), -1), source)
        self._note("ann", ann(fixed.graph, x).argmax(1) == labels)
        spikes = input_spikes(images, source)
        for mode in ("floor", "round"):
            levels, potentials = q_ann(fixed, spikes, mode)
            low = potentials.astype(np.int32)
            self._note(mode, class_by_count(levels.astype(np.int32), low) == labels)

    def _note(self, name: str, right: Bool) -> None:
        self._counts[name] = self._counts.get(name, 0) + int(right.sum())

    def accuracies(self, frames: int) -> dict[str, Any]:
        share = {
            name: round(self._counts[name] / frames, 6) if self._counts else None
            for name in ("ann", "floor", "round")
        }
        quantised = {name: share[name] for name in ("floor", "round")}
        return {"accuracy_ann": share["ann"], "accuracy_qann": quantised}
