"""Do `neurocluster run` and `warm`: a cluster on this machine, from start to report."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import Any

import uvloop
from rich.console import Console

from neurocluster.cli.finish import finish
from neurocluster.cli.frames import check_images, choose_frames
from neurocluster.cli.streaming import Outcome, stream_frames
from neurocluster.cli.terminal import terminal
from neurocluster.cluster import LocalCluster
from neurocluster.config import RunConfig
from neurocluster.data.idx import Dataset
from neurocluster.errors import ClusterError
from neurocluster.launch.spawn import Template
from neurocluster.launch.warm import warm_engines, warm_layers
from neurocluster.model.convert import FixedNetwork, convert
from neurocluster.model.load import load_network
from neurocluster.model.partition import make_plan
from neurocluster.model.split import parse_splits
from neurocluster.results.folder import RunFolder, make_folder


def warm_command(config: RunConfig, *, quiet: bool) -> int:
    """Compile or load every kernel that a run of these settings needs."""
    console = terminal(quiet=quiet)
    graph = load_network(config.network)
    fixed = convert(graph, config.threshold or None, config.offset)
    warm_with_progress(config, fixed, console)
    return 0


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
