"""Lay tables out so that many columns fit a terminal."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table


def dense_table(title: str) -> Table:
    """Return a table without vertical lines, so that ten columns fit."""
    return Table(
        title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False,
        padding=(0, 1, 0, 0),
    )  # fmt: skip
