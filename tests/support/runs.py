"""Folders of runs that nobody ran, for what reads them."""

from __future__ import annotations

import csv
import json

import numpy as np

from neurocluster.results.tables import (
    FRAME_COLUMNS,
    LAYER_COLUMNS,
    LINK_COLUMNS,
    WORKER_COLUMNS,
)

LINKS = (
    ("client", "conv1.0", 1000), ("client", "conv1.1", 1200),
    ("conv1.0", "fc1.0", 4000), ("conv1.1", "fc1.0", 5000), ("fc1.0", "client", 300),
)  # fmt: skip
PARTITIONS = ("client", "conv1.0", "conv1.1", "fc1.0")
SUMMARY = {
    "schema": 1, "network": "small", "quantizer": "hysteresis", "fire_policy": "once",
    "thresholds": [0.7, 0.7], "offset": 0.0, "clock": "none", "phases": 1, "window": 16,
    "workers": 3, "cores": 8, "oversubscribed": False, "frames": 100,
    "frames_failed": 0, "frames_unreported": 0, "recoveries": [],
    "strangers": {"connections_refused": 0, "messages_dropped": 0},
    "accuracy_by_count": 0.9, "accuracy_by_potential": 0.91, "accuracy_ann": 0.95,
    "accuracy_qann": {"floor": 0.9, "round": 0.92},
    "one_process": {"frames_equal": 100, "decisions_flipped": 0},
    "spikes_per_neuron": 0.2, "spikes_per_neuron_with_pool": 0.3,
    "synops_per_frame": 1234.0, "macs_ann": 9999, "frames_per_second": 500.0,
    "frames_per_second_includes_warm_up": True,
    "latency_ns": {"p50": 1_500_000, "p90": 1_900_000, "p99": 1_980_000,
                   "max": 2_000_000},
    "spikes_sent": 11500, "spikes_received": 11500, "versions": {},
}  # fmt: skip


def link_lines():
    """Return lines of links.csv: one clock, all resolved."""
    return [
        dict.fromkeys(LINK_COLUMNS)
        | {
            "link": k, "source": source, "destination": to, "spikes_sent": spikes,
            "spikes_received": spikes, "spikes_positive": spikes, "spikes_negative": 0,
            "packets": 100 + k, "bytes": 2 * spikes + 3000,
            "transit_ns_p50": 100_000 * (k + 1), "transit_ns_p99": 900_000 * (k + 1),
            "transit_ns_max": 10**7, "transit_error_ns": 120, "blocked_ns": 1000 * k,
            "wire_ns_p50": 50_000, "wire_ns_p99": 80_000, "wire_packets": 10,
            "batching_ns_p50": 20_000, "batching_ns_p99": 200_000,
            "service_ns_p50": 5_000, "service_ns_p99": 50_000, "clock": "shared",
            "unclocked_packets": 0, "probes": 0, "probes_busy": 0,
        }
        for k, (source, to, spikes) in enumerate(LINKS)
    ]  # fmt: skip


def worker_lines():
    """Return lines of workers.csv; the run lasts 200 ms."""
    return [
        dict.fromkeys(WORKER_COLUMNS)
        | {
            "partition": name, "host": "vm", "pid": 100 + k, "frames": 100,
            "spikes": 1000, "synops": None if name == "client" else 1000 * k,
            "kernel_ns": 20_000_000 * k, "cpu_ns": 5_000_000 + 30_000_000 * k,
        }
        for k, name in enumerate(PARTITIONS)
    ]  # fmt: skip


def frame_lines(frames=100, *, labels=True):
    """Return lines of frames.csv: latencies from 1 to 2 ms, nine of ten right."""
    lines = []
    for k, latency in enumerate(np.linspace(1e6, 2e6, frames).astype(int).tolist()):
        by_count = k % 10
        label = by_count if k % 10 else 9
        lines.append(
            dict.fromkeys(FRAME_COLUMNS)
            | {
                "frame": k, "label": label if labels else None,
                "class_by_count": by_count, "class_by_potential": by_count,
                "spikes": 500 + 7 * k, "spikes_pool": 10, "synops": 1234,
                "latency_ns": latency, "first_output_ns": latency // 2,
                "decided_ns": latency * 3 // 4,
            }
        )  # fmt: skip
    return lines


def write_lines(path, lines):
    """Write maps of the same keys as a CSV file."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)


def make_run(path, *, links=None, workers=None, frames=None, errors=(), **summary):
    """Write the folder of a run; return its path."""
    path.mkdir(parents=True)
    layers = [dict.fromkeys(LAYER_COLUMNS) | {"layer": "conv1", "partitions": 2}]
    write_lines(path / "links.csv", link_lines() if links is None else links)
    write_lines(path / "workers.csv", worker_lines() if workers is None else workers)
    write_lines(path / "frames.csv", frame_lines() if frames is None else frames)
    write_lines(path / "layers.csv", layers)
    if errors:
        lines = [{"frame": frame, "error": text} for frame, text in errors]
        write_lines(path / "errors.csv", lines)
    (path / "summary.json").write_text(json.dumps(SUMMARY | summary))
    (path / "config.toml").write_text("frames = 100\n")
    return path
