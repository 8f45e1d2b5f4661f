"""Run yardstick programs as processes and read what they print.

A yardstick is a program of a folder that the user names. It gets the network's
weights and the images as files, measures the same work by other means, and prints
its figures; the pure functions ``read_*`` find them in the text.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Final

import numpy as np

from neurocluster.errors import ConfigError
from neurocluster.model.graph import Conv2d, Dense, Graph

TIMEOUT_S: Final = 300
PROGRAMS: Final = (
    "kernels_best.py", "hop.py", "hop_core.py", "link.py", "transport.py",
)  # fmt: skip
LAYERS: Final = ("conv1", "conv2", "fc1", "fc2")
"""Weight layers of the one network that the yardsticks know."""
WHOLE: Final = 32768
"""Spikes a packet with which hop.py sends a frame in one."""
TRIALS: Final = {
    ("pystep", 16, WHOLE): "pystep", ("native", 16, WHOLE): "native",
    ("pystep", 16, 512): "pystep_512", ("native", 16, 512): "native_512",
    ("pystep", 1, WHOLE): "pystep_single",
}  # fmt: skip
"""Mode, window and spikes a packet of the trials of hop.py that are read."""
_KERNELS = re.compile(r"^theta ([\d.]+): ([\d.]+) us a frame", re.MULTILINE)
_TRIAL = re.compile(
    r"(?P<mode>\w+)\s+w(?P<window>\d+)\s+m(?P<spikes>\d+)\s+fps\s+(?P<fps>[\d.]+)"
    r" p50/99\s+(?P<p50>[\d.]+)/\s*(?P<p99>[\d.]+) cpu/frame"
    r"\s+(?P<cpu>[\d.]+).*?hop\s+(?P<hop>-?[\d.]+)"
    r"\s+util\s+(?P<busy>[\d.]+)%\s+exact (?P<exact>\w+)"
)
_FAILED_TRIAL = re.compile(r"(\w+) (\d+) (\d+) INCOMPLETE")
_LINK = re.compile(r"N=\s*(\d+)\s+blk\s+([\d.]+) Mspikes/s")


def check_folder(folder: Path, graph: Graph, thresholds: Sequence[float]) -> None:
    """Refuse a folder, network or threshold that the yardsticks cannot measure.

    Raises:
        ConfigError: The message says what is missing.
    """
    if not folder.is_dir():
        message = f"yardsticks: {folder} is not a folder"
        raise ConfigError(message)
    missing = [name for name in PROGRAMS if not (folder / name).is_file()]
    if missing:
        message = f"yardsticks: {folder} holds no {', '.join(missing)}"
        raise ConfigError(message)
    names = tuple(s.name for s in graph.layers if isinstance(s, Conv2d | Dense))
    if names != LAYERS:
        message = "yardsticks: they know the reference network only"
        raise ConfigError(message)
    if len(set(thresholds)) > 1:
        message = "yardsticks: they take one threshold for all layers"
        raise ConfigError(message)


def write_weights(graph: Graph, folder: Path) -> Path:
    """Write a network's arrays as the yardsticks read them; return the file."""
    arrays = {}
    for layer in graph.layers:
        if isinstance(layer, Conv2d | Dense):
            arrays[f"{layer.name}_w"] = layer.weight
            arrays[f"{layer.name}_b"] = layer.bias
    path = folder / "weights.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path


class Yardsticks:
    """Run the programs of a folder on one network."""

    def __init__(self, folder: Path, weights: Path) -> None:
        """Take the folder of the programs and the file of the weights."""
        self._folder, self._weights = folder, weights

    def kernels(self, thresholds: Sequence[float]) -> dict[str, float]:
        """Run the yardstick of the kernels, in microseconds a frame."""
        values = ["--reps", "3", "--theta", *map(str, thresholds)]
        return read_kernels(self._run("kernels_best.py", *values, network=True))

    def data_path(self, threshold: float, frames: int) -> dict[str, float]:
        """Run the yardstick of the data path until it printed what is read."""
        values = ["--theta", str(threshold), "--frames", str(frames)]
        text = self._run("hop.py", *values, network=True, enough=has_all_trials)
        return read_trials(text)

    def link(self) -> dict[str, float]:
        """Run the yardstick of a link, in million spikes a second."""
        return read_link(self._run("link.py", "--rounds", "1"))

    def _run(
        self, name: str, *values: str, network: bool = False,
        enough: Callable[[str], bool] = lambda _text: False,
    ) -> str:  # fmt: skip
        command = [sys.executable, str(self._folder / name), *values]
        data = resources.files("neurocluster.data").joinpath("mnist")
        with resources.as_file(data) as mnist:
            if network:
                command += ["--weights", str(self._weights), "--mnist", str(mnist)]
            return output_of(command, enough)


def output_of(
    command: Sequence[str], enough: Callable[[str], bool], timeout_s: float = TIMEOUT_S
) -> str:
    """Run a program; return what it printed, at the latest when that is enough.

    Whatever the program started ends with it.

    Raises:
        ConfigError: It failed, or took too long.
    """
    with tempfile.TemporaryDirectory(prefix="nc-bench-") as scratch:
        errors = Path(scratch) / "errors"
        with errors.open("wb") as file:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=file, text=True,
                start_new_session=True,
                env=os.environ | {"TMPDIR": scratch, "PYTHONDONTWRITEBYTECODE": "1"},
            )  # fmt: skip
        timer = threading.Timer(timeout_s, _kill, [process])
        timer.start()
        try:
            text, ended = _read(process, enough)
            code = process.wait() if ended else 0
            late = not timer.is_alive()
        finally:
            timer.cancel()
            _kill(process)
            process.wait()
        if code:
            said = errors.read_text(errors="replace").strip().splitlines()[-1:]
            end = (
                f"did not end within {timeout_s:g} s" if late else f"ended with {code}"
            )
            message = f"yardsticks: {Path(command[1]).name} {end}: {''.join(said)}"
            raise ConfigError(message.removesuffix(": "))
    return text


def _read(
    process: subprocess.Popen[str], enough: Callable[[str], bool]
) -> tuple[str, bool]:
    """Return a program's output, and whether it was read to its end."""
    text = ""
    if process.stdout is None:
        return text, True
    with process.stdout as lines:
        for line in lines:
            text += line
            if enough(text):
                return text, False
    return text, True


def _kill(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def read_kernels(text: str) -> dict[str, float]:
    """Find the microseconds a frame by threshold."""
    return {
        f"best_{float(threshold):g}_us": float(us)
        for threshold, us in _KERNELS.findall(text)
    }


def read_trials(text: str) -> dict[str, float]:
    """Find the figures of the trials that are read; wrong results do not count."""
    found: dict[str, float] = {}
    for trial in _TRIAL.finditer(text):
        key = (trial["mode"], int(trial["window"]), int(trial["spikes"]))
        name = TRIALS.get(key)
        if name is None or trial["exact"] != "True":
            continue
        found[f"{name}_fps"] = float(trial["fps"])
        found[f"{name}_cpu_us"] = float(trial["cpu"])
        found[f"{name}_hop_us"] = float(trial["hop"])
        found[f"{name}_busy_percent"] = float(trial["busy"])
        found[f"{name}_p50_us"] = float(trial["p50"])
        found[f"{name}_p99_us"] = float(trial["p99"])
    return found


def has_all_trials(text: str) -> bool:
    """Tell whether every trial that is read was printed, failed ones included."""
    seen = [(t["mode"], t["window"], t["spikes"]) for t in _TRIAL.finditer(text)]
    seen += _FAILED_TRIAL.findall(text)
    done = {(mode, int(window), int(spikes)) for mode, window, spikes in seen}
    return done >= TRIALS.keys()


def read_link(text: str) -> dict[str, float]:
    """Find the million spikes a second by spikes a packet, blocking sockets."""
    return {f"blocking_link_{n}": float(rate) for n, rate in _LINK.findall(text)}
