"""Do `neurocluster describe`: a plan with memory and predicted traffic."""

from __future__ import annotations

import json as json_
from collections.abc import Mapping
from typing import Any, Final, Literal

from rich.console import Console
from rich.table import Table

from neurocluster.cli.engine import Engine
from neurocluster.cli.exits import EXIT_DONE
from neurocluster.cli.frames import check_images, frames_of
from neurocluster.cli.memory import refuse_or_warn
from neurocluster.cli.progress import warm_with_progress
from neurocluster.cli.terminal import paper, terminal
from neurocluster.config import RunConfig
from neurocluster.data.idx import load_dataset
from neurocluster.dtypes import CLIENT
from neurocluster.launch.memory import MemoryBound
from neurocluster.launch.predict import SAMPLE, predict_placement, predict_traffic
from neurocluster.member.barriers import DISSEMINATION
from neurocluster.member.dissemination import step_count
from neurocluster.member.rounds import CLOCKED, LAYER
from neurocluster.model.convert import FixedNetwork, convert
from neurocluster.model.load import load_network
from neurocluster.model.memory import COMPILER_BYTES, ClusterMemory, ProcessMemory
from neurocluster.model.partition import Partition, Plan, depths, make_plan
from neurocluster.model.placement import check_pins
from neurocluster.model.split import parse_splits
from neurocluster.sizes import show_size


def describe_command(
    config: RunConfig, there: Engine | None = None, *, json: bool
) -> int:
    """Print the plan; start nothing.

    It compiles what is missing, so that the processes bounded here need no compiler.

    Args:
        config: Settings.
        there: What would start the workers elsewhere; None has them here.
        json: Print JSON for machines.

    Raises:
        ConfigError: The plan may take more memory than the settings allow.
        ModelError: The network, its split or its placement is wrong.
    """
    graph = load_network(config.network)
    fixed = convert(graph, config.threshold or None, config.offset)
    plan = make_plan(graph, parse_splits(config.split))
    hosts = there.hosts if there is not None else ()
    check_pins(plan, hosts, config.place)
    data = load_dataset(config.data)
    check_images(data, graph)
    warm_with_progress(config, fixed, plan, terminal(quiet=False, json=json))
    bound = MemoryBound(config, fixed, plan)
    memory = bound.cluster(frames=frames_of(config, data), data_bytes=data.nbytes)
    traffic = predict_traffic(config, fixed, plan, data.images[:SAMPLE])
    text = describe_plan(fixed, plan, bound, traffic) | describe_memory(memory)
    text |= describe_clock(config, plan) | describe_barrier(config, plan)
    if hosts:
        place_plan(text, predict_placement(config, fixed, plan, hosts))
    if json:
        print(json_.dumps(text))
    else:
        print_plan(paper(), text)
        print_memory(paper(), memory, frames_of(config, data))
    refuse_or_warn(config, memory, elsewhere=there is not None)
    return EXIT_DONE


def describe_plan(
    fixed: FixedNetwork, plan: Plan, bound: MemoryBound, traffic: list[float]
) -> dict[str, Any]:
    """Return layers, partitions, links and their bounds as plain data."""
    partitions = [_partition(plan, part, bound) for part in plan.partitions]
    links = [
        {
            "link": link.index,
            "source": link.source,
            "destination": link.destination,
            "addresses": [link.first, link.last],
            "bytes_per_spike": link.width,
            "spikes_per_frame": spikes,
            "memory_bytes": bound.links[link.index].total,
        }
        for link, spikes in zip(plan.links, traffic, strict=True)
    ]
    return {
        "network": fixed.graph.name,
        "neurons": fixed.graph.neuron_count,
        "layers": _layers(fixed),
        "partitions": partitions,
        "links": links,
        "memory_bytes": sum(line["memory_bytes"] for line in partitions + links),
    }


def describe_clock(config: RunConfig, plan: Plan) -> dict[str, Any]:
    """Return the clock as plain data.

    Rounds are those from a frame's start to its result, where their number is fixed.
    """
    phases = config.phases_of_frame
    ahead = phases + max(depths(plan).values()) if config.clock in CLOCKED else 0
    return {
        "clock": config.clock, "phases": phases,
        "rounds_per_frame": 0 if config.clock == LAYER else ahead,
    }  # fmt: skip


def place_plan(text: dict[str, Any], placement: Mapping[str, str]) -> None:
    """Add to a described plan the host of each partition, and what hosts exchange."""
    for line in text["partitions"]:
        line["host"] = placement[line["partition"]]
    where = {CLIENT: "", **placement}
    text["spikes_between_hosts"] = sum(
        link["spikes_per_frame"]
        for link in text["links"]
        if where[link["source"]] != where[link["destination"]]
    )


def describe_memory(memory: ClusterMemory) -> dict[str, Any]:
    """Return the bounds of processes and cluster as plain data."""
    return {
        "processes": [_process(process) for process in memory.processes],
        "kernel_bytes": memory.kernel,
        "cluster_memory_bytes": memory.total,
        "client_bytes_per_frame": memory.frame_bytes,
        "compiler_bytes": COMPILER_BYTES,
    }


def _process(process: ProcessMemory) -> dict[str, Any]:
    parts = {f"{part}_bytes": size for part, size in process.parts.items()}
    named = {"process": process.name, "role": process.role}
    return {**named, **parts, "memory_bytes": process.total}


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


def _partition(plan: Plan, partition: Partition, bound: MemoryBound) -> dict[str, Any]:
    spec = bound.specs[partition.name]
    return {
        "partition": partition.name,
        "rows": list(partition.rows),
        "channels": list(partition.channels),
        "neurons": spec.neurons,
        "weights": int(spec.weight.size),
        "links_in": len(plan.inbound(partition.name)),
        "links_out": len(plan.outbound(partition.name)),
        "fan_out": bound.sizes[partition.name].most_touched,
        "memory_bytes": bound.engines[partition.name].total,
    }


def describe_barrier(config: RunConfig, plan: Plan) -> dict[str, Any]:
    """Return how the nodes find that a round is done; nothing without rounds."""
    nodes = 1 + len(plan.partitions)
    disseminates = config.barrier == DISSEMINATION
    steps = step_count(nodes) if disseminates else 2
    found = {
        "kind": config.barrier, "nodes": nodes, "steps": steps,
        "messages": nodes * steps,
    }  # fmt: skip
    return {"barrier": found} if config.clock in CLOCKED else {}


TABLES: Final = {
    "Layers": ("layers", "layer input neurons output weights threshold"),
    "Partitions, bytes of an engine": (
        "partitions",
        "partition host neurons weights links_in links_out fan_out memory_bytes",
    ),
    "Links, spikes a frame predicted from 20 frames": (
        "links",
        "source destination bytes_per_spike spikes_per_frame memory_bytes",
    ),
}
WORDS: Final = (
    "layer", "input", "output", "partition", "host", "source", "destination", "process",
)  # fmt: skip
"""Columns that hold no numbers."""


def print_plan(console: Console, text: dict[str, Any]) -> None:
    """Print a plan as tables."""
    for title, (key, names) in TABLES.items():
        columns = [name for name in names.split() if name in text[key][0]]
        table = _table(title, columns)
        for line in text[key]:
            table.add_row(*(_show(line[name]) for name in columns))
        console.print(table)
    console.print(
        f"{text['neurons']:,} neurons; all queues, states and arrays together need at "
        f"most {text['memory_bytes'] / 2**20:.1f} MiB."
    )
    if text["clock"] != "none":
        console.print(_clock_line(text))
    if "barrier" in text:
        barrier = text["barrier"]
        console.print(
            f"Barrier {barrier['kind']}: each round {barrier['messages']} messages "
            f"between {barrier['nodes']} nodes, the client included, "
            f"{barrier['steps']} one after the other."
        )
    if "spikes_between_hosts" in text:
        spikes = text["spikes_between_hosts"]
        console.print(
            f"{spikes:,.1f} spikes a frame go between hosts, this one included."
        )


def _clock_line(text: Mapping[str, Any]) -> str:
    """Say under which clock the plan would run."""
    line = f"Clock {text['clock']}"
    if text["phases"] > 1:
        line += f", {text['phases']} phases a frame"
    if text["rounds_per_frame"]:
        line += f"; {text['rounds_per_frame']} rounds from a frame to its result"
    return f"{line}."


def print_memory(console: Console, memory: ClusterMemory, frames: int) -> None:
    """Print what each process may take, for what."""
    first = memory.processes[0]
    table = _table("Most memory of each process, MiB", ["process", *first.parts, "sum"])
    for process in memory.processes:
        sizes = [*process.parts.values(), process.total]
        table.add_row(process.name, *(_mib(size) for size in sizes))
    console.print(table)
    console.print(
        f"The whole cluster takes at most {show_size(memory.total)}, measured as "
        "RssAnon; what forked processes share is counted in each. The client keeps at "
        f"most {memory.frame_bytes:,} bytes of each frame, here of {frames:,}, until "
        "frames.csv is written; from Python it keeps only what you keep, and reports."
    )


def _table(title: str, columns: list[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in columns:
        justify: Literal["left", "right"] = "left" if name in WORDS else "right"
        table.add_column(name.replace("_", " "), justify=justify)
    return table


def _mib(size: int) -> str:
    return f"{size / 2**20:,.1f}" if size else ""


def _show(value: Any) -> str:
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)
