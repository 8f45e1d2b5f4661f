"""Do `neurocluster describe`: a plan with memory and predicted traffic."""

from __future__ import annotations

import json as json_
from typing import Any, Final, Literal

import numpy as np
from rich.console import Console
from rich.table import Table

from neurocluster.cli.exits import EXIT_DONE
from neurocluster.cli.frames import check_images
from neurocluster.cli.terminal import paper
from neurocluster.config import RunConfig
from neurocluster.data.idx import load_dataset
from neurocluster.kernels.chain import Chain
from neurocluster.kernels.tables import compile_layer
from neurocluster.model.convert import FixedNetwork, convert
from neurocluster.model.load import load_network
from neurocluster.model.memory import link_bytes, partition_bytes
from neurocluster.model.partition import Link, Partition, Plan, make_plan
from neurocluster.model.spec import partition_spec
from neurocluster.model.split import parse_splits

SAMPLE: Final = 20
"""Frames that the prediction of traffic runs."""


def describe_command(config: RunConfig, *, json: bool) -> int:
    """Print the plan; start nothing."""
    graph = load_network(config.network)
    fixed = convert(graph, config.threshold or None, config.offset)
    plan = make_plan(graph, parse_splits(config.split))
    data = load_dataset(config.data)
    check_images(data, graph)
    text = describe_plan(config, fixed, plan, data.images[:SAMPLE])
    if json:
        print(json_.dumps(text))
        return EXIT_DONE
    print_plan(paper(), text)
    return EXIT_DONE


def describe_plan(
    config: RunConfig, fixed: FixedNetwork, plan: Plan, images: Any
) -> dict[str, Any]:
    """Return layers, partitions, links and bounds as plain data."""
    partitions = [_partition(config, fixed, plan, part) for part in plan.partitions]
    predicted = predict_traffic(config, fixed, plan, images)
    links = [
        _link(config, link, spikes)
        for link, spikes in zip(plan.links, predicted, strict=True)
    ]
    return {
        "network": fixed.graph.name,
        "neurons": fixed.graph.neuron_count,
        "layers": _layers(fixed),
        "partitions": partitions,
        "links": links,
        "memory_bytes": sum(line["memory_bytes"] for line in partitions + links),
    }


def _layers(fixed: FixedNetwork) -> list[dict[str, Any]]:
    return [
        {
            "layer": stage.layer.name,
            "input": str(stage.input_shape),
            "neurons": stage.neuron_shape.size,
            "output": str(stage.output_shape),
            "weights": int(stage.layer.weight.size),
            "threshold": threshold,
        }
        for stage, threshold in zip(fixed.graph.stages, fixed.thresholds, strict=True)
    ]


def _partition(
    config: RunConfig, fixed: FixedNetwork, plan: Plan, partition: Partition
) -> dict[str, Any]:
    spec = partition_spec(
        fixed, partition, quantizer=config.quantizer, fire=config.fire,
        window=config.window, max_spikes=config.max_spikes,
    )  # fmt: skip
    inbound, outbound = plan.inbound(partition.name), plan.outbound(partition.name)
    layer = compile_layer(spec, inbound[0].width, outbound[0].width)
    memory = partition_bytes(
        spec, outbound, layer.most_touched, layer.most_firings,
        array_bytes=layer.sizes.array_bytes, context_bytes=layer.sizes.context_bytes,
    )  # fmt: skip
    return {
        "partition": partition.name,
        "rows": list(partition.rows),
        "channels": list(partition.channels),
        "neurons": spec.neurons,
        "weights": int(spec.weight.size),
        "links_in": len(inbound),
        "links_out": len(outbound),
        "fan_out": layer.most_touched,
        "memory_bytes": memory.total,
    }


def _link(config: RunConfig, link: Link, spikes: float) -> dict[str, Any]:
    return {
        "link": link.index,
        "source": link.source,
        "destination": link.destination,
        "addresses": [link.first, link.last],
        "bytes_per_spike": link.width,
        "spikes_per_frame": spikes,
        "memory_bytes": link_bytes(link, config.hwm, config.max_spikes),
    }


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


TABLES: Final = {
    "Layers": ("layers", "layer input neurons output weights threshold"),
    "Partitions": (
        "partitions",
        "partition neurons weights links_in links_out fan_out memory_bytes",
    ),
    "Links, spikes a frame predicted from 20 frames": (
        "links",
        "source destination bytes_per_spike spikes_per_frame memory_bytes",
    ),
}
WORDS: Final = ("layer", "input", "output", "partition", "source", "destination")


def print_plan(console: Console, text: dict[str, Any]) -> None:
    """Print a plan as tables."""
    for title, (key, columns) in TABLES.items():
        table = Table(title=title, title_justify="left")
        for name in columns.split():
            justify: Literal["left", "right"] = "left" if name in WORDS else "right"
            table.add_column(name.replace("_", " "), justify=justify)
        for line in text[key]:
            table.add_row(*(_show(line[name]) for name in columns.split()))
        console.print(table)
    console.print(
        f"{text['neurons']:,} neurons; all queues, states and arrays together need at "
        f"most {text['memory_bytes'] / 2**20:.1f} MiB."
    )


def _show(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)
