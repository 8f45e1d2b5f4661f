"""Hold the command line that the commands join."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from neurocluster.cli.exits import CODES
from neurocluster.version import VERSION

ORDER: Final = (
    "run", "controller", "worker", "stream", "status", "stop", "keygen", "doctor",
    "describe", "report", "warm", "bench", "simulate", "experiment", "compare", "probe",
)  # fmt: skip
"""As help lists the commands."""


class Ordered(TyperGroup):
    """List the commands in an order of our own."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands."""
        return sorted(super().list_commands(ctx), key=ORDER.index)


app = typer.Typer(
    cls=Ordered,
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
