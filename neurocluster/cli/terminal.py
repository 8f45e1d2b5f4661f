"""Choose the consoles that a command writes to."""

from __future__ import annotations

import sys

from rich.console import Console

from neurocluster.results.report import WIDTH


def terminal(*, quiet: bool, json: bool = False) -> Console:
    """Return a console for standard error, or a silent one."""
    plain = not sys.stderr.isatty()
    width = WIDTH if plain else None
    return Console(stderr=True, quiet=quiet or json, width=width, highlight=False)


def paper() -> Console:
    """Return a console for standard output, where results go."""
    return Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
