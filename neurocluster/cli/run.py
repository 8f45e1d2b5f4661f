"""Do `neurocluster run` and `warm`: a cluster on this machine, from start to report."""

from __future__ import annotations

import asyncio
import contextlib
import json as json_
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import uvloop
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from neurocluster.cli.main import EXIT_FAILED, EXIT_INTERRUPTED
from neurocluster.client.results import Chunk, FrameTable
from neurocluster.client.session import Session, table_of
from neurocluster.cluster import LocalCluster
from neurocluster.coding.readout import class_by_count
from neurocluster.config import RunConfig
from neurocluster.data.idx import Dataset, load_dataset
from neurocluster.dtypes import U8
from neurocluster.errors import ClusterError, ConfigError, DataError
from neurocluster.launch.spawn import Template
from neurocluster.launch.warm import warm_engines, warm_layers
from neurocluster.model.convert import FixedNetwork, convert
from neurocluster.model.graph import Graph
from neurocluster.model.load import load_network
from neurocluster.model.partition import make_plan
from neurocluster.model.split import parse_splits
from neurocluster.results.folder import RunFolder, make_folder
from neurocluster.results.report import WIDTH, print_report
from neurocluster.results.summary import dense_accuracies, summarise, timer_error_ns
from neurocluster.results.tables import (
    FRAME_COLUMNS,
    LAYER_COLUMNS,
    LINK_COLUMNS,
    WORKER_COLUMNS,
    frame_rows,
    layer_rows,
    link_rows,
    worker_rows,
    write_maps,
)

REFRESH_S: Final = 0.25
DRAIN_S: Final = 3.0
"""How long frames in flight may take after an interruption."""


def warm_command(config: RunConfig, *, quiet: bool) -> int:
    """Compile or load every kernel that a run of these settings needs."""
    console = terminal(quiet=quiet)
    graph = load_network(config.network)
    fixed = convert(graph, config.threshold or None, config.offset)
    warm_with_progress(config, fixed, console)
    return 0


def terminal(*, quiet: bool, json: bool = False) -> Console:
    """Return a console for standard error, or a silent one."""
    plain = not sys.stderr.isatty()
    width = WIDTH if plain else None
    return Console(stderr=True, quiet=quiet or json, width=width, highlight=False)


def warm_with_progress(
    config: RunConfig, fixed: FixedNetwork, console: Console
) -> None:
    """Compile or load kernels; say so when it takes a while."""
    plan = make_plan(fixed.graph, parse_splits(config.split))
    begin, told = time.monotonic(), False
    with console.status("loading kernels") as status:
        warm_engines()
        for name in warm_layers(fixed, plan, config.quantizer, config.fire):
            if time.monotonic() - begin > 1 and not told:
                told = True
                console.print("Compiling kernels; this happens once.")
            status.update(f"compiling kernels: {name} done")


def run_command(
    config: RunConfig, template: Template, *, json: bool, quiet: bool
) -> int:
    """Run a cluster on this machine; return the exit code."""
    console = terminal(quiet=quiet, json=json)
    data, frames = choose_frames(config)
    graph = load_network(config.network)
    check_images(data, graph)
    fixed = convert(graph, config.threshold or None, config.offset)
    make_plan(graph, parse_splits(config.split))
    folder = make_folder(config.out, config.name)
    warm_with_progress(config, fixed, console)
    folder.write_text("config.toml", config.to_toml())
    cluster = LocalCluster(config, logs=folder.logs, template=template)
    outcome = uvloop.run(_run(cluster, folder, data, frames, console))
    return finish(outcome, config, folder, data, fixed, console, json=json)


def seconds_since_start() -> float:
    """Return how long this process has lived, from the kernel's record (10 ms)."""
    fields = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2]
    ticks = int(fields.split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def choose_frames(config: RunConfig) -> tuple[Dataset, Any]:
    """Load the data set; return it and the indices of the frames to run.

    Raises:
        ConfigError: ``start`` lies behind the data set.
    """
    data = load_dataset(config.data)
    if config.start >= len(data):
        message = (
            f"start: {config.start} lies behind the {len(data)} frames of the data"
        )
        raise ConfigError(message)
    last = len(data) if config.frames is None else config.start + config.frames
    return data, np.arange(config.start, min(last, len(data)))


def check_images(data: Dataset, graph: Graph) -> None:
    """Refuse a data set whose images the network cannot take.

    Raises:
        DataError: The shapes differ.
    """
    found, shape = data.images.shape[1:], graph.input.shape
    if found != (shape.height, shape.width, shape.channels):
        shown = "x".join(map(str, found))
        message = f"{data.source}: images of {shown}, the network takes {shape}"
        raise DataError(message)


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


async def _run(
    cluster: LocalCluster,
    folder: RunFolder,
    data: Dataset,
    frames: Any,
    console: Console,
) -> Outcome:
    outcome = Outcome(None, int(frames[0]))
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()

    def interrupt() -> None:
        if outcome.interrupted and task is not None:
            task.cancel()
        outcome.interruption.set()
        if outcome.session is not None:
            outcome.session.stop()
        elif task is not None:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    try:
        await cluster.open()
        outcome.session = cluster.session
        await stream_frames(outcome, folder, data, frames, console)
    except ClusterError as error:
        outcome.error = outcome.error or error
    except asyncio.CancelledError:
        outcome.interruption.set()
    finally:
        await asyncio.shield(cluster.close())
    return outcome


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


def finish(
    outcome: Outcome, config: RunConfig, folder: RunFolder, data: Dataset,
    fixed: FixedNetwork | None, console: Console, *, json: bool,
) -> int:  # fmt: skip
    """Write the run folder, print the report; return the exit code."""
    session, error = outcome.session, outcome.error
    summary: dict[str, Any] | None = None
    if session is not None and session.network:
        table = table_of(outcome.chunks, session, outcome.first)
        network = session.network
        links = link_rows(network, session.reports, timer_error_ns())
        totals = session.stage_reports()
        workers = worker_rows(network, session.reports, session.roster, totals)
        dense: dict[str, Any] = {
            "accuracy_ann": None,
            "accuracy_qann": {"floor": None, "round": None},
        }
        if fixed is not None and error is None and len(table.frames):
            with console.status("comparing with the dense network"):
                dense = dense_accuracies(fixed, data, table.frames[table.good])
        summary = summarise(network, table, data, links, dense)
        write_tables(
            folder,
            table,
            data,
            links,
            workers,
            layer_rows(network, totals, len(table.good)),
        )
        folder.write_json("summary.json", summary)
        if json:
            print(json_.dumps(summary))
        elif not console.quiet:
            out = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
            print_report(out, summary, links, workers)
    if not console.quiet:
        console.print(f"Results: {folder.path}", soft_wrap=True)
    if error is not None:
        text = f"error: {error}{_log_end(str(error), folder)}"
        print(text, file=sys.stderr)
        return EXIT_INTERRUPTED if outcome.interrupted else EXIT_FAILED
    if outcome.interrupted:
        print("interrupted; what finished is saved", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


def _log_end(text: str, folder: RunFolder, lines: int = 5) -> str:
    """Return the end of the log of the partition that an error names."""
    if not text.startswith("partition "):
        return ""
    path = folder.logs / f"{text.split()[1]}.log"
    with contextlib.suppress(OSError):
        end = path.read_text(errors="replace").strip().splitlines()[-lines:]
        if end:
            return f"\nend of {path}:\n  " + "\n  ".join(end)
    return ""


def write_tables(
    folder: RunFolder, table: FrameTable, data: Dataset, links: list[dict[str, Any]],
    workers: list[dict[str, Any]], layers: list[dict[str, Any]],
) -> None:  # fmt: skip
    """Write every table of the run folder."""
    outputs = [f"count_{k}" for k in range(table.counts.shape[1])]
    folder.write_csv(
        "frames.csv", (*FRAME_COLUMNS, *outputs), frame_rows(table, data.labels)
    )
    write_maps(folder, "links.csv", LINK_COLUMNS, links)
    write_maps(folder, "workers.csv", WORKER_COLUMNS, workers)
    write_maps(folder, "layers.csv", LAYER_COLUMNS, layers)
    if table.errors:
        folder.write_csv("errors.csv", ("frame", "error"), sorted(table.errors.items()))
