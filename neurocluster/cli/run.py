"""Do `neurocluster run` and `warm`: a cluster on this machine, from start to report."""

from __future__ import annotations

from typing import Any

import uvloop
from rich.console import Console

from neurocluster.cli.exits import EXIT_DONE
from neurocluster.cli.finish import finish
from neurocluster.cli.frames import check_images, choose_frames
from neurocluster.cli.memory import refuse_or_warn
from neurocluster.cli.progress import warm_with_progress
from neurocluster.cli.streaming import Outcome, interruptible, stream_frames, to_its_end
from neurocluster.cli.terminal import terminal
from neurocluster.cluster import LocalCluster
from neurocluster.config import RunConfig
from neurocluster.data.idx import Dataset
from neurocluster.launch.memory import MemoryBound
from neurocluster.launch.spawn import Template
from neurocluster.model.convert import convert
from neurocluster.model.load import load_network
from neurocluster.model.partition import make_plan
from neurocluster.model.split import parse_splits
from neurocluster.results.folder import RunFolder, make_folder


def warm_command(config: RunConfig, *, quiet: bool) -> int:
    """Compile or load every kernel that a run of these settings needs."""
    console = terminal(quiet=quiet)
    graph = load_network(config.network)
    fixed = convert(graph, config.threshold or None, config.offset)
    plan = make_plan(graph, parse_splits(config.split))
    warm_with_progress(config, fixed, plan, console)
    return EXIT_DONE


def run_command(
    config: RunConfig, template: Template, *, json: bool, quiet: bool
) -> int:
    """Run a cluster on this machine; return the exit code.

    Raises:
        ConfigError: It may take more memory than the settings allow.
    """
    console = terminal(quiet=quiet, json=json)
    data, frames = choose_frames(config)
    graph = load_network(config.network)
    check_images(data, graph)
    fixed = convert(graph, config.threshold or None, config.offset)
    plan = make_plan(graph, parse_splits(config.split))
    bound = MemoryBound(config, fixed, plan)
    refuse_or_warn(config, bound.cluster(frames=len(frames), data_bytes=data.nbytes))
    folder = make_folder(config.out, config.name)
    warm_with_progress(config, fixed, plan, console)
    folder.write_text("config.toml", config.to_toml())
    cluster = LocalCluster(config, logs=folder.logs, template=template)
    outcome = uvloop.run(_run(cluster, folder, data, frames, console))
    return finish(outcome, folder, data, console, json=json, comparing=config.compare)


async def _run(
    cluster: LocalCluster,
    folder: RunFolder,
    data: Dataset,
    frames: Any,
    console: Console,
) -> Outcome:
    outcome = Outcome(None, int(frames[0]))
    try:
        with interruptible(outcome):
            await cluster.open()
            outcome.session = cluster.session
            await stream_frames(outcome, folder, data, frames, console)
    finally:
        await to_its_end(cluster.close())
    if outcome.error is not None:
        cluster.quote_log(outcome.error)
    return outcome
