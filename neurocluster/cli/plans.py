"""Define the commands that stream nothing: `doctor`, `describe`, `warm` and others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurocluster.cli.app import app
from neurocluster.cli.exits import guarded
from neurocluster.cli.options import (
    Config,
    Data,
    EngineName,
    Fire,
    Frames,
    Hosts,
    Hwm,
    Json,
    MaxSpikes,
    Memory,
    Name,
    Network,
    Offset,
    Out,
    Place,
    QuantizerOption,
    Quiet,
    Spares,
    SplitOption,
    Start,
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
    config: Config = None, engine: EngineName = None, hosts: Hosts = None,
    json: Json = False,
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


@app.command()
def report(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN-OR-EXPERIMENT", help="Folders that these have left."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of the report; default report/ in the first."),
    ] = None,
    json: Json = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Draw what runs or experiments left: a page that needs no network, SVG and PNG.

    Several runs are put side by side, with what differs from the first. Of experiments
    it draws what was measured against a setting, with intervals, and sets hypotheses
    beside their outcomes. It needs the extra: pip install 'neurocluster[report]'.

    Example: neurocluster report runs/20260801-120000-run
    """

    def action() -> int:
        from neurocluster.cli.report import report_command

        return report_command(folders, out, json=json, quiet=quiet)

    guarded(action)


@app.command()
def simulate(
    costs: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="What things cost, as 'bench --costs' measures it."
        ),
    ] = Path("costs.json"),
    hosts: Annotated[int, typer.Option(help="Hosts that run workers.")] = 1,
    cores: Annotated[int, typer.Option(help="Cores of each host.")] = 2,
    delay_us: Annotated[
        float,
        typer.Option(
            "--delay-us",
            help="Added to the way between hosts; with one host, to every link.",
        ),
    ] = 0.0,
    jitter: Annotated[
        str,
        typer.Option(
            metavar="KIND:US",
            help="Added to it at random, order kept: normal, exponential or pareto.",
        ),
    ] = "",
    copies: Annotated[
        int, typer.Option(help="So many of the plan, side by side, sharing the hosts.")
    ] = 1,
    span: Annotated[
        int,
        typer.Option(
            help="Hosts that each copy lies on; default one a layer, or all there are "
            "for each."
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(help="Of all that is drawn.")] = 0,
    network: Network = None, data: Data = None, frames: Frames = None,
    start: Start = None, threshold: Threshold = None,
    quantizer: QuantizerOption = None, fire: Fire = None, offset: Offset = None,
    split: SplitOption = None, place: Place = None, window: Window = None,
    max_spikes: MaxSpikes = None, hwm: Hwm = None, out: Out = None, name: Name = None,
    config: Config = None, json: Json = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Run a plan in virtual time on hosts that are not there.

    Workers are the real engines, so spikes and packets are; processors, wires and the
    time that everything takes are simulated, from costs measured on this machine.
    With more than one host, client and controller have one of their own, h0. With
    copies, the kernels of one are recorded and replayed in all. 1,000 frames unless
    --frames says how many.

    Example: neurocluster simulate --hosts 4 --delay-us 50 --split conv1=rows:4
    """
    given = dict(locals())

    def action() -> int:
        from neurocluster.cli.simulate import Place as Where
        from neurocluster.cli.simulate import simulate_command

        where = Where(costs, hosts, cores, delay_us, jitter, copies, seed, span)
        settings = configured(config, given)
        return simulate_command(settings, where, json=json, quiet=quiet)

    guarded(action)
