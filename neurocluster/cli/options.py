"""Say what options there are, and make settings of those that were given."""

from __future__ import annotations

import dataclasses
import itertools
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from neurocluster.errors import ConfigError

if TYPE_CHECKING:
    from neurocluster.config import RunConfig

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
Place = Annotated[
    str | None,
    typer.Option(
        metavar="PARTITION=HOST,...",
        help="Hosts of partitions, or of whole layers: conv1=n1,fc1.0=n2; the others "
        "go by cores and traffic.",
    ),
]
Window = Annotated[int | None, typer.Option(help="Frames in flight.")]
MaxSpikes = Annotated[int | None, typer.Option(help="Spikes of a full packet.")]
Hwm = Annotated[int | None, typer.Option(help="Packets queued at each side of a link.")]
Memory = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        help="Refuse a plan whose processes may take more together (see describe): "
        "500M, 2G, 1500MiB or bytes.",
    ),
]
Out = Annotated[
    str | None, typer.Option(help="Folder of the results; default runs/<time>-<name>.")
]
Name = Annotated[str | None, typer.Option(help="Part of the default folder's name.")]
Deadline = Annotated[
    float | None,
    typer.Option("--deadline-s", help="Seconds until the cluster must be complete."),
]
Recovery = Annotated[
    float | None,
    typer.Option(
        "--recovery-s", help="Seconds until somebody must replace a lost worker."
    ),
]
Spares = Annotated[
    int | None, typer.Option(help="Workers that stand by for a lost one.")
]
Pin = Annotated[
    bool | None,
    typer.Option(
        "--pin/--no-pin",
        help="Bind each worker to one core, round robin; controller and client roam.",
    ),
]
Trace = Annotated[
    int | None,
    typer.Option(
        "--trace",
        metavar="FRAMES",
        help="Record every packet and turn of the first frames, in bounded memory; "
        "'report' makes a timeline of them.",
    ),
]
EngineName = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="NAME",
        help="What starts workers: local (default), ssh (with --hosts) or slurm.",
    ),
]
Hosts = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="TOML file of hosts that run the workers, reached by ssh (extra 'ssh').",
    ),
]
Compare = Annotated[
    bool | None,
    typer.Option(
        "--compare/--no-compare",
        help="Compare with the dense networks and with one process afterwards.",
    ),
]
Config = Annotated[
    Path | None, typer.Option(help="TOML file of settings; options win over it.")
]
Resume = Annotated[
    Path | None,
    typer.Option(metavar="RUN", help="Go on with the run of this folder."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
Level = Annotated[
    str, typer.Option("--log-level", help="debug, info, warning or error.")
]
Connect = Annotated[
    str,
    typer.Option(
        metavar="FILE-or-ENDPOINT",
        help="Connection file, or endpoint ipc:// or tcp://; what the file holds may "
        "come by standard input (-) or $NEUROCLUSTER_CONNECTION (env).",
    ),
]

Cluster = Annotated[
    str | None,
    typer.Argument(
        metavar="[CONNECT]", help="Connection file, endpoint, or folder of a run."
    ),
]


def with_default(arguments: Sequence[str], option: str, value: str) -> list[str]:
    """Return arguments in which an option that has no number after it has one."""
    made: list[str] = []
    for given, following in itertools.zip_longest(arguments, arguments[1:]):
        bare = given == option and not _is_number(following or "")
        made.append(f"{option}={value}" if bare else given)
    return made


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def configured(
    config: Path | None, given: dict[str, Any], resume: Path | None = None
) -> RunConfig:
    """Return the settings of a config file, or of a run, with the options on top."""
    from neurocluster.config import RunConfig, load_config
    from neurocluster.together import check_used

    if resume is not None:
        from neurocluster.cli.resume import resumed_settings

        names = {field.name for field in dataclasses.fields(RunConfig)} | {"config"}
        return resumed_settings(resume, {k: v for k, v in given.items() if k in names})
    base = load_config(config) if config is not None else RunConfig()
    known = {field.name for field in dataclasses.fields(base)}
    chosen = {k: v for k, v in given.items() if k in known and v is not None}
    settings = base.replace(**chosen)
    check_used(settings, chosen)
    return settings


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
