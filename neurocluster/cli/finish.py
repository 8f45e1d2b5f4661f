"""Write what a run left and print its report."""

from __future__ import annotations

import contextlib
import json as json_
import sys
from typing import Any

from rich.console import Console

from neurocluster.cli.exits import EXIT_FAILED, EXIT_INTERRUPTED
from neurocluster.cli.streaming import Outcome
from neurocluster.client.results import FrameTable
from neurocluster.client.session import table_of
from neurocluster.config import RunConfig
from neurocluster.data.idx import Dataset
from neurocluster.model.convert import FixedNetwork
from neurocluster.results.folder import RunFolder
from neurocluster.results.report import WIDTH, print_report
from neurocluster.results.summary import dense_accuracies, summarise, timer_error_ns
from neurocluster.results.tables import (
    FRAME_COLUMNS,
    LAYER_COLUMNS,
    LINK_COLUMNS,
    WORKER_COLUMNS,
    frame_rows,
    layer_rows,
    link_rows,
    worker_rows,
    write_maps,
)


def finish(
    outcome: Outcome, config: RunConfig, folder: RunFolder, data: Dataset,
    fixed: FixedNetwork | None, console: Console, *, json: bool,
) -> int:  # fmt: skip
    """Write the run folder, print the report; return the exit code."""
    session, error = outcome.session, outcome.error
    summary: dict[str, Any] | None = None
    if session is not None and session.network:
        table = table_of(outcome.chunks, session, outcome.first)
        network = session.network
        links = link_rows(network, session.reports, timer_error_ns())
        totals = session.stage_reports()
        workers = worker_rows(network, session.reports, session.roster, totals)
        dense: dict[str, Any] = {
            "accuracy_ann": None,
            "accuracy_qann": {"floor": None, "round": None},
        }
        if fixed is not None and error is None and len(table.frames):
            with console.status("comparing with the dense network"):
                dense = dense_accuracies(fixed, data, table.frames[table.good])
        summary = summarise(network, table, data, links, dense)
        write_tables(
            folder,
            table,
            data,
            links,
            workers,
            layer_rows(network, totals, len(table.good)),
        )
        folder.write_json("summary.json", summary)
        if json:
            print(json_.dumps(summary))
        elif not console.quiet:
            out = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
            print_report(out, summary, links, workers)
    if not console.quiet:
        console.print(f"Results: {folder.path}", soft_wrap=True)
    if error is not None:
        text = f"error: {error}{_log_end(str(error), folder)}"
        print(text, file=sys.stderr)
        return EXIT_INTERRUPTED if outcome.interrupted else EXIT_FAILED
    if outcome.interrupted:
        print("interrupted; what finished is saved", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


def _log_end(text: str, folder: RunFolder, lines: int = 5) -> str:
    """Return the end of the log of the partition that an error names."""
    if not text.startswith("partition "):
        return ""
    path = folder.logs / f"{text.split()[1]}.log"
    with contextlib.suppress(OSError):
        end = path.read_text(errors="replace").strip().splitlines()[-lines:]
        if end:
            return f"\nend of {path}:\n  " + "\n  ".join(end)
    return ""


def write_tables(
    folder: RunFolder, table: FrameTable, data: Dataset, links: list[dict[str, Any]],
    workers: list[dict[str, Any]], layers: list[dict[str, Any]],
) -> None:  # fmt: skip
    """Write every table of the run folder."""
    outputs = [f"count_{k}" for k in range(table.counts.shape[1])]
    folder.write_csv(
        "frames.csv", (*FRAME_COLUMNS, *outputs), frame_rows(table, data.labels)
    )
    write_maps(folder, "links.csv", LINK_COLUMNS, links)
    write_maps(folder, "workers.csv", WORKER_COLUMNS, workers)
    write_maps(folder, "layers.csv", LAYER_COLUMNS, layers)
    if table.errors:
        folder.write_csv("errors.csv", ("frame", "error"), sorted(table.errors.items()))
