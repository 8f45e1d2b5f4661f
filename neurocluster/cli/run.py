"""Do `neurocluster run` and `warm`: a cluster on this machine, from start to report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

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
from neurocluster.cluster.base import Cluster
from neurocluster.cluster.local import LocalCluster
from neurocluster.config import RunConfig
from neurocluster.controller.connection import FILE
from neurocluster.errors import ClusterError, ConfigError
from neurocluster.launch.hosts import HostEntry, read_hosts
from neurocluster.launch.memory import MemoryBound
from neurocluster.launch.spawn import Template
from neurocluster.model.convert import convert
from neurocluster.model.load import load_network
from neurocluster.model.partition import make_plan
from neurocluster.model.split import parse_splits
from neurocluster.transport.address import Reach

Engine = Callable[..., Cluster]
"""Makes a cluster of settings."""
ENGINES: Final = ("local", "ssh", "slurm")


def engine_of(
    engine: str | None, hosts: Path | None, advertise: str | None,
    interface: str | None,
) -> Engine | None:  # fmt: skip
    """Return what makes a cluster whose workers are elsewhere; None has them here.

    Raises:
        ConfigError: The options contradict each other, the hosts file is wrong, or
            what the engine needs is not there.
    """
    engine = engine or ("local" if hosts is None else "ssh")
    if engine not in ENGINES:
        message = f"engine: {engine!r} is none of {', '.join(ENGINES)}"
        raise ConfigError(message)
    if (hosts is None) == (engine == "ssh"):
        message = "hosts: the file and --engine ssh go together"
        raise ConfigError(message)
    reach = Reach(advertise=advertise, interface=interface)
    if engine == "local":
        if reach != Reach():
            message = "advertise, interface: they say how other hosts reach this one"
            raise ConfigError(message)
        return None
    if engine == "slurm":
        from neurocluster.cluster.slurm import SlurmCluster

        return partial(SlurmCluster, reach=reach)
    return _ssh(read_hosts(hosts or Path()), reach)


def _ssh(entries: Sequence[HostEntry], reach: Reach) -> Engine:
    try:
        from neurocluster.cluster.ssh import SshCluster
    except ModuleNotFoundError as error:
        message = (
            f"hosts: {error.name} is not installed; install the extra: "
            "pip install 'neurocluster[ssh]'"
        )
        raise ConfigError(message) from error
    return partial(SshCluster, entries, reach=reach)


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
        there: Makes a cluster whose workers are elsewhere; None has them here.
        again: Command that would go on with a run, but for its --resume.
        json: Print the summary as JSON.
        quiet: Print errors only.

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
    make = there or LocalCluster
    cluster = make(
        config, logs=folder.logs, template=template, keeps=True,
        connection=folder.path / FILE,
    )  # fmt: skip
    outcome = uvloop.run(_run(cluster, work, console))
    return finish(outcome, console, json=json, again=again)


async def _run(cluster: Cluster, work: Work, console: Console) -> Outcome:
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
