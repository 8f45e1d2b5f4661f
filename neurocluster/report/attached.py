"""Make the files that other programs open: a trace, logs of histograms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from neurocluster.report.hdr import to_logs
from neurocluster.report.perfetto import to_perfetto
from neurocluster.report.run import Run
from neurocluster.report.timeline import Timeline, timeline
from neurocluster.report.words import listed, plural, time_text
from neurocluster.results.spans import SPAN_FILE, read_spans
from neurocluster.results.trace import TRACE_FILE, read_trace

SUFFIX: Final = ".pftrace"


@dataclass(frozen=True, slots=True)
class Attached:
    """Some files beside the page.

    Attributes:
        title: What they are.
        sentence: What is in them and what opens them.
        data: What they were made of.
        files: Contents by name.
    """

    title: str
    sentence: str
    data: Path
    files: dict[str, bytes]


def attached(run: Run, prefix: str) -> list[Attached]:
    """Return what can be made of a run.

    Raises:
        DataError: One of its files is damaged.
    """
    found = []
    trace = read_trace(run.file(TRACE_FILE))
    if trace is not None:
        lines = timeline(trace)
        files = {f"{prefix}timeline{SUFFIX}": to_perfetto(lines)}
        said = _said(lines)
        found.append(Attached("Timeline", said, run.file(TRACE_FILE), files))
    bins = read_spans(run.file(SPAN_FILE))
    if bins:
        logs = to_logs(bins, run.seconds or 0.0)
        spans = sorted({key[2] for key in bins})
        said = (
            f"HdrHistogram logs of {plural(len(logs), 'link')}, in ns, with tags for "
            f"{listed(spans)}; any reader of HdrHistogram opens them."
        )
        files = {f"{prefix}{name}": text.encode() for name, text in logs.items()}
        found.append(Attached("Times of links", said, run.file(SPAN_FILE), files))
    return found


def _said(lines: Timeline) -> str:
    said = (
        f"What {plural(len(lines.processes), 'process', 'processes')} did while "
        f"{plural(lines.frames, 'frame')} passed, with an arrow for each of "
        f"{plural(lines.packets, 'packet')}; ui.perfetto.dev opens it."
    )
    errors = {p.name: p.error for p in lines.processes}
    worst = max(errors, key=lambda name: errors[name])
    said += f" All times are by the client's clock, within {time_text(errors[worst])}."
    if any(lines.lost):
        packets, turns = lines.lost
        said += (
            f" {plural(packets, 'packet')} and {plural(turns, 'turn')} are missing: "
            "they exceeded the room."
        )
    if lines.gaps:
        said += f" Nothing came of {listed(lines.gaps)}: who was lost took it along."
    if lines.unknown:
        said += f" Left out, for their clocks are not known: {listed(lines.unknown)}."
    return said


def all_files(found: Sequence[Attached]) -> dict[str, bytes]:
    """Return all files by name."""
    return {name: data for a in found for name, data in a.files.items()}
