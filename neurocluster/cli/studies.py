"""Define the commands of studies: `experiment`, `compare`, `report`, `simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurocluster.cli.app import app
from neurocluster.cli.exits import guarded
from neurocluster.cli.hindrances import (
    Delay,
    Impair,
    Jitter,
    JitterShape,
    Linger,
    Loss,
    Rate,
    Seed,
    Service,
    ServiceVariation,
    Straggler,
)
from neurocluster.cli.options import (
    Config,
    Data,
    Fire,
    Frames,
    Hwm,
    Json,
    Level,
    MaxSpikes,
    Name,
    Network,
    Offset,
    Out,
    Place,
    QuantizerOption,
    Quiet,
    SplitOption,
    Start,
    Threshold,
    Window,
    configured,
    log_level,
)


@app.command()
def experiment(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Experiment, as TOML.")],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of the results; one that has some of them goes on. Default "
            "runs/<time>-<name>.",
        ),
    ] = None,
    json: Json = False, quiet: Quiet = False, log: Level = "warning",
) -> None:  # fmt: skip
    """Run a grid of settings in interleaved rounds; judge the file's hypotheses.

    Each run is a whole cluster, as 'run' makes it. Ctrl-C ends the run under way in
    order; the same command with the same --out goes on with what is left.

    Example: neurocluster experiment configs/experiments/packing.toml --out packing
    """

    def action() -> int:
        from neurocluster.cli.experiment import experiment_command

        log_level(log)
        return experiment_command(file, out, json=json, quiet=quiet)

    guarded(action)


@app.command()
def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help="Folder of a run.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another one.")],
    json: Json = False,
) -> None:
    """Compare two runs frame by frame, or two experiments cell by cell.

    Ratios are of the first to the second. Speeds are compared at the same window only.

    Example: neurocluster compare runs/20260101-120000-run runs/20260101-120500-run
    """

    def action() -> int:
        from neurocluster.cli.compare import compare_command

        return compare_command(first, second, json=json)

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
    beside their outcomes; of what tools/validate_simulation.py wrote, predictions
    against measurements. It needs the extra: pip install 'neurocluster[report]'.

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
    wire_us: Annotated[
        float,
        typer.Option(
            "--wire-us",
            help="Microseconds added to the way between hosts; they take no core.",
        ),
    ] = 0.0,
    wire_jitter_us: Annotated[
        float,
        typer.Option(
            "--wire-jitter-us", help="Mean of what is added to that at random."
        ),
    ] = 0.0,
    wire_jitter: Annotated[
        str,
        typer.Option(
            "--wire-jitter", metavar="SHAPE", help="exponential, normal or heavy."
        ),
    ] = "exponential",
    barrier: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="Of the clocks pipeline and layer: central, as in 'run', or free: "
            "rounds open at once, so what is left is the wait for the slowest.",
        ),
    ] = None,
    clock: Annotated[
        str | None,
        typer.Option(
            metavar="MODE",
            help="Put the workers under a clock, for comparison: none, pipeline, layer "
            "or frame (one frame in flight).",
        ),
    ] = None,
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
    network: Network = None, data: Data = None, frames: Frames = None,
    start: Start = None, threshold: Threshold = None,
    quantizer: QuantizerOption = None, fire: Fire = None, offset: Offset = None,
    split: SplitOption = None, place: Place = None, window: Window = None,
    max_spikes: MaxSpikes = None, hwm: Hwm = None, out: Out = None, name: Name = None,
    config: Config = None, max_linger_us: Linger = None, delay_us: Delay = None,
    jitter_us: Jitter = None, jitter: JitterShape = None, rate_mbit: Rate = None,
    loss: Loss = None, straggler: Straggler = None, service_us: Service = None,
    service_cv: ServiceVariation = None, impair: Impair = None, seed: Seed = None,
    json: Json = False, quiet: Quiet = False,
) -> None:  # fmt: skip
    """Run a plan in virtual time on hosts that are not there.

    Workers are the real engines, so spikes and packets are; processors, wires and the
    time that everything takes are simulated, from costs measured on this machine.
    With more than one host, client and controller have one of their own, h0. With
    copies, the kernels of one are recorded and replayed in all. 1,000 frames unless
    --frames says how many. Impairments are those of 'run', and of its clocks none,
    pipeline, layer and frame; a barrier is that of pipeline or layer.

    Example: neurocluster simulate --hosts 4 --wire-us 50 --split conv1=rows:4
    """
    given = dict(locals())

    def action() -> int:
        from neurocluster.cli.simulate import Place as Where
        from neurocluster.cli.simulate import simulate_command

        where = Where(
            costs, hosts, cores, wire_us, wire_jitter_us, wire_jitter, barrier or "",
            copies, span,
        )  # fmt: skip
        # A run has no free barrier, so that is no setting of one.
        settings = configured(config, {k: given[k] for k in given if k != "barrier"})
        return simulate_command(settings, where, json=json, quiet=quiet)

    guarded(action)
