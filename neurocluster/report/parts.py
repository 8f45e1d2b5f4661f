"""Say what the report of runs consists of: its sections, tables and figures."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from neurocluster.report.attached import Attached, attached
from neurocluster.report.ends import resolved
from neurocluster.report.figure import Drawn
from neurocluster.report.files import Line, number
from neurocluster.report.latency import latency_curves, right_in_time
from neurocluster.report.matrix import bytes_matrix, latency_matrix, spikes_matrix
from neurocluster.report.network import network_graph
from neurocluster.report.packets import one_way_times, packet_times
from neurocluster.report.page import Cell, Section, Table, command_of
from neurocluster.report.run import Run
from neurocluster.report.sidebyside import Row, headline, remarks
from neurocluster.report.spikes import accuracy_spikes
from neurocluster.report.times import worker_times
from neurocluster.report.words import count_text, time_text
from neurocluster.results.times import UNRESOLVED, name_of

MOST_ERRORS: Final = 20
"""Errors of frames that the page lists; errors.csv has all."""
Draw = Callable[[str], Drawn]


@dataclass(frozen=True, slots=True)
class Part:
    """A section to be, the figures that it will have, by name, and other files."""

    section: Section
    figures: dict[str, Draw]
    attached: Callable[[], Sequence[Attached]] = tuple


def parts_of_runs(runs: Sequence[Run]) -> list[Part]:
    """Return the sections of some runs: together, then each."""
    if not runs:
        return []
    together: dict[str, Draw] = {
        "latency": lambda name: latency_curves(runs, name),
        "accuracy-time": lambda name: right_in_time(runs, name),
        "accuracy-spikes": lambda name: accuracy_spikes(runs, name),
    }
    title = runs[0].name if len(runs) == 1 else "Side by side"
    head = Section(
        title, runs[0].path if len(runs) == 1 else None,
        _again(runs[0]) if len(runs) == 1 else "", remarks(runs), [_headline(runs)],
    )  # fmt: skip
    if len(runs) == 1:
        run = runs[0]
        section = Section(
            head.title, head.source, head.again, head.remarks,
            [*head.tables, *_tables(run)],
        )  # fmt: skip
        figures = together | _figures(run, "")
        return [Part(section, figures, lambda: attached(run, ""))]
    each = [
        Part(
            Section(run.name, run.path, _again(run), (), _tables(run)),
            _figures(run, f"{name}-"),
            partial(attached, run, f"{name}-"),
        )
        for run, name in zip(runs, slugs([run.name for run in runs]), strict=True)
    ]
    return [Part(head, together), *each]


def slugs(names: Sequence[str]) -> list[str]:
    """Return names as parts of files' names, all different."""
    made: list[str] = []
    for name in names:
        base = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower() or "run"
        wanted, k = base, 1
        while wanted in made:
            k += 1
            wanted = f"{base}-{k}"
        made.append(wanted)
    return made


def _again(run: Run) -> str:
    config = run.file("config.toml")
    if not config.exists():
        return ""
    new = str(run.path) + "-again"
    return command_of(["neurocluster", "run", "--config", str(config), "--out", new])


def _figures(run: Run, prefix: str) -> dict[str, Draw]:
    draws: dict[str, Callable[[Run, str], Drawn]] = {
        "network": network_graph,
        "workers": worker_times,
        "links-spikes": spikes_matrix,
        "links-bytes": bytes_matrix,
        "links-latency": latency_matrix,
        "links-one-way": one_way_times,
        "links-times": packet_times,
    }
    return {
        f"{prefix}{name}": lambda name, draw=draw: draw(run, name)  # type: ignore[misc]
        for name, draw in draws.items()
    }


def _headline(runs: Sequence[Run]) -> Table:
    if len(runs) == 1:
        rows = [(row.name, row.values[0]) for row in headline(runs)]
        return Table("Settings and figures", ("", runs[0].name), rows)
    title = f"Settings and figures; below them what differs from {runs[0].name}"
    body = [[row.name, *_cells(row)] for row in headline(runs)]
    return Table(title, ("", *(run.name for run in runs)), body)


def _cells(row: Row) -> list[Cell]:
    return list(zip(row.values, row.differences, strict=True))


def _tables(run: Run) -> list[Table]:
    """Return what went wrong, and the links as text."""
    made = []
    rows: list[tuple[str, ...]]
    if run.errors:
        rows = [(f"{k['frame']}", str(k["error"])) for k in run.errors[:MOST_ERRORS]]
        title = f"Errors of frames ({len(run.errors):,} in errors.csv)"
        made.append(Table(title, ("frame", "error"), rows, numeric=False))
    if found := run.summary.get("recoveries"):
        rows = [
            (f"{k['last_finished']}", _seconds(k["seconds"]), str(k["reason"]))
            for k in found[:MOST_ERRORS]
        ]  # fmt: skip
        header = ("after frame", "recovered in", "reason")
        made.append(Table("Faults", header, rows, numeric=False))
    names = (
        "link", "spikes", "packets", "bytes", "one way, p50", "p99", "bound", "clock",
    )  # fmt: skip
    rows = [_link(link) for link in run.links]
    made.append(Table("The links as a table", names, rows, folded=True))
    return made


def _seconds(value: float | None) -> str:
    return "not" if value is None else f"{value:.2f} s"


def _link(link: Line) -> tuple[str, ...]:
    counts = [count_text(number(link, k)) for k in ("spikes_sent", "packets", "bytes")]
    times = [time_text(number(link, f"transit_ns_{p}")) for p in ("p50", "p99")]
    if resolved(link) is False:
        times = [UNRESOLVED, UNRESOLVED]
    error = time_text(number(link, "transit_error_ns"))
    return name_of(link), *counts, *times, error, str(link.get("clock") or "-")
