"""Do `neurocluster run` and `warm`: a cluster on this machine, from start to report."""

from __future__ import annotations

from pathlib import Path

import uvloop
from rich.console import Console

from neurocluster.cli.exits import EXIT_DONE
from neurocluster.cli.finish import finish, nothing_left
from neurocluster.cli.frames import check_images, choose_frames
from neurocluster.cli.memory import refuse_or_warn
from neurocluster.cli.progress import warm_with_progress
from neurocluster.cli.resume import Work, work_of
from neurocluster.cli.streaming import Outcome, interruptible, stream_frames, to_its_end
from neurocluster.cli.terminal import terminal
from neurocluster.cluster import LocalCluster
from neurocluster.config import RunConfig
from neurocluster.controller.connection import FILE
from neurocluster.errors import ClusterError
from neurocluster.launch.memory import MemoryBound
from neurocluster.launch.spawn import Template
from neurocluster.model.convert import convert
from neurocluster.model.load import load_network
from neurocluster.model.partition import make_plan
from neurocluster.model.split import parse_splits


def warm_command(config: RunConfig, *, quiet: bool) -> int:
    """Compile or load every kernel that a run of these settings needs."""
    console = terminal(quiet=quiet)
    graph = load_network(config.network)
    fixed = convert(graph, config.threshold or None, config.offset)
    plan = make_plan(graph, parse_splits(config.split))
    warm_with_progress(config, fixed, plan, console)
    return EXIT_DONE


def run_command(
    config: RunConfig, template: Template, resume: Path | None, *, json: bool,
    quiet: bool,
) -> int:  # fmt: skip
    """Run a cluster on this machine; return the exit code.

    Raises:
        ConfigError: It may take more memory than the settings allow.
    """
    console = terminal(quiet=quiet, json=json)
    graph = load_network(config.network)
    data, frames = choose_frames(config)
    check_images(data, graph)
    fixed = convert(graph, config.threshold or None, config.offset)
    plan = make_plan(graph, parse_splits(config.split))
    bound = MemoryBound(config, fixed, plan)
    refuse_or_warn(config, bound.cluster(frames=len(frames), data_bytes=data.nbytes))
    work = work_of(config, data, frames, resume)
    if not len(work.frames):
        return nothing_left(work, console)
    warm_with_progress(config, fixed, plan, console)
    folder = work.folder
    cluster = LocalCluster(
        config, logs=folder.logs, template=template, keeps=True,
        connection=folder.path / FILE,
    )  # fmt: skip
    outcome = uvloop.run(_run(cluster, work, console))
    return finish(outcome, console, json=json, again="neurocluster run")


async def _run(cluster: LocalCluster, work: Work, console: Console) -> Outcome:
    outcome = Outcome(None, work)
    try:
        with interruptible(outcome):
            await cluster.open()
            outcome.session = cluster.session
            await stream_frames(outcome, console)
    finally:
        await to_its_end(cluster.close())
    if isinstance(outcome.error, ClusterError):
        cluster.quote_log(outcome.error)
    return outcome
