"""Define the commands that stream frames: `run` and `stream`."""

from __future__ import annotations

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
    Tu,
)
from neurocluster.cli.options import (
    Compare,
    Config,
    Connect,
    Data,
    Deadline,
    EngineName,
    Fire,
    Frames,
    Hosts,
    Hwm,
    Json,
    Level,
    MaxSpikes,
    Memory,
    Name,
    Network,
    Offset,
    Out,
    Pin,
    Place,
    QuantizerOption,
    Quiet,
    Recovery,
    Resume,
    Spares,
    SplitOption,
    Start,
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


@app.command()
def run(
    network: Network = None, data: Data = None, frames: Frames = None,
    start: Start = None, threshold: Threshold = None, quantizer: QuantizerOption = None,
    fire: Fire = None, offset: Offset = None, split: SplitOption = None,
    place: Place = None, window: Window = None, max_spikes: MaxSpikes = None,
    hwm: Hwm = None, memory: Memory = None, out: Out = None, name: Name = None,
    deadline_s: Deadline = None, recovery_s: Recovery = None, spares: Spares = None,
    pin: Pin = None, compare: Compare = None, trace: Trace = None,
    config: Config = None, resume: Resume = None,
    engine: EngineName = None, hosts: Hosts = None, advertise: Advertise = None,
    interface: Interface = None,
    clock: Clock = None, phases: Phases = None, barrier: BarrierOption = None,
    max_linger_us: Linger = None, delay_us: Delay = None, jitter_us: Jitter = None,
    jitter: JitterShape = None, rate_mbit: Rate = None, loss: Loss = None,
    straggler: Straggler = None, service_us: Service = None,
    service_cv: ServiceVariation = None, impair: Impair = None, seed: Seed = None,
    order_seed: OrderSeed = None,
    dilation: Dilation = None,
    tu: Tu = None,
    json: Json = False, quiet: Quiet = False, log: Level = "warning",
) -> None:  # fmt: skip
    """Run a network: controller and client here, workers here or on other hosts.

    With --hosts workers run on the hosts of a file, by ssh; with --engine slurm on the
    nodes of the Slurm job that this is in. Links are encrypted then.

    Example: neurocluster run --frames 1000 --split conv1=rows:4 --out results
    """
    given = dict(locals())

    def action() -> int:
        log_level(log)
        settings, going_on = configured(config, given, resume), resume
        if engine == "slurm" and resume is None:
            from neurocluster.cli.resume import run_of_this_job

            going_on = run_of_this_job(settings.out)
            settings = configured(None, {}, going_on) if going_on else settings
        from neurocluster.launch.spawn import spawn_template

        template = spawn_template()  # first: it imports while we do
        try:
            from neurocluster.cli.engine import engine_of
            from neurocluster.cli.run import run_command

            there = engine_of(engine, hosts, advertise, interface)
            again = " ".join([
                "neurocluster run",
                *([f"--engine {engine}"] if engine else []),
                *([f"--hosts {hosts}"] if hosts else []),
            ])  # fmt: skip
            return run_command(
                settings, template, going_on, there, again=again, json=json, quiet=quiet
            )
        finally:
            template.discard()

    guarded(action)


@app.command()
def stream(
    connect: Connect, data: Data = None, frames: Frames = None, start: Start = None,
    out: Out = None, name: Name = None, compare: Compare = None, resume: Resume = None,
    tu: Tu = None,
    key: Key = None, insecure: Insecure = False, bind: Bind = None,
    advertise: Advertise = None, interface: Interface = None, ports: PortRange = None,
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
        meeting = meeting_of(
            connect, key, insecure=insecure, bind=bind, advertise=advertise,
            interface=interface, ports=ports,
        )  # fmt: skip
        again = f"neurocluster stream --connect {connect}"
        return stream_command(
            settings, meeting, resume, again=again, json=json, quiet=quiet
        )

    guarded(action)
