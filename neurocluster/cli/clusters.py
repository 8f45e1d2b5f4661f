"""Define the commands of a cluster started by hand, and what is asked of one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurocluster.cli.app import app
from neurocluster.cli.exits import guarded
from neurocluster.cli.hindrances import (
    BarrierOption,
    Clock,
    Delay,
    Dilation,
    Impair,
    Jitter,
    JitterShape,
    Linger,
    Loss,
    OrderSeed,
    Phases,
    Rate,
    Seed,
    Service,
    ServiceVariation,
    Straggler,
)
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
    Trace,
    Window,
    configured,
    log_level,
)
from neurocluster.cli.reach import (
    Advertise,
    Bind,
    Insecure,
    Interface,
    Key,
    PortRange,
    meeting_of,
)

DieWithStdin = Annotated[
    bool, typer.Option("--die-with-stdin", help="End when standard input does.")
]


@app.command()
def controller(
    connection: Annotated[
        Path, typer.Option(help="Connection file to write for workers and client.")
    ] = Path("connection.json"),
    network: Network = None, threshold: Threshold = None,
    quantizer: QuantizerOption = None, fire: Fire = None, offset: Offset = None,
    split: SplitOption = None, window: Window = None, max_spikes: MaxSpikes = None,
    hwm: Hwm = None, memory: Memory = None, deadline_s: Deadline = None,
    recovery_s: Recovery = None, trace: Trace = None, config: Config = None,
    clock: Clock = None, phases: Phases = None, barrier: BarrierOption = None,
    max_linger_us: Linger = None, delay_us: Delay = None, jitter_us: Jitter = None,
    jitter: JitterShape = None, rate_mbit: Rate = None, loss: Loss = None,
    straggler: Straggler = None, service_us: Service = None,
    service_cv: ServiceVariation = None, impair: Impair = None, seed: Seed = None,
    order_seed: OrderSeed = None,
    dilation: Dilation = None,
    once: Annotated[
        bool, typer.Option("--once", help="End with the first client's session.")
    ] = False,
    bind: Annotated[
        str | None,
        typer.Option(
            metavar="ENDPOINT",
            help="Control endpoint: tcp://ADDRESS:PORT (* for any port) for workers on "
            "other hosts; default for this machine only.",
        ),
    ] = None,
    advertise: Advertise = None, interface: Interface = None, key: Key = None,
    insecure: Insecure = False,
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
        from neurocluster.cli.controller import control_place, controller_command

        log_level(log)
        place = control_place(bind, advertise, interface, key, insecure=insecure)
        return controller_command(
            configured(config, given), connection, place, once=once, replace=replace
        )

    guarded(action)


@app.command()
def worker(
    connect: Connect,
    slot: Annotated[
        int | None, typer.Option(min=0, help="Partition wished for, by its number.")
    ] = None,
    slots: Annotated[
        str | None,
        typer.Option(
            metavar="N,N,...",
            help="Be the parent of a worker for each of these partitions; 'env': of "
            "those that a launcher put into the environment.",
        ),
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
    die_with_stdin: DieWithStdin = False,
    key: Key = None, insecure: Insecure = False, bind: Bind = None,
    advertise: Advertise = None, interface: Interface = None, ports: PortRange = None,
    log: Level = "info",
) -> None:  # fmt: skip
    """Start one worker, or several with a parent; the controller gives partitions.

    A worker ends with 75 when no controller answers for 30 s (start it again), with 76
    when the controller refuses it, with 77 when it refuses its key (do not).

    Example: neurocluster worker --connect c.json --workers 4 --spares 1
    """

    def action() -> int:
        from neurocluster.cli.worker import wishes_of, worker_command

        log_level(log)
        meeting = meeting_of(
            connect, key, insecure=insecure, bind=bind, advertise=advertise,
            interface=interface, ports=ports,
        )  # fmt: skip
        wishes = wishes_of(slot, slots, workers, spares)
        alone = slots is None and workers is None
        return worker_command(
            meeting, wishes, alone=alone, die_with_stdin=die_with_stdin
        )

    guarded(action)


@app.command(hidden=True)
def probe(
    connect: Connect,
    host: Annotated[
        str | None,
        typer.Option(help="What the doctor calls this host; default its Slurm name."),
    ] = None,
    die_with_stdin: DieWithStdin = False,
    key: Key = None, insecure: Insecure = False, bind: Bind = None,
    advertise: Advertise = None, interface: Interface = None, ports: PortRange = None,
    log: Level = "info",
) -> None:  # fmt: skip
    """Answer the doctor's questions on this host; 'neurocluster doctor' starts it."""

    def action() -> int:
        from neurocluster.doctor.probe import run_probe
        from neurocluster.launch.slurm import this_node

        log_level(log)
        meeting = meeting_of(
            connect, key, insecure=insecure, bind=bind, advertise=advertise,
            interface=interface, ports=ports,
        )  # fmt: skip
        name = host or this_node()
        return run_probe(meeting, name, die_with_stdin=die_with_stdin)

    guarded(action)


@app.command()
def status(
    connect: Cluster = None,
    key: Key = None,
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

        return status_command(connect, key, json=json, watch=watch)

    guarded(action)


@app.command()
def stop(
    connect: Cluster = None,
    key: Key = None,
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

        return stop_command(connect, key, now=now)

    guarded(action)


@app.command()
def keygen(
    file: Annotated[Path, typer.Argument(help="Key file to write, mode 0600.")],
) -> None:
    """Make the key of a cluster: who has it is a member, on any host.

    Example: neurocluster keygen cluster.key
    """

    def action() -> int:
        from neurocluster.cli.exits import EXIT_DONE
        from neurocluster.transport.keys import make_keys, write_keys

        write_keys(file, make_keys())
        print(f"wrote {file}; give it to members only, by a way that you trust")
        return EXIT_DONE

    guarded(action)
