"""Define the commands and their exit codes."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from neurocluster.errors import (
    ConfigError,
    DataError,
    ModelError,
    NeuroclusterError,
    PartitionError,
    PlatformError,
)
from neurocluster.version import VERSION

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_INPUT: Final = 3
EXIT_INTERRUPTED: Final = 130
CODES: Final = (
    "Exit codes: 0 done, 1 the run failed, 2 usage or config, 3 bad network or data, "
    "130 interrupted with results saved."
)

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Run trained ReLU networks as clockless spiking processes and measure every "
    "link between them.\n\nExample: neurocluster run --frames 1000\n\n" + CODES,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Network = Annotated[
    str | None, typer.Option(help="Network file (.npz); default the reference network.")
]
Data = Annotated[
    str | None, typer.Option(help="Folder of idx files; default the MNIST test set.")
]
Frames = Annotated[int | None, typer.Option(help="How many frames; default all.")]
Start = Annotated[int | None, typer.Option(help="Index of the first frame.")]
Threshold = Annotated[
    str | None,
    typer.Option(
        metavar="T[,T...]", help="One, or one per weight layer, output included."
    ),
]
QuantizerOption = Annotated[
    str | None, typer.Option(help="hysteresis, floor or round.")
]
Fire = Annotated[str | None, typer.Option(help="once or settle.")]
Offset = Annotated[
    float | None,
    typer.Option(help="Fraction of the threshold added to hidden initial potentials."),
]
SplitOption = Annotated[
    str | None,
    typer.Option(
        metavar="LAYER=KIND:N,...",
        help="Cut layers: conv1=rows:4,conv2=channels:2,fc1=neurons:2.",
    ),
]
Window = Annotated[int | None, typer.Option(help="Frames in flight.")]
MaxSpikes = Annotated[int | None, typer.Option(help="Spikes of a full packet.")]
Hwm = Annotated[int | None, typer.Option(help="Packets queued at each side of a link.")]
Out = Annotated[
    str | None, typer.Option(help="Folder of the results; default runs/<time>-<name>.")
]
Name = Annotated[str | None, typer.Option(help="Part of the default folder's name.")]
Deadline = Annotated[
    float | None,
    typer.Option("--deadline-s", help="Seconds until the cluster must be complete."),
]
Config = Annotated[
    Path | None, typer.Option(help="TOML file of settings; options win over it.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
Level = Annotated[str, typer.Option(help="debug, info, warning or error.")]
Connect = Annotated[
    str,
    typer.Option(
        metavar="FILE-or-ENDPOINT",
        help="Connection file, or endpoint ipc:// or tcp://.",
    ),
]


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


def guarded(action: Callable[[], int]) -> None:
    """Run a command; print an error in one line and end with its code."""
    try:
        if not sys.platform.startswith("linux"):
            message = f"neurocluster runs on Linux; this is {sys.platform}"
            raise PlatformError(message)
        code = action()
    except NeuroclusterError as error:
        typer.echo(f"error: {error}", err=True)
        code = error_code(error)
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        code = EXIT_FAILED
    raise typer.Exit(code)


def error_code(error: NeuroclusterError) -> int:
    """Return the exit code of an error."""
    if isinstance(error, ConfigError | PartitionError | PlatformError):
        return EXIT_USAGE
    if isinstance(error, ModelError | DataError):
        return EXIT_INPUT
    return EXIT_FAILED


def configured(config: Path | None, given: dict[str, Any]) -> Any:
    """Return the settings of a config file with the options given on top."""
    from neurocluster.config import RunConfig, load_config

    base = load_config(config) if config is not None else RunConfig()
    known = base.cluster_options().keys() | {
        "data", "frames", "start", "out", "name", "deadline_s",
    }  # fmt: skip
    chosen = {k: v for k, v in given.items() if k in known and v is not None}
    return base.replace(**chosen)


def log_level(level: str) -> None:
    """Configure logging to standard error.

    Raises:
        ConfigError: There is no such level.
    """
    names = ("debug", "info", "warning", "error")
    if level not in names:
        message = f"log-level: {level!r} is none of {', '.join(names)}"
        raise ConfigError(message)
    logging.basicConfig(
        level=level.upper(), format="%(levelname)s %(name)s: %(message)s"
    )


@app.command()
def run(
    network: Network = None, data: Data = None, frames: Frames = None,
    start: Start = None, threshold: Threshold = None, quantizer: QuantizerOption = None,
    fire: Fire = None, offset: Offset = None, split: SplitOption = None,
    window: Window = None, max_spikes: MaxSpikes = None, hwm: Hwm = None,
    out: Out = None, name: Name = None, deadline_s: Deadline = None,
    config: Config = None, json: Json = False, quiet: Quiet = False,
    log: Annotated[str, typer.Option("--log-level")] = "warning",
) -> None:  # fmt: skip
    """Run a network on this machine: controller, workers and client as processes.

    Example: neurocluster run --frames 1000 --split conv1=rows:4 --out results
    """
    given = dict(locals())

    def action() -> int:
        log_level(log)
        settings = configured(config, given)
        from neurocluster.launch.spawn import spawn_template

        template = spawn_template()  # first: it imports while we do
        try:
            from neurocluster.cli.run import run_command

            return run_command(settings, template, json=json, quiet=quiet)
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
    hwm: Hwm = None, deadline_s: Deadline = None, config: Config = None,
    bind: Annotated[
        str | None, typer.Option(help="Control endpoint, local.")
    ] = None,
    log: Annotated[str, typer.Option("--log-level")] = "info",
) -> None:  # fmt: skip
    """Start a controller; it serves one client, then ends with its workers.

    Example: neurocluster controller --connection c.json
    """
    given = dict(locals())

    def action() -> int:
        from neurocluster.cli.separate import controller_command

        log_level(log)
        return controller_command(configured(config, given), connection, bind)

    guarded(action)


@app.command()
def worker(
    connect: Connect,
    slot: Annotated[int | None, typer.Option(help="Partition wished for.")] = None,
    log: Annotated[str, typer.Option("--log-level")] = "info",
) -> None:
    """Start one worker; the controller gives it a partition.

    Example: neurocluster worker --connect c.json
    """

    def action() -> int:
        from neurocluster.cli.separate import worker_command

        log_level(log)
        return worker_command(connect, slot)

    guarded(action)


@app.command()
def stream(
    connect: Connect, data: Data = None, frames: Frames = None, start: Start = None,
    out: Out = None, name: Name = None, json: Json = False, quiet: Quiet = False,
    log: Annotated[str, typer.Option("--log-level")] = "warning",
) -> None:  # fmt: skip
    """Stream frames through a cluster that was started by hand; write the results.

    Example: neurocluster stream --connect c.json --frames 1000
    """
    given = dict(locals())

    def action() -> int:
        from neurocluster.cli.separate import stream_command

        log_level(log)
        return stream_command(configured(None, given), connect, json=json, quiet=quiet)

    guarded(action)


@app.command()
def describe(
    network: Network = None, data: Data = None, threshold: Threshold = None,
    quantizer: QuantizerOption = None, fire: Fire = None, offset: Offset = None,
    split: SplitOption = None, window: Window = None, max_spikes: MaxSpikes = None,
    hwm: Hwm = None, config: Config = None, json: Json = False,
) -> None:  # fmt: skip
    """Show layers, partitions, links, memory and predicted traffic; start nothing.

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
    app(prog_name="neurocluster")
