"""Do `neurocluster compare`: two runs or two experiments beside each other."""

from __future__ import annotations

import json as json_
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from neurocluster.cli.exits import EXIT_DONE
from neurocluster.cli.terminal import paper, terminal
from neurocluster.errors import ConfigError
from neurocluster.experiment.sides import is_experiment, read_side
from neurocluster.experiment.statistics import LEVEL
from neurocluster.experiment.versus import DOUBT, Comparison, Row, compare_runs
from neurocluster.experiment.versus_cells import compare_experiments
from neurocluster.results.layout import dense_table

SHOWN: Final = (
    "frames_per_second", "latency_ns_p50", "latency_ns_p99", "accuracy_by_count",
    "spikes_per_neuron", "synops_per_frame", "packets_per_frame", "bytes_per_spike",
)  # fmt: skip
"""Of experiments, whose cells are many; JSON has every quantity."""


def compare_command(first: Path, second: Path, *, json: bool) -> int:
    """Compare two folders; return the exit code.

    Raises:
        ConfigError: They are no folders of runs or experiments, or one of each.
    """
    kinds = [is_experiment(path) for path in (first, second)]
    if kinds[0] != kinds[1]:
        message = f"compare: {first} and {second} are a run and an experiment"
        raise ConfigError(message)
    with terminal(quiet=json).status("comparing"):
        if kinds[0]:
            found = compare_experiments(first, second)
        else:
            found = compare_runs(read_side(first), read_side(second))
    if json:
        _print_json(first, second, found, experiments=kinds[0])
    else:
        _print(paper(), first, second, found, experiments=kinds[0])
    return EXIT_DONE


def _print_json(
    first: Path, second: Path, found: Comparison, *, experiments: bool
) -> None:
    print(
        json_.dumps({
            "kind": "experiments" if experiments else "runs",
            "first": str(first), "second": str(second),
            "comparable": found.comparable, "notes": found.notes,
            "rows": [row.told() for row in found.rows],
        })
    )  # fmt: skip


def _print(
    console: Console, first: Path, second: Path, found: Comparison, *,
    experiments: bool,
) -> None:  # fmt: skip
    for note in found.notes:
        warned = note.startswith(DOUBT)
        console.print(f"Warning: {note}." if warned else f"{_sentence(note)}.")
    rows = [r for r in found.rows if not experiments or r.quantity in SHOWN]
    console.print(_table(first, second, rows, experiments=experiments))


def _sentence(note: str) -> str:
    return note[:1].upper() + note[1:]


def _table(
    first: Path, second: Path, rows: Sequence[Row], *, experiments: bool
) -> Table:
    table = dense_table(f"{first} and {second}; {LEVEL} % intervals in brackets")
    if experiments:
        table.add_column("cell")
    table.add_column("quantity")
    for name in ("first", "second", "first / second"):
        table.add_column(name, justify="right", no_wrap=True)
    before = ""
    for row in rows:
        cell = [row.cell if row.cell != before else ""] if experiments else []
        before = row.cell
        table.add_row(*cell, row.quantity, *_figures(row))
    return table


def _figures(row: Row) -> tuple[str, str, str]:
    if row.ratio is None and row.low is not None and row.high is not None:
        ends = f" ({number(row.low)} to {number(row.high)})"
        return number(row.a) + ends, number(row.b), ""
    if row.ratio is None:
        return number(row.a), number(row.b), ""
    ends = ""
    if row.low is not None and row.high is not None:
        ends = f" ({row.low:.4f} to {row.high:.4f})"
    return number(row.a), number(row.b), f"{row.ratio:.4f}{ends}"


def number(value: float | None) -> str:
    """Return a figure in few letters."""
    if value is None:
        return ""
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"
