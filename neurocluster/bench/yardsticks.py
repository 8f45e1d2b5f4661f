"""Run yardstick programs as processes and read what they print."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np

from neurocluster.errors import ConfigError
from neurocluster.model.graph import Conv2d, Dense, Graph

TIMEOUT_S: Final = 600


def write_weights(graph: Graph) -> Path:
    """Write a network's arrays as the yardsticks read them; return the file."""
    arrays = {}
    for layer in graph.layers:
        if isinstance(layer, Conv2d | Dense):
            arrays[f"{layer.name}_w"] = layer.weight
            arrays[f"{layer.name}_b"] = layer.bias
    path = Path(tempfile.mkdtemp(prefix="nc-bench-")) / "weights.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


def _program(folder: Path, name: str, weights: Path, *arguments: str) -> str:
    program = folder / name
    if not program.is_file():
        message = f"yardsticks: {folder} holds no {name}"
        raise ConfigError(message)
    data = resources.files("neurocluster.data").joinpath("mnist")
    with resources.as_file(data) as mnist:
        command = [
            sys.executable, str(program), "--weights", str(weights), "--mnist",
            str(mnist), *arguments,
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    if done.returncode:
        message = f"yardsticks: {name} failed: {done.stderr.strip()[-400:]}"
        raise ConfigError(message)
    return done.stdout


def kernels_round(folder: Path, weights: Path, threshold: float) -> dict[str, float]:
    """Run the yardstick of the kernels; return microseconds a frame."""
    text = _program(
        folder, "kernels_best.py", weights, "--theta", str(threshold), "--reps", "3"
    )
    found = re.search(r"theta [\d.]+: ([\d.]+) us a frame", text)
    return {"yardstick_kernels_us": float(found[1])} if found else {}


def hop_round(
    folder: Path, weights: Path, threshold: float, frames: int
) -> dict[str, float]:
    """Run the yardstick of the data path; return its figures by mode."""
    text = _program(
        folder, "hop.py", weights, "--theta", str(threshold), "--frames", str(frames)
    )
    found: dict[str, float] = {}
    row = re.compile(
        r"(\w+)\s+w(\d+)\s+m(\d+)\s+fps\s+([\d.]+) p50/99\s+([\d.]+)/\s*([\d.]+).*?"
        r"hop\s+([\d.]+)"
    )
    for mode, window, spikes, fps, p50, p99, hop in row.findall(text):
        if (window, spikes) == ("16", "32768"):
            found[f"yardstick_{mode}_fps"] = float(fps)
            found[f"yardstick_{mode}_hop_us"] = float(hop)
        if (window, spikes, mode) == ("1", "32768", "pystep"):
            found["yardstick_single_p50_us"] = float(p50)
            found["yardstick_single_p99_us"] = float(p99)
    return found
