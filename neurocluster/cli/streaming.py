"""Stream frames through a session, show how it goes, keep what came."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from neurocluster.client.results import Chunk
from neurocluster.client.session import Session
from neurocluster.coding.readout import class_by_count
from neurocluster.data.idx import Dataset
from neurocluster.dtypes import U8
from neurocluster.errors import ClusterError
from neurocluster.results.folder import RunFolder

REFRESH_S: Final = 0.25
DRAIN_S: Final = 3.0
"""How long frames in flight may take after an interruption."""


class Outcome:
    """Carry what a session left."""

    def __init__(self, session: Session | None, first: int) -> None:
        """Start empty."""
        self.session, self.first = session, first
        self.chunks: list[Chunk] = []
        self.error: ClusterError | None = None
        self.interruption = asyncio.Event()

    @property
    def interrupted(self) -> bool:
        """Tell whether the user asked to stop."""
        return self.interruption.is_set()


async def stream_frames(
    outcome: Outcome, folder: RunFolder, data: Dataset, frames: Any, console: Console
) -> None:
    """Stream frames through an open session into an outcome; close the session."""
    session = outcome.session
    if session is None:
        return
    folder.write_json("roster.json", roster_of(session))
    _print_roster(session, console)
    flat: U8 = data.images.reshape(len(data), -1)[frames[0] : frames[-1] + 1]
    session.submit(flat)
    labels = data.labels
    right = done = 0
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, auto_refresh=False) as progress:
        bar = progress.add_task("frames", total=len(flat), rate="")
        begin = shown = time.monotonic()
        told = False
        watch = asyncio.create_task(_bounded_drain(outcome))
        try:
            async for chunk in session.chunks():
                outcome.chunks.append(chunk)
                if not told:
                    told = True
                    seconds = seconds_since_start()
                    progress.console.print(f"First result after {seconds:.2f} s.")
                if console.quiet:
                    continue
                done += len(chunk.frames)
                if labels is not None:
                    classes = class_by_count(chunk.counts, chunk.potentials)
                    right += int(
                        (
                            classes == labels[outcome.first + np.array(chunk.frames)]
                        ).sum()
                    )
                if (now := time.monotonic()) - shown > REFRESH_S:
                    shown = now
                    text = f"{done / (now - begin):,.0f} frames/s"
                    if labels is not None:
                        text += f", {100 * right / done:.2f} % right"
                    progress.update(bar, completed=done, rate=text)
                    progress.refresh()
            progress.update(bar, completed=done)
            progress.refresh()
        except ClusterError as error:
            outcome.error = error
        finally:
            watch.cancel()
    await session.close()
    outcome.error = outcome.error or session.failure


async def _bounded_drain(outcome: Outcome) -> None:
    """After an interruption, wait for frames in flight only so long."""
    await outcome.interruption.wait()
    await asyncio.sleep(DRAIN_S)
    if outcome.session is not None:
        count = outcome.session.in_flight
        outcome.session.give_up(f"{count} frames in flight did not finish")


def seconds_since_start() -> float:
    """Return how long this process has lived, from the kernel's record (10 ms)."""
    fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2]
    ticks = int(fields.split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def roster_of(session: Session) -> dict[str, Any]:
    """Return the contents of roster.json."""
    clients = [dict(e) for e in session.roster if e["partition"] == "client"]
    workers = [dict(e) for e in session.roster if e["partition"] != "client"]
    return {
        "workers": workers,
        "controller": dict(session.controller),
        "client": clients[0] if clients else {},
    }


def _print_roster(session: Session, console: Console) -> None:
    for entry in session.roster:
        console.print(
            f"{entry['partition']:<12} pid {entry['pid']:<8} {entry['host']}  "
            f"{entry['endpoint']}",
            overflow="ellipsis",
            no_wrap=True,
        )
