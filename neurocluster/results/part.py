"""Keep what one session of a run left, so that the next can go on with the rest.

A run whose session failed or was interrupted leaves ``unfinished.npz`` beside its
tables. `--resume` streams the frames without a result and joins both: each frame is in
the tables once.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zipfile import BadZipFile

import numpy as np

from neurocluster.client.results import FrameTable
from neurocluster.dtypes import I64
from neurocluster.errors import ConfigError
from neurocluster.results.folder import RunFolder

NAME: Final = "unfinished.npz"
UNREADABLE: Final = (
    OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, BadZipFile,
    zlib.error,
)  # fmt: skip
"""What reading a damaged file may raise."""
SUMMED: Final = (
    "spikes_sent", "spikes_received", "spikes_positive", "spikes_negative", "packets",
    "bytes", "blocked_ns", "wire_packets",
)  # fmt: skip
"""Columns of links.csv that sessions add up; of the others the last session's stay."""
Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """What sessions of one run left.

    Attributes:
        network: What tells networks and settings apart; see `identity`.
        table: Frames that have a result.
        totals: (partitions, 4) int64; see `client.reports.FrameReports.totals`.
        links: Lines of links.csv.
        workers: Lines of workers.csv.
        recoveries: Of summary.json.
        seconds: From the first send to the last result, all sessions.
    """

    network: str
    table: FrameTable
    totals: I64
    links: Sequence[Line]
    workers: Sequence[Line]
    recoveries: Sequence[Mapping[str, Any]]
    seconds: float


def identity(network: Mapping[str, Any]) -> str:
    """Return a digest of all on which the results of a chain depend."""
    names = ("thresholds", "offset", "quantizer", "fire")
    digest = hashlib.sha256(network["file"])
    digest.update(repr([network[name] for name in names]).encode())
    digest.update(repr([row[0] for row in network["partitions"]]).encode())
    return digest.hexdigest()


def save(folder: RunFolder, part: Part) -> None:
    """Write a part into a run's folder.

    Raises:
        ConfigError: It cannot be written.
    """
    table = part.table
    told = {
        "network": part.network, "links": list(part.links),
        "workers": list(part.workers), "recoveries": list(part.recoveries),
        "seconds": part.seconds, "errors": table.errors,
    }  # fmt: skip
    with folder.open_binary(NAME) as file:
        np.savez_compressed(
            file, frames=table.frames, rows=table.rows, counts=table.counts,
            potentials=table.potentials, reports=table.reports, totals=part.totals,
            told=np.array(json.dumps(told)),
        )  # fmt: skip


def load(folder: RunFolder) -> Part | None:
    """Read what earlier sessions left; None if there is nothing.

    Raises:
        ConfigError: The file is damaged.
    """
    path = folder.path / NAME
    if not path.exists():
        return None
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            told = json.loads(str(file["told"]))
            errors = {int(frame): text for frame, text in told["errors"].items()}
            table = FrameTable(
                file["frames"], file["rows"], file["counts"], file["potentials"],
                errors, file["reports"],
            )  # fmt: skip
            return Part(
                told["network"], table, file["totals"], told["links"], told["workers"],
                told["recoveries"], told["seconds"],
            )  # fmt: skip
    except UNREADABLE as error:
        message = f"resume: {path} is damaged: {error}; start the run anew"
        raise ConfigError(message) from error


def join(old: Part, new: Part) -> Part:
    """Return both sessions as one; every frame is in one of them."""
    tables = [t for t in (old.table, new.table) if len(t.frames)] or [new.table]
    frames = np.concatenate([table.frames for table in tables])
    order = np.argsort(frames, kind="stable")

    def both(name: str) -> Any:
        return np.concatenate([getattr(table, name) for table in tables])[order]

    table = FrameTable(
        frames[order], both("rows"), both("counts"), both("potentials"),
        old.table.errors | new.table.errors, both("reports"),
    )  # fmt: skip
    return Part(
        new.network, table, old.totals + new.totals, _links(old.links, new.links),
        [*old.workers, *new.workers], [*old.recoveries, *new.recoveries],
        old.seconds + new.seconds,
    )  # fmt: skip


def _links(old: Sequence[Line], new: Sequence[Line]) -> list[Line]:
    lines = []
    for before, now in zip(old, new, strict=True):
        line = dict(now)
        for name in SUMMED:
            values = [v for v in (before[name], now[name]) if v is not None]
            line[name] = sum(values) if values else None
        longest = [
            v
            for v in (before["transit_ns_max"], now["transit_ns_max"])
            if v is not None
        ]
        line["transit_ns_max"] = max(longest, default=None)
        lines.append(line)
    return lines
