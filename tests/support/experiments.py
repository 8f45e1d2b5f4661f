"""Folders of experiments that nobody ran, for what reads them."""

from __future__ import annotations

import itertools
import json

from tests.support.runs import write_lines

ASKED = """
[report]
x = "delay_us"
lines = "clock"
title = "Delay"

[[hypothesis]]
name = "H1"
claim = "free-running wins at 10 ms"
refuted_if = "the interval of the ratio holds 1"
"""
OUTCOMES = [
    {"name": "H1", "claim": "free-running wins at 10 ms", "refuted_if": "it does not",
     "outcome": "holds", "evidence": "0.40 (0.36 to 0.44)"},
    {"name": "H2", "claim": "all alike without delay", "refuted_if": "they differ",
     "outcome": "refuted", "evidence": "0.50"},
    {"name": "H3", "claim": "more", "refuted_if": "less", "outcome": "open",
     "evidence": None},
]  # fmt: skip
GRID = {
    "delay_us": (0, 100, 1000, 10000), "clock": ("none", "pipeline", "step"),
}  # fmt: skip
FACTORS = {"none": 1.0, "pipeline": 0.8, "step": 0.4}


def measured(settings):
    """Return quantities of a cell: slower with delay, and under a clock."""
    delay = settings.get("delay_us", 0)
    factor = FACTORS[settings.get("clock", "none")]
    rate = 5000 * factor / (1 + delay / 500) * settings.get("partitions", 4) ** 0.5 / 2
    values = {
        "frames_per_second": rate, "latency_ns_p50": 16e9 / rate,
        "latency_ns_p99": 40e9 / rate, "accuracy_by_count": 0.99 + 0.001 * factor,
        "spikes_per_neuron": 0.2 * factor, "packets": 1e5,
    }  # fmt: skip
    ratio = {"frames_per_second_ratio": factor} if factor < 1 else {}
    return values | ratio


def make_experiment(path, grid=GRID, *, asked=ASKED, outcomes=OUTCOMES, cores=2):
    """Write the folder of an experiment, two repetitions a cell; return its path."""
    path.mkdir(parents=True)
    results, cells = [], []
    for k, values in enumerate(itertools.product(*grid.values())):
        settings = dict(zip(grid, values, strict=True))
        found = measured(settings)
        for repetition in range(2):
            order = {"cell": k, "repetition": repetition, "order": len(results)}
            told = {q: v for q, v in found.items() if not q.endswith("_ratio")}
            workers = {"workers": settings.get("partitions", 4)}
            results.append(
                {**order, "run": f"runs/{k}", "status": "done"}
                | settings | workers | told
            )  # fmt: skip
        for quantity, value in found.items():
            interval = {"median": value, "low": 0.94 * value, "high": 1.05 * value}
            if quantity == "accuracy_by_count":
                interval |= {"low": value - 0.002, "high": value + 0.001}
            cells.append({"cell": k} | settings | {"quantity": quantity, "n": 2}
                         | interval)  # fmt: skip
    write_lines(path / "results.csv", results)
    write_lines(path / "cells.csv", cells)
    (path / "experiment.toml").write_text(asked)
    machine = {"cpu": "a processor", "cores": cores, "versions": {"numpy": "2"}}
    (path / "environment.json").write_text(json.dumps(machine))
    if outcomes is not None:
        (path / "outcomes.json").write_text(json.dumps(outcomes))
    return path
