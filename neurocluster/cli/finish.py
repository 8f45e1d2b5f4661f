"""Write what a run left and print its report."""

from __future__ import annotations

import contextlib
import dataclasses
import json as json_
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from neurocluster.cli.exits import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, print_error
from neurocluster.cli.resume import Work
from neurocluster.cli.streaming import Outcome
from neurocluster.cli.terminal import paper
from neurocluster.client.results import Chunk, FrameTable, table_of
from neurocluster.client.session import Session
from neurocluster.errors import ClusterStopped, ConfigError
from neurocluster.results.compare import NOT_COMPARED, compare
from neurocluster.results.folder import RunFolder
from neurocluster.results.part import NAME, Part, identity, join, save
from neurocluster.results.report import print_report
from neurocluster.results.spans import write_spans
from neurocluster.results.summary import (
    guests,
    recovery_lines,
    stream_seconds,
    summarise,
)
from neurocluster.results.tables import layer_rows, link_rows, worker_rows, write_tables
from neurocluster.results.trace import write_trace


def finish(outcome: Outcome, console: Console, *, json: bool, again: str) -> int:
    """Write the run folder, print the report; return the exit code.

    Args:
        outcome: What the session left.
        console: For what is no result.
        json: Print the summary as JSON in place of the report.
        again: Command that goes on with the frames without a result, but for its
            --resume.
    """
    folder = outcome.work.folder
    with _rescue(outcome):
        if (kept := keep(outcome, console)) is not None:
            _print(*kept, json=json, quiet=console.quiet)
    folder.leave()
    if not console.quiet:
        console.print(f"Results: {outcome.work.folder.path}", soft_wrap=True)
    return _end(outcome, again)


def keep(outcome: Outcome, console: Console) -> tuple[dict[str, Any], Part] | None:
    """Write what a session left; return it, with the summary; None if there is nothing.

    Raises:
        ConfigError: The folder takes no more, or is another session's by now.
    """
    session, work = outcome.session, outcome.work
    if session is None or not session.network:
        return None
    part = _part(outcome, session)
    compared = NOT_COMPARED
    whole = outcome.error is None and len(part.table.good)
    if work.config.compare and whole:
        compared = _compare(outcome, session, part.table, console)
    _check_taken(work.folder)
    _write(outcome, part)
    return _report(outcome, session, part, compared), part


def nothing_left(work: Work, console: Console) -> int:
    """Say that a run that is to go on has all its results."""
    text = f"Nothing to do: all frames of {work.folder.path} have results."
    console.print(text, soft_wrap=True)
    return EXIT_DONE


def _part(outcome: Outcome, session: Session) -> Part:
    """Return what this session and those before it left."""
    work, network = outcome.work, session.network
    table = table_of(outcome.chunks, session.frame_reports(), work.frames)
    totals = session.stage_reports()
    nothing = np.zeros(4, np.int64)
    parts = range(len(network["partitions"]))
    sums = np.array([totals.get(k, nothing) for k in parts])
    part = Part(
        identity(network), table, sums,
        link_rows(network, session.reports, session.link_counts()),
        worker_rows(
            network, session.reports, session.roster, totals, session.barrier
        ),
        recovery_lines(session.recoveries), stream_seconds(table),
    )  # fmt: skip
    return part if work.before is None else join(work.before, part)


def _compare(
    outcome: Outcome, session: Session, table: FrameTable, console: Console
) -> Mapping[str, Any]:
    total, what = len(table.good), "comparing with dense networks and one process"
    try:
        with console.status(what) as status:
            return compare(
                session.network, table, outcome.work.data,
                lambda done: status.update(f"{what}: {done:,} of {total:,} frames"),
            )  # fmt: skip
    except KeyboardInterrupt:
        outcome.interruption.set()
        return NOT_COMPARED


def _check_taken(folder: RunFolder) -> None:
    if not folder.taken:
        message = f"a later session of this run has taken {folder.path} over"
        raise ConfigError(message)


@contextlib.contextmanager
def _rescue(outcome: Outcome) -> Iterator[None]:
    """Write the results elsewhere when the run's folder takes no more."""
    try:
        yield
    except ConfigError as error:
        folder = RunFolder(Path(tempfile.mkdtemp(prefix="neurocluster-")))
        session = outcome.session
        outcome.work = dataclasses.replace(outcome.work, folder=folder)
        folder.write_text("config.toml", outcome.work.config.to_toml())
        if session is not None:
            part = _part(outcome, session)
            _write(outcome, part)
            _report(outcome, session, part, NOT_COMPARED)
        error.add_note(f"the results are in {folder.path} instead")
        outcome.error = outcome.error or error


def _write(outcome: Outcome, part: Part) -> None:
    """Keep what the rest of the run needs, if there is a rest."""
    work = outcome.work
    wanted = len(work.frames) + (len(work.before.table.frames) if work.before else 0)
    if len(part.table.frames) < wanted:
        save(work.folder, part)
    else:
        work.folder.remove(NAME)


def _report(
    outcome: Outcome, session: Session, part: Part, compared: Mapping[str, Any]
) -> dict[str, Any]:
    network, work = session.network, outcome.work
    layers = layer_rows(network, dict(enumerate(part.totals)), len(part.table.good))
    summary = summarise(
        network, part.table, work.data, part.links, compared, part.recoveries,
        part.seconds, guests(part.workers, session.guests), session.barrier,
        work.config.tu,
    )  # fmt: skip
    labels = work.data.labels
    write_tables(work.folder, part.table, labels, part.links, part.workers, layers)
    work.folder.write_json("summary.json", summary)
    write_details(work.folder, session, outcome.chunks)
    return summary


def write_details(
    folder: RunFolder, session: Session, chunks: Sequence[Chunk]
) -> None:  # fmt: skip
    """Write histograms of the links, and the trace if there is one."""
    write_spans(folder, session.network, session.details)
    write_trace(folder, session.network, session.roster, session.details, chunks)


def _print(summary: dict[str, Any], part: Part, *, json: bool, quiet: bool) -> None:
    if json:
        print(json_.dumps(summary))
    elif not quiet:
        print_report(paper(), summary, part.links, part.workers)


def _end(outcome: Outcome, again: str) -> int:
    error, session = outcome.error, outcome.session
    if error is not None:
        print_error(error)
    elif outcome.interrupted:
        print("interrupted; what finished is saved", file=sys.stderr)
    else:
        return EXIT_DONE
    left = len(outcome.work.frames) - sum(len(c.frames) for c in outcome.chunks)
    if session is not None and session.network:
        print(_rest(left, again, outcome.work.folder.path), file=sys.stderr)
    early = outcome.interrupted or isinstance(error, ClusterStopped)
    return EXIT_INTERRUPTED if early else EXIT_FAILED


def _rest(left: int, again: str, run: Path) -> str:
    if not left:
        return "every frame has its result all the same"
    return f"{left:,} frames have no result; go on with: {again} --resume {run}"
