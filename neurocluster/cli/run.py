"""Do `neurocluster run` and `warm`: a cluster on this machine, from start to report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import uvloop
from rich.console import Console

from neurocluster.cli.claim import check_not_running
from neurocluster.cli.engine import Engine
from neurocluster.cli.exits import EXIT_DONE
from neurocluster.cli.finish import finish, nothing_left
from neurocluster.cli.frames import check_images, choose_frames
from neurocluster.cli.memory import refuse_or_warn
from neurocluster.cli.progress import warm_with_progress
from neurocluster.cli.resume import Work, work_of
from neurocluster.cli.streaming import (
    Outcome,
    Shows,
    interruptible,
    stream_frames,
    to_its_end,
)
from neurocluster.cli.terminal import terminal
from neurocluster.cluster.base import Cluster
from neurocluster.cluster.local import LocalCluster
from neurocluster.config import RunConfig
from neurocluster.controller.connection import FILE
from neurocluster.errors import ClusterError
from neurocluster.launch.memory import MemoryBound
from neurocluster.launch.spawn import Template
from neurocluster.model.convert import convert
from neurocluster.model.load import load_network
from neurocluster.model.partition import make_plan
from neurocluster.model.placement import check_pins
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
    config: RunConfig, template: Template, resume: Path | None,
    there: Engine | None = None, *, again: str = "neurocluster run", json: bool,
    quiet: bool,
) -> int:  # fmt: skip
    """Run a cluster; return the exit code.

    Args:
        config: Settings.
        template: Forks the processes of this machine.
        resume: Folder of the run that goes on, or None.
        there: What starts the workers elsewhere; None has them here.
        again: Command that would go on with a run, but for its --resume.
        json: Print the summary as JSON.
        quiet: Print errors only.

    Raises:
        ConfigError: It may take more memory than the settings allow.
        ModelError: The network, its split or its placement is wrong.
    """
    console = terminal(quiet=quiet, json=json)
    graph = load_network(config.network)
    data, frames = choose_frames(config)
    check_images(data, graph)
    fixed = convert(graph, config.threshold or None, config.offset)
    plan = make_plan(graph, parse_splits(config.split))
    check_pins(plan, there.hosts if there is not None else (), config.place)
    config.impairments().check_names([p.name for p in plan.partitions])
    bound = MemoryBound(config, fixed, plan)
    memory = bound.cluster(frames=len(frames), data_bytes=data.nbytes)
    refuse_or_warn(config, memory, elsewhere=there is not None)
    if resume is not None:
        check_not_running(resume)
    work = work_of(config, data, frames, resume)
    if not len(work.frames):
        return nothing_left(work, console)
    warm_with_progress(config, fixed, plan, console)
    make = there.make if there is not None else LocalCluster
    outcome = run_work(work, template, console, make)
    return finish(outcome, console, json=json, again=again)


def run_work(
    work: Work, template: Template, console: Console,
    make: Callable[..., Cluster] = LocalCluster, shows: Shows | None = None,
) -> Outcome:  # fmt: skip
    """Start a cluster, stream what there is to do, end the cluster.

    Args:
        work: What there is to do.
        template: Forks the processes of this machine.
        console: For what happens meanwhile.
        make: Makes the cluster of settings.
        shows: Shows the progress; None does so as a run of its own.
    """
    folder = work.folder
    cluster = make(
        work.config, logs=folder.logs, template=template, keeps=True,
        connection=folder.path / FILE,
    )  # fmt: skip
    return uvloop.run(_run(cluster, work, console, shows))


async def _run(
    cluster: Cluster, work: Work, console: Console, shows: Shows | None
) -> Outcome:
    outcome = Outcome(None, work)
    try:
        with interruptible(outcome):
            await cluster.open()
            outcome.session = cluster.session
            await stream_frames(outcome, console, shows)
    finally:
        await to_its_end(cluster.close())
    if isinstance(outcome.error, ClusterError):
        cluster.quote_log(outcome.error)
    return outcome
