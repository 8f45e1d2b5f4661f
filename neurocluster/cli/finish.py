"""Write what a run left and print its report."""

from __future__ import annotations

import json as json_
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from neurocluster.cli.exits import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, print_error
from neurocluster.cli.streaming import Outcome
from neurocluster.cli.terminal import paper
from neurocluster.client.results import FrameTable, table_of
from neurocluster.client.session import Session
from neurocluster.data.idx import Dataset
from neurocluster.errors import ClusterStopped
from neurocluster.results.compare import NOT_COMPARED, compare
from neurocluster.results.folder import RunFolder
from neurocluster.results.report import print_report
from neurocluster.results.summary import summarise, timer_error_ns
from neurocluster.results.tables import layer_rows, link_rows, worker_rows, write_tables


def finish(
    outcome: Outcome, folder: RunFolder, data: Dataset, console: Console,
    *, json: bool, comparing: bool,
) -> int:  # fmt: skip
    """Write the run folder, print the report; return the exit code.

    Args:
        outcome: What the session left.
        folder: Of the run.
        data: What was streamed.
        console: For what is no result.
        json: Print the summary as JSON in place of the report.
        comparing: Compare with the dense networks and with one process.
    """
    session = outcome.session
    if session is not None and session.network:
        table = table_of(outcome.chunks, session.frame_reports(), outcome.first)
        compared = NOT_COMPARED
        if comparing and outcome.error is None and len(table.good):
            compared = _compare(outcome, table, data, console)
        _report(session, table, data, compared, folder, json=json, quiet=console.quiet)
    if not console.quiet:
        console.print(f"Results: {folder.path}", soft_wrap=True)
    return _end(outcome)


def _compare(
    outcome: Outcome, table: FrameTable, data: Dataset, console: Console
) -> Mapping[str, Any]:
    session = outcome.session
    if session is None:
        return NOT_COMPARED
    total, what = len(table.good), "comparing with dense networks and one process"
    try:
        with console.status(what) as status:
            return compare(
                session.network, table, data,
                lambda done: status.update(f"{what}: {done:,} of {total:,} frames"),
            )  # fmt: skip
    except KeyboardInterrupt:
        outcome.interruption.set()
        return NOT_COMPARED


def _report(
    session: Session, table: FrameTable, data: Dataset, compared: Mapping[str, Any],
    folder: RunFolder, *, json: bool, quiet: bool,
) -> None:  # fmt: skip
    network, totals = session.network, session.stage_reports()
    links = link_rows(network, session.reports, session.link_counts(), timer_error_ns())
    workers = worker_rows(network, session.reports, session.roster, totals)
    layers = layer_rows(network, totals, len(table.good))
    summary = summarise(network, table, data, links, compared, session.recoveries)
    write_tables(folder, table, data.labels, links, workers, layers)
    folder.write_json("summary.json", summary)
    if json:
        print(json_.dumps(summary))
    elif not quiet:
        print_report(paper(), summary, links, workers)


def _end(outcome: Outcome) -> int:
    error = outcome.error
    if error is not None:
        print_error(error)
        ended_early = outcome.interrupted or isinstance(error, ClusterStopped)
        return EXIT_INTERRUPTED if ended_early else EXIT_FAILED
    if outcome.interrupted:
        print("interrupted; what finished is saved", file=sys.stderr)
        return EXIT_INTERRUPTED
    return EXIT_DONE
