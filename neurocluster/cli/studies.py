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
        log_level(log)
        from neurocluster.launch.spawn import spawn_template

        template = spawn_template()  # first: it imports while we do
        try:
            from neurocluster.cli.experiment import experiment_command

            return experiment_command(file, out, template, json=json, quiet=quiet)
        finally:
            template.discard()

    guarded(action)
