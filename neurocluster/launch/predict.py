"""Predict what a plan's links carry and its partitions do, from a few frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from neurocluster.config import RunConfig
from neurocluster.data.idx import load_dataset
from neurocluster.kernels.chain import Chain
from neurocluster.launch.memory import MemoryBound
from neurocluster.model.convert import FixedNetwork
from neurocluster.model.partition import Plan
from neurocluster.model.placement import Host, place

SAMPLE: Final = 20
"""Frames that the prediction runs."""


def predict_traffic(
    config: RunConfig, fixed: FixedNetwork, plan: Plan, images: Any
) -> list[float]:
    """Predict spikes a frame on each link from a few frames of the chain."""
    chain = Chain(fixed, config.quantizer, config.fire)
    counts = chain.address_counts(images)
    parts = {p.name: p for p in plan.partitions}
    stages = fixed.graph.stages
    predicted = []
    for link in plan.links:
        if link.source not in parts:
            by_address = counts[0]
        else:
            part = parts[link.source]
            shape = stages[part.stage].output_shape
            plane = counts[part.stage + 1].reshape(
                shape.height, shape.width, shape.channels
            )
            owned = np.zeros_like(plane)
            rows, channels = slice(*part.output_rows), slice(*part.channels)
            owned[rows, :, channels] = plane[rows, :, channels]
            by_address = owned.ravel()
        spikes = by_address[link.first : link.last].sum() / max(len(images), 1)
        predicted.append(round(float(spikes), 1))
    return predicted


def predict_costs(
    bound: MemoryBound, plan: Plan, traffic: list[float]
) -> dict[str, float]:
    """Predict the work of each partition for a frame: weights added, spikes packed.

    Args:
        bound: Knows how many weights a spike adds.
        plan: What is to be placed.
        traffic: Spikes a frame of each link.
    """
    found = dict.fromkeys((p.name for p in plan.partitions), 1.0)
    for link, spikes in zip(plan.links, traffic, strict=True):
        if link.destination in found:
            touched = bound.sizes[link.destination].most_touched
            found[link.destination] += spikes * touched
        if link.source in found:
            found[link.source] += spikes
    return found


def predict_placement(
    config: RunConfig, fixed: FixedNetwork, plan: Plan, hosts: Sequence[Host]
) -> dict[str, str]:
    """Return the host of each partition: as the settings pin it, or as predicted.

    Raises:
        PartitionError: The settings pin what is not there.
    """
    images = load_dataset(config.data).images[:SAMPLE]
    traffic = predict_traffic(config, fixed, plan, images)
    cost = predict_costs(MemoryBound(config, fixed, plan), plan, traffic)
    return place(plan, hosts, cost=cost, traffic=traffic, pins=config.place)
