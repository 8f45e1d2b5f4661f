"""Define the commands of studies: `experiment` and `compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neurocluster.cli.app import app
from neurocluster.cli.exits import guarded
from neurocluster.cli.options import Json, Level, Quiet, log_level


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
