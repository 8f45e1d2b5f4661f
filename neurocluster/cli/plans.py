"""Define commands that stream nothing: `doctor`, `describe`, `warm` and `bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurocluster.cli.app import app
from neurocluster.cli.exits import guarded
from neurocluster.cli.hindrances import BarrierOption, Clock, Phases
from neurocluster.cli.options import (
    Config,
    Data,
    EngineName,
    Fire,
    Hosts,
    Hwm,
    Json,
    MaxSpikes,
    Memory,
    Network,
    Offset,
    Place,
    QuantizerOption,
    Quiet,
    Spares,
    SplitOption,
    Threshold,
    Window,
    configured,
)
from neurocluster.cli.reach import Advertise, Interface, Key


@app.command()
def describe(
    network: Network = None, data: Data = None, threshold: Threshold = None,
    quantizer: QuantizerOption = None, fire: Fire = None, offset: Offset = None,
    split: SplitOption = None, place: Place = None, window: Window = None,
    max_spikes: MaxSpikes = None, hwm: Hwm = None, memory: Memory = None,
    clock: Clock = None, phases: Phases = None, barrier: BarrierOption = None,
    config: Config = None,
    engine: EngineName = None, hosts: Hosts = None, json: Json = False,
) -> None:  # fmt: skip
    """Show layers, partitions, links, memory and predicted traffic; start nothing.

    The memory of each process is bounded, in MiB of RssAnon; with --memory the plan is
    refused (exit code 2) if all together may take more. With --hosts or --engine slurm
    it shows the host of each partition.

    Example: neurocluster describe --split conv1=rows:4
    """
    given = dict(locals())

    def action() -> int:
        from neurocluster.cli.describe import describe_command
        from neurocluster.cli.engine import engine_of

        there = engine_of(engine, hosts)
        return describe_command(configured(config, given), there, json=json)

    guarded(action)


@app.command()
def doctor(
    hosts: Hosts = None, engine: EngineName = None,
    connect: Annotated[
        str | None,
        typer.Option(
            metavar="FILE-or-ENDPOINT",
            help="Also look whether the controller that it names can be reached.",
        ),
    ] = None,
    key: Key = None, advertise: Advertise = None, interface: Interface = None,
    network: Network = None, data: Data = None, threshold: Threshold = None,
    quantizer: QuantizerOption = None, fire: Fire = None, offset: Offset = None,
    split: SplitOption = None, window: Window = None, max_spikes: MaxSpikes = None,
    hwm: Hwm = None, spares: Spares = None,
    deadline_s: Annotated[
        float | None,
        typer.Option("--deadline-s", help="Seconds for all hosts; default 30."),
    ] = None,
    config: Config = None, json: Json = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Leave out what is well.")
    ] = False,
) -> None:  # fmt: skip
    """Find what would keep a run from starting or mislead it; say what to change.

    It looks at this machine, or with --hosts or --engine slurm starts a probe on every
    host, which meets this machine as a worker would and tries to reach all others:
    versions, ways, clocks, cores, descriptors, memory, kernels, folders and keys, for
    the plan that the options describe. Give it the options that you will give to run.

    Exit codes: 0 no error (warnings, perhaps), 1 an error was found, 2 usage, 130
    interrupted.

    Example: neurocluster doctor --hosts hosts.toml --split conv1=rows:4
    """
    given = dict(locals())

    def action() -> int:
        from neurocluster.cli.doctor import Secrets, doctor_command

        return doctor_command(
            configured(config, given), engine, hosts, Secrets(connect, key),
            advertise, interface, json=json, quiet=quiet,
        )  # fmt: skip

    guarded(action)


@app.command()
def warm(
    network: Network = None, quantizer: QuantizerOption = None, fire: Fire = None,
    split: SplitOption = None, config: Config = None, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Compile the kernels of a network and keep them, so that runs start at once.

    Example: neurocluster warm
    """
    given = dict(locals())

    def action() -> int:
        from neurocluster.cli.run import warm_command

        return warm_command(configured(config, given), quiet=quiet)

    guarded(action)


@app.command()
def bench(
    yardsticks: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Programs to compare with, same rounds."),
    ] = None,
    network: Network = None, threshold: Threshold = None,
    frames: Annotated[
        int, typer.Option(min=100, help="Frames of a cluster run.")
    ] = 3000,
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds.")] = 5,
    only: Annotated[
        str, typer.Option(metavar="WORDS", help="Steps whose names have these words.")
    ] = "",
    costs: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Measure what things cost instead, for 'simulate'."
        ),
    ] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Measure kernels, hops, links, starts and the cluster, in interleaved rounds.

    Each round takes a minute and a half, with yardsticks two and a half. What needs
    yardsticks stays empty without them. Quote ratios: figures alone move with the
    machine's load.

    With --costs, clusters of two and three workers made of the network's layers stream
    --frames each, every call timed; FILE has the costs, and how well they fit is
    printed. Let nothing else run meanwhile.

    Example: neurocluster bench --rounds 3 --json > bench.json
    """

    def action() -> int:
        from neurocluster.bench.command import bench_command
        from neurocluster.bench.costs import costs_command

        settings = configured(None, {"network": network, "threshold": threshold})
        if costs is not None:
            return costs_command(settings, costs, frames, json=json)
        return bench_command(settings, yardsticks, frames, rounds, only, json=json)

    guarded(action)
