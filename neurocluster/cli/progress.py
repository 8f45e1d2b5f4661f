"""Show on a terminal how far a command is: kernels to load, frames to stream."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from neurocluster.client.results import Chunk
from neurocluster.coding.readout import class_by_count
from neurocluster.config import RunConfig
from neurocluster.dtypes import BATCH, I64
from neurocluster.launch.warm import warm_engines, warm_layers
from neurocluster.model.convert import FixedNetwork
from neurocluster.model.partition import Plan

REFRESH_S: Final = 0.25
COMPILING_S: Final = 1.0
"""Who waits longer for the kernels is told that they are being compiled."""


def warm_with_progress(
    config: RunConfig, fixed: FixedNetwork, plan: Plan, console: Console
) -> None:
    """Compile or load kernels; say so when it takes a while."""
    begin, told = time.monotonic(), False
    with console.status("loading kernels") as status:
        warm_engines()
        batch = config.clock == BATCH
        for name in warm_layers(
            fixed, plan, config.quantizer, config.fire, batch=batch
        ):
            if time.monotonic() - begin > COMPILING_S and not told:
                told = True
                console.print("Compiling kernels; this happens once.")
            status.update(f"compiling kernels: {name} done")


class FrameProgress:
    """Show finished frames, their rate and how many of them are right.

    Use it as a context manager; leaving it gives the terminal back.
    """

    def __init__(self, console: Console, total: int, labels: I64 | None) -> None:
        """Take the labels of the frames to come, if there are any."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=console, auto_refresh=False)
        self._bar = self._progress.add_task("frames", total=total, rate="")
        self._labels = labels
        self._done = self._right = 0
        self._told = False
        self._begin = self._shown = time.monotonic()

    def __enter__(self) -> Self:
        """Take the terminal."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """Give the terminal back."""
        self._progress.stop()

    def add(self, chunk: Chunk) -> None:
        """Count a chunk of finished frames; show it if the last news are old."""
        console = self._progress.console
        if not self._told:
            self._told = True
            console.print(f"First result after {seconds_since_start():.2f} s.")
        if console.quiet:
            return
        self._done += len(chunk.frames)
        if self._labels is not None:
            classes = class_by_count(chunk.counts, chunk.potentials)
            self._right += int((classes == self._labels[chunk.frames]).sum())
        if time.monotonic() - self._shown > REFRESH_S:
            self._shown = time.monotonic()
            self._progress.update(self._bar, completed=self._done, rate=self._rate())
            self._progress.refresh()

    def _rate(self) -> str:
        text = f"{self._done / (self._shown - self._begin):,.0f} frames/s"
        if self._labels is not None:
            text += f", {100 * self._right / self._done:.2f} % right"
        return text

    def finish(self) -> None:
        """Show the last count."""
        self._progress.update(self._bar, completed=self._done)
        self._progress.refresh()


def seconds_since_start() -> float:
    """Return how long this process has lived, from the kernel's record (10 ms)."""
    fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2]
    ticks = int(fields.split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
