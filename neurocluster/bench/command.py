"""Do `neurocluster bench`: interleaved rounds, medians, ratios to yardsticks."""

from __future__ import annotations

import json as json_
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from neurocluster.bench.cluster import cluster_round
from neurocluster.bench.yardsticks import hop_round, kernels_round, write_weights
from neurocluster.config import RunConfig
from neurocluster.data.idx import load_dataset
from neurocluster.kernels.chain import Chain
from neurocluster.model.convert import convert
from neurocluster.model.load import load_network

KERNEL_FRAMES = 1000
SETTINGS = (0.7,)


def bench_command(
    config: RunConfig, folder: Path | None, frames: int, rounds: int, *, json: bool
) -> int:
    """Measure, in interleaved rounds; print medians and ratios."""
    console = Console(stderr=True, quiet=json, highlight=False)
    threshold = config.threshold or SETTINGS
    config = config.replace(threshold=threshold)
    graph = load_network(config.network)
    chain = Chain(convert(graph, config.threshold, config.offset))
    images = load_dataset(None).images[:KERNEL_FRAMES]
    chain.run(images[:20])
    weights = write_weights(graph) if folder is not None else None
    samples: dict[str, list[float]] = {}

    def note(found: dict[str, float]) -> None:
        for name, value in found.items():
            samples.setdefault(name, []).append(value)

    for number in range(rounds):
        with console.status(f"round {number + 1} of {rounds}"):
            run = chain.run(images)
            own = float(run.figures[:, :, 4].sum(1).mean()) / 1e3
            note({"kernels_us": own})
            if folder is not None and weights is not None:
                note(kernels_round(folder, weights, threshold[0]))
            note(cluster_round(config, frames, prefix="cluster"))
            note(cluster_round(config.replace(window=1), frames // 3, prefix="single"))
            if folder is not None and weights is not None:
                note(hop_round(folder, weights, threshold[0], frames))
    medians = {name: median(values) for name, values in samples.items()}
    text = _results(medians, samples, config, frames, rounds)
    if json:
        Console(soft_wrap=True, highlight=False).print_json(json_.dumps(text))
    else:
        _show(text)
    return 0


def _results(
    medians: dict[str, float], samples: dict[str, list[float]], config: RunConfig,
    frames: int, rounds: int,
) -> dict[str, Any]:  # fmt: skip
    def ratio(a: str, b: str) -> float | None:
        if a not in samples or b not in samples:
            return None
        return float(median(np.array(samples[a]) / np.array(samples[b])))

    return {
        "threshold": list(config.threshold),
        "window": config.window,
        "frames": frames,
        "rounds": rounds,
        "medians": medians,
        "ratios": {
            "kernels": ratio("kernels_us", "yardstick_kernels_us"),
            "frames_per_second_pystep": ratio("cluster_fps", "yardstick_pystep_fps"),
            "frames_per_second_native": ratio("cluster_fps", "yardstick_native_fps"),
            "hop_us_pystep": ratio("cluster_hop_us", "yardstick_pystep_hop_us"),
            "single_p50": ratio("single_p50_us", "yardstick_single_p50_us"),
            "single_p99": ratio("single_p99_us", "yardstick_single_p99_us"),
        },
        "samples": samples,
    }


def _show(text: dict[str, Any]) -> None:
    console = Console(highlight=False)
    table = Table(title=f"Medians of {text['rounds']} interleaved rounds")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in text["medians"].items():
        table.add_row(name, f"{value:,.2f}")
    for name, value in text["ratios"].items():
        table.add_row(f"ratio: {name}", "-" if value is None else f"{value:.3f}")
    console.print(table)
