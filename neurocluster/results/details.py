"""Write what members keep beside their reports: histograms of links, a trace."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from neurocluster.client.records import RESULT
from neurocluster.client.results import Chunk
from neurocluster.dtypes import CLIENT, I64
from neurocluster.errors import DataError
from neurocluster.link.records import SPANS
from neurocluster.member.details import Detail
from neurocluster.metrics.histogram import lower_edges
from neurocluster.results.folder import RunFolder
from neurocluster.results.part import UNREADABLE
from neurocluster.transport.turn import CAUSES
from neurocluster.wire.shapes import DETAILS

SPAN_FILE: Final = "spans.csv"
SPAN_COLUMNS: Final = ("source", "destination", "span", "from_ns", "packets")
"""``from_ns`` is where a bin of `metrics.histogram` begins; empty ones are left out."""
TRACE_FILE: Final = "trace.npz"
FRAME_ROW: Final = ("epoch", "frame", "started", "decided", "done")
"""Of a frame, by the client's clock, ns."""
Bin = tuple[str, str, str, int]


def write_spans(
    folder: RunFolder, network: Mapping[str, Any], details: Sequence[Detail]
) -> None:
    """Write how long packets took on each link; add to what earlier sessions wrote.

    Raises:
        ConfigError: The file cannot be written.
    """
    ends = {row[0]: (str(row[2]), str(row[3])) for row in network["links"]}
    edges, counts = lower_edges(), read_spans(folder.path / SPAN_FILE)
    for detail in details:
        if detail.table == "spans":
            for link, span, place, count in detail.rows.tolist():
                if link in ends and span < len(SPANS) and place < len(edges):
                    key = (*ends[link], SPANS[span], int(edges[place]))
                    counts[key] += count
    if counts:
        rows = [(*key, count) for key, count in sorted(counts.items())]
        folder.write_csv(SPAN_FILE, SPAN_COLUMNS, rows)


def read_spans(path: Path) -> Counter[Bin]:
    """Return packets by link, span and bin; nothing if there is no file.

    Raises:
        DataError: It is damaged.
    """
    if not path.exists():
        return Counter()
    try:
        with path.open(newline="", encoding="utf-8") as file:
            lines = list(csv.DictReader(file))
        return Counter(
            {
                (k["source"], k["destination"], k["span"], int(k["from_ns"])):
                int(k["packets"])
                for k in lines
            }
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        message = f"{path} is damaged: {error!r}; remove it"
        raise DataError(message) from error


@dataclass(frozen=True, slots=True, eq=False)
class TraceFile:
    """What members recorded of the first frames.

    Attributes:
        nodes: Who took part: the partitions in plan order, then the client.
        hosts: Of each.
        links: By number of a link: source and destination.
        packets: By node, (n, columns) int64; see `wire.shapes.PACKET_ROW`.
        turns: By node, likewise; see `wire.shapes.TURN_ROW`.
        lost: By node: packets and turns that there was no room for.
        causes: What a turn may wait for, see `wire.shapes.TURN_ROW`.
        frames: (n, FRAME_ROW) int64.
    """

    nodes: Sequence[str]
    hosts: Sequence[str]
    links: Mapping[int, tuple[str, str]]
    packets: Mapping[str, I64]
    turns: Mapping[str, I64]
    lost: Mapping[str, tuple[int, int]]
    causes: Sequence[str]
    frames: I64


def write_trace(
    folder: RunFolder, network: Mapping[str, Any],
    roster: Sequence[Mapping[str, Any]], details: Sequence[Detail],
    chunks: Sequence[Chunk],
) -> None:  # fmt: skip
    """Write what members recorded, if they did.

    Raises:
        ConfigError: The file cannot be written.
    """
    if not any(detail.table == "packets" for detail in details):
        return
    nodes = [*(str(row[0]) for row in network["partitions"]), CLIENT]
    hosts = {str(row["partition"]): str(row["host"]) for row in roster}
    arrays: dict[str, Any] = {}
    lost: dict[str, list[int]] = {name: [0, 0] for name in nodes}
    for k, name in enumerate(nodes):
        number = -1 if name == CLIENT else k
        for place, table in enumerate(("packets", "turns")):
            mine = [d for d in details if d.node == number and d.table == table]
            empty = np.zeros((0, len(DETAILS[table])), np.int64)
            arrays[f"{table}_{k}"] = np.concatenate([*(d.rows for d in mine), empty])
            lost[name][place] = sum(d.lost for d in mine)
    told = {
        "nodes": nodes, "hosts": [hosts.get(name, "") for name in nodes],
        "links": [[row[0], row[2], row[3]] for row in network["links"]],
        "lost": lost, "causes": CAUSES,
    }  # fmt: skip
    last = max((int(a[:, 3].max()) for n, a in arrays.items()
                if n.startswith("packets") and len(a)), default=-1)  # fmt: skip
    frames = _frames(chunks, last)
    with folder.open_binary(TRACE_FILE) as file:
        np.savez_compressed(
            file, allow_pickle=False, frames=frames, told=np.array(json.dumps(told)),
            **arrays,
        )  # fmt: skip


def _frames(chunks: Sequence[Chunk], last: int) -> I64:
    """Return `FRAME_ROW` of the frames of each epoch up to the last one traced."""
    names = ("frame", "started_ns", "decided_ns", "done_ns")
    assert set(names) <= set(RESULT.names or ())
    tables = [
        np.column_stack([
            np.full(len(c.rows), c.epoch, np.int64), *(c.rows[n] for n in names)
        ])
        for c in chunks
    ]  # fmt: skip
    rows = np.concatenate([*tables, np.zeros((0, len(FRAME_ROW)), np.int64)])
    return rows[(rows[:, 1] <= last) & (rows[:, 2] > 0)]


def read_trace(path: Path) -> TraceFile | None:
    """Return what members recorded; None if there is no file.

    Raises:
        DataError: It is damaged.
    """
    if not path.exists():
        return None
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            told = json.loads(str(file["told"]))
            nodes = told["nodes"]
            return TraceFile(
                nodes, told["hosts"], {k: (a, b) for k, a, b in told["links"]},
                {name: file[f"packets_{k}"] for k, name in enumerate(nodes)},
                {name: file[f"turns_{k}"] for k, name in enumerate(nodes)},
                {name: (a, b) for name, (a, b) in told["lost"].items()},
                told["causes"], file["frames"],
            )  # fmt: skip
    except UNREADABLE as error:
        message = f"{path} is damaged: {error}; make the run again"
        raise DataError(message) from error
