"""Define the commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from neurocluster.cli.exits import CODES, guarded
from neurocluster.cli.options import (
    Cluster,
    Compare,
    Config,
    Connect,
    Data,
    Deadline,
    Fire,
    Frames,
    Hwm,
    Json,
    Level,
    MaxSpikes,
    Memory,
    Name,
    Network,
    Offset,
    Out,
    QuantizerOption,
    Quiet,
    Recovery,
    Resume,
    Spares,
    SplitOption,
    Start,
    Threshold,
    Window,
    configured,
    log_level,
    with_default,
)
from neurocluster.version import VERSION

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Run trained ReLU networks as clockless spiking processes and measure every "
    "link between them.\n\nExample: neurocluster run --frames 1000\n\n" + CODES,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"neurocluster {VERSION}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Hold options of all commands."""
    del version


@app.command()
def run(
    network: Network = None, data: Data = None, frames: Frames = None,
    start: Start = None, threshold: Threshold = None, quantizer: QuantizerOption = None,
    fire: Fire = None, offset: Offset = None, split: SplitOption = None,
    window: Window = None, max_spikes: MaxSpikes = None, hwm: Hwm = None,
    memory: Memory = None, out: Out = None, name: Name = None,
    deadline_s: Deadline = None, recovery_s: Recovery = None, spares: Spares = None,
    compare: Compare = None, config: Config = None, resume: Resume = None,
    json: Json = False, quiet: Quiet = False, log: Level = "warning",
) -> None:  # fmt: skip
    """Run a network on this machine: controller, workers and client as processes.

    Example: neurocluster run --frames 1000 --split conv1=rows:4 --out results
    """
    given = dict(locals())

    def action() -> int:
        log_level(log)
        settings = configured(config, given, resume)
        from neurocluster.launch.spawn import spawn_template

        template = spawn_template()  # first: it imports while we do
        try:
            from neurocluster.cli.run import run_command

            return run_command(settings, template, resume, json=json, quiet=quiet)
        finally:
            template.discard()

    guarded(action)


@app.command()
def controller(
    connection: Annotated[
        Path, typer.Option(help="Connection file to write for workers and client.")
    ] = Path("connection.json"),
    network: Network = None, threshold: Threshold = None,
    quantizer: QuantizerOption = None, fire: Fire = None, offset: Offset = None,
    split: SplitOption = None, window: Window = None, max_spikes: MaxSpikes = None,
    hwm: Hwm = None, memory: Memory = None, deadline_s: Deadline = None,
    recovery_s: Recovery = None, config: Config = None,
    once: Annotated[
        bool, typer.Option("--once", help="End with the first client's session.")
    ] = False,
    bind: Annotated[
        str | None, typer.Option(help="Control endpoint, local.")
    ] = None,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Stop the controller that the file names; take its place."
        ),
    ] = False,
    log: Level = "info",
) -> None:  # fmt: skip
    """Start a controller; it serves clients, one at a time, until it is stopped.

    Example: neurocluster controller --connection c.json
    """
    given = dict(locals())

    def action() -> int:
        from neurocluster.cli.controller import controller_command

        log_level(log)
        return controller_command(
            configured(config, given), connection, bind, once=once, replace=replace
        )

    guarded(action)


@app.command()
def worker(
    connect: Connect,
    slot: Annotated[
        int | None, typer.Option(min=0, help="Partition wished for, by its number.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="Be the parent of so many, which starts a crashed one again."
        ),
    ] = None,
    spares: Annotated[
        int, typer.Option(min=0, help="Further workers that stand by.")
    ] = 0,
    die_with_stdin: Annotated[
        bool, typer.Option("--die-with-stdin", help="End when standard input does.")
    ] = False,
    log: Level = "info",
) -> None:
    """Start one worker, or several with a parent; the controller gives partitions.

    A worker ends with 75 when no controller answers for 30 s (start it again), with 76
    when the controller refuses it (do not).

    Example: neurocluster worker --connect c.json --workers 4 --spares 1
    """

    def action() -> int:
        from neurocluster.cli.worker import worker_command

        log_level(log)
        return worker_command(
            connect, slot, workers, spares, die_with_stdin=die_with_stdin
        )

    guarded(action)


@app.command()
def stream(
    connect: Connect, data: Data = None, frames: Frames = None, start: Start = None,
    out: Out = None, name: Name = None, compare: Compare = None, resume: Resume = None,
    json: Json = False, quiet: Quiet = False, log: Level = "warning",
) -> None:  # fmt: skip
    """Stream frames through a cluster that was started by hand; write the results.

    A run that failed or was interrupted goes on by --resume RUN: only frames without
    a result are streamed, and its tables hold each frame once.

    Example: neurocluster stream --connect c.json --frames 1000
    """
    given = dict(locals())

    def action() -> int:
        from neurocluster.cli.stream import stream_command

        log_level(log)
        settings = configured(None, given, resume)
        return stream_command(settings, connect, resume, json=json, quiet=quiet)

    guarded(action)


@app.command()
def status(
    connect: Cluster = None,
    json: Json = False,
    watch: Annotated[
        float | None,
        typer.Option(
            "--watch", metavar="[SECONDS]", min=0.1,
            help="Look again each so many seconds (default 1) until Ctrl-C.",
        ),
    ] = None,
) -> None:  # fmt: skip
    """Say what a cluster does, or why nothing happens; then who waits for whom.

    CONNECT is a connection file, an endpoint or the folder of a run; default
    ./connection.json, else the newest run in runs/. The exit code is 1 if no
    controller answers.

    Example: neurocluster status c.json --watch 2
    """

    def action() -> int:
        from neurocluster.cli.status import status_command

        return status_command(connect, json=json, watch=watch)

    guarded(action)


@app.command()
def stop(
    connect: Cluster = None,
    now: Annotated[
        bool, typer.Option("--now", help="Do not wait for the frames in flight.")
    ] = False,
) -> None:
    """End a cluster: frames in flight finish, the client saves them, all processes end.

    A second 'stop' meanwhile is one with --now. The exit code is 1 if no controller
    answers, or if it could not end in order.

    Example: neurocluster stop c.json
    """

    def action() -> int:
        from neurocluster.cli.stop import stop_command

        return stop_command(connect, now=now)

    guarded(action)


@app.command()
def describe(
    network: Network = None, data: Data = None, threshold: Threshold = None,
    quantizer: QuantizerOption = None, fire: Fire = None, offset: Offset = None,
    split: SplitOption = None, window: Window = None, max_spikes: MaxSpikes = None,
    hwm: Hwm = None, memory: Memory = None, config: Config = None,
    json: Json = False,
) -> None:  # fmt: skip
    """Show layers, partitions, links, memory and predicted traffic; start nothing.

    The memory of each process is bounded, in MiB of RssAnon; with --memory the plan is
    refused (exit code 2) if all together may take more.

    Example: neurocluster describe --split conv1=rows:4
    """
    given = dict(locals())

    def action() -> int:
        from neurocluster.cli.describe import describe_command

        return describe_command(configured(config, given), json=json)

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
    json: Json = False,
) -> None:  # fmt: skip
    """Measure kernels, hops, links, starts and the cluster, in interleaved rounds.

    Each round takes about a minute, with yardsticks two. What needs
    yardsticks stays empty without them. Quote ratios: figures alone move with the
    machine's load.

    Example: neurocluster bench --rounds 3 --json > bench.json
    """

    def action() -> int:
        from neurocluster.bench.command import bench_command

        settings = configured(None, {"network": network, "threshold": threshold})
        return bench_command(settings, yardsticks, frames, rounds, json=json)

    guarded(action)


def main() -> None:
    """Run the command line."""
    app(with_default(sys.argv[1:], "--watch", "1"), prog_name="neurocluster")
