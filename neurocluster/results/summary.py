"""Sum a run up: `summary.json`."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import numpy as np

from neurocluster.client.results import FrameTable, Recovery
from neurocluster.coding.readout import class_by_count, class_by_potential
from neurocluster.data.idx import Dataset
from neurocluster.version import VERSION

SCHEMA: Final = 1
PERCENTILES: Final = {"p50": 50, "p90": 90, "p99": 99}
PACKAGES: Final = ("numpy", "numba", "pyzmq", "msgpack", "uvloop")


def _fraction(right: Any) -> float:
    return round(float(np.mean(right)), 6)


def stream_seconds(table: FrameTable) -> float:
    """Return the time from the first send to the last result; 0 without results."""
    rows = table.rows[table.good]
    if not len(rows):
        return 0.0
    return float(rows["done_ns"].max() - rows["started_ns"].min()) / 1e9


def recovery_lines(recoveries: Sequence[Recovery]) -> list[dict[str, Any]]:
    """Return what summary.json has of the faults that were survived."""
    return [
        {"reason": r.reason, "last_finished": r.last, "seconds": r.seconds}
        for r in recoveries
    ]


def guests(
    workers: Sequence[Mapping[str, Any]], controller: tuple[int, int]
) -> dict[str, int]:
    """Return what summary.json has of who was no member.

    Args:
        workers: Lines of workers.csv.
        controller: Connections that it turned away, messages that it dropped.
    """
    counts = {"connections_refused": "refused", "messages_dropped": "strangers"}
    return {
        name: own + sum(worker.get(key) or 0 for worker in workers)
        for own, (name, key) in zip(controller, counts.items(), strict=True)
    }


def barrier_lines(
    barrier: Mapping[str, Any] | None, kind: str = "central"
) -> dict[str, Any] | None:
    """Return what summary.json has of a clock; None without one.

    Args:
        barrier: Of TABLES.
        kind: ``central`` or ``dissemination``.
    """
    if not barrier:
        return None
    nodes = {
        node: {"times_slowest": times, "held_up_ns": held_ns}
        for node, _, times, held_ns in barrier["nodes"]
    }
    return {"kind": kind, "rounds": barrier["rounds"], "nodes": nodes}


def summarise(
    network: Mapping[str, Any], table: FrameTable, data: Dataset,
    links: Sequence[Mapping[str, Any]], compared: Mapping[str, Any],
    recoveries: Sequence[Mapping[str, Any]] = (), seconds: float | None = None,
    strangers: Mapping[str, int] | None = None,
    barrier: Mapping[str, Any] | None = None, tu: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return the contents of summary.json; accuracies are fractions.

    Args:
        network: What PREPARE says of it.
        table: Frames that have a result.
        data: What was streamed.
        links: Lines of links.csv.
        compared: See `results.compare.compare`.
        recoveries: See `recovery_lines`.
        seconds: See `stream_seconds`; default that of the table.
        strangers: See `guests`; default nobody.
        barrier: Of TABLES; default none.
        tu: Unit of time in which input was played, s, or None.
    """
    good = table.good
    rows = table.rows[good]
    latency = rows["done_ns"] - rows["started_ns"]
    known = table.reports[good, 0] >= 0
    reports = table.reports[good][known]
    neurons = network["neurons"]
    workers, cores = len(network["partitions"]), os.cpu_count() or 1
    seconds = stream_seconds(table) if seconds is None else seconds
    spikes, pooled, synops = (
        reports.mean(0).tolist() if len(reports) else (None, None, None)
    )
    return {
        "schema": SCHEMA,
        "network": network["name"],
        "quantizer": network["quantizer"],
        "fire_policy": network["fire"],
        "thresholds": list(network["thresholds"]),
        "offset": network["offset"],
        "clock": network.get("clock", "none"),
        "order_seed": network.get("order_seed"),
        "dilation": network.get("dilation", 1.0),
        "tu_seconds": tu,
        "barrier": barrier_lines(barrier, network.get("barrier", "central")),
        "phases": network.get("phases", 1),
        "window": network["window"],
        "workers": workers,
        "cores": cores,
        "oversubscribed": workers + 1 > cores,
        "frames": len(table.frames),
        "frames_failed": len(table.errors),
        "frames_unreported": int((~known).sum()),
        "recoveries": list(recoveries),
        "strangers": dict(strangers or guests((), (0, 0))),
        **_accuracies(table, data),
        **compared,
        "spikes_per_neuron": None if spikes is None else spikes / neurons,
        "spikes_per_neuron_with_pool": (
            None if spikes is None else (spikes + pooled) / neurons
        ),
        "synops_per_frame": synops,
        "macs_ann": macs(network),
        "frames_per_second": len(rows) / seconds if seconds else None,
        "frames_per_second_includes_warm_up": True,
        "latency_ns": latency_percentiles(latency),
        "latency_after_input_ns": (
            None if tu is None else latency_percentiles(latency - rows["input_ns"])
        ),
        "undilated": undilated(
            network.get("dilation", 1.0),
            len(rows) / seconds if seconds else None,
            latency_percentiles(latency),
        ),
        "spikes_sent": _total(links, "spikes_sent"),
        "spikes_received": _total(links, "spikes_received"),
        "versions": versions(),
    }


def _accuracies(table: FrameTable, data: Dataset) -> dict[str, float | None]:
    """Return the fractions of frames classified right; None without labels."""
    good, by_count, by_potential = table.good, None, None
    if data.labels is not None and len(good):
        labels = data.labels[table.frames[good]]
        counts, potentials = table.counts[good], table.potentials[good]
        by_count = _fraction(class_by_count(counts, potentials) == labels)
        by_potential = _fraction(class_by_potential(potentials) == labels)
    return {"accuracy_by_count": by_count, "accuracy_by_potential": by_potential}


def latency_percentiles(latency: Any) -> dict[str, int | None]:
    """Return p50, p90, p99 and max."""
    if not len(latency):
        return dict.fromkeys((*PERCENTILES, "max"))
    found = {k: int(np.percentile(latency, p)) for k, p in PERCENTILES.items()}
    return {**found, "max": int(latency.max())}


def undilated(
    by: float, rate: float | None, latency: Mapping[str, int | None]
) -> dict[str, Any] | None:
    """Return throughput and latency of a dilated run in plain time; None if it is not.

    Args:
        by: The dilation.
        rate: Frames a second, as measured.
        latency: As measured, ns.
    """
    if by == 1:
        return None
    plain = {k: None if v is None else round(v / by) for k, v in latency.items()}
    return {
        "frames_per_second": None if rate is None else rate * by, "latency_ns": plain
    }  # fmt: skip


def _total(links: Sequence[Mapping[str, Any]], key: str) -> int | None:
    values = [link[key] for link in links]
    return None if None in values else sum(values)


def macs(network: Mapping[str, Any]) -> int:
    """Return the multiply-accumulates of the ANN for one frame."""
    height, width, channels = network["input"]
    total = 0
    for layer in network["layers"]:
        kind = layer["type"]
        if kind == "flatten":
            height, width, channels = 1, 1, height * width * channels
        elif kind == "dense":
            total += height * width * channels * layer["units"]
            height, width, channels = 1, 1, layer["units"]
        else:
            (kh, kw), (sh, sw) = layer["kernel"], layer["stride"]
            ph, pw = layer.get("padding", (0, 0))
            height = (height + 2 * ph - kh) // sh + 1
            width = (width + 2 * pw - kw) // sw + 1
            if kind == "conv2d":
                total += height * width * layer["channels"] * kh * kw * channels
                channels = layer["channels"]
    return total


def versions() -> dict[str, str]:
    """Return the versions of what computed the run."""
    found = {"neurocluster": VERSION, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found
