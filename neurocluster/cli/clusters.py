"""Define the commands of a cluster started by hand, and what is asked of one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurocluster.cli.app import app
from neurocluster.cli.exits import guarded
from neurocluster.cli.options import (
    Cluster,
    Config,
    Connect,
    Deadline,
    Fire,
    Hwm,
    Json,
    Level,
    MaxSpikes,
    Memory,
    Network,
    Offset,
    QuantizerOption,
    Recovery,
    SplitOption,
    Threshold,
    Window,
    configured,
    log_level,
)


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
