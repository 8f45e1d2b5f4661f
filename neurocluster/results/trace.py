"""Write and read what members recorded of a run's first frames: trace.npz."""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from neurocluster.client.records import RESULT
from neurocluster.client.results import Chunk
from neurocluster.dtypes import CLIENT, I64
from neurocluster.errors import DataError
from neurocluster.member.details import Detail
from neurocluster.model.partition import is_node
from neurocluster.results.folder import RunFolder
from neurocluster.results.part import UNREADABLE
from neurocluster.transport.turn import CAUSES
from neurocluster.wire.shapes import DETAILS, PACKET_ROW, TURN_ROW

TRACE_FILE: Final = "trace.npz"
FRAME_ROW: Final = ("epoch", "frame", "started", "decided", "done")
"""Of a frame, by the client's clock, ns."""


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
            found = TraceFile(
                nodes, told["hosts"], {k: (a, b) for k, a, b in told["links"]},
                {name: file[f"packets_{k}"] for k, name in enumerate(nodes)},
                {name: file[f"turns_{k}"] for k, name in enumerate(nodes)},
                {name: (a, b) for name, (a, b) in told["lost"].items()},
                told["causes"], file["frames"],
            )  # fmt: skip
        for problem in _problems(found):
            raise ValueError(problem)
        return found
    except UNREADABLE as error:
        message = f"{path} is damaged: {error}; make the run again"
        raise DataError(message) from error


def _problems(trace: TraceFile) -> Iterator[str]:
    """Yield what is not as `write_trace` writes it; the first is enough to know."""
    nodes = set(trace.nodes)
    if not all(map(is_node, trace.nodes)) or CLIENT not in nodes:
        yield f"nodes {trace.nodes!r} are not partitions and the client"
    if len(trace.hosts) != len(trace.nodes) or trace.lost.keys() != nodes:
        yield "a node has no host, or no count of what was lost"
    for number, ends in trace.links.items():
        if not nodes.issuperset(ends):
            yield f"link {number} has an end that is no node: {' to '.join(ends)}"
    causes = range(len(trace.causes))
    for name in trace.nodes:
        packets, turns = trace.packets[name], trace.turns[name]
        yield from _misfit(
            f"packets of {name}", packets, PACKET_ROW, "link", trace.links
        )
        yield from _misfit(f"turns of {name}", turns, TURN_ROW, "cause", causes)
    yield from _misfit("frames", trace.frames, FRAME_ROW)


def _misfit(
    what: str, rows: I64, columns: Sequence[str], column: str = "",
    known: Container[int] = (),
) -> Iterator[str]:  # fmt: skip
    """Yield what is wrong with a table: its form, or a value of one column."""
    if rows.dtype.kind != "i" or rows.shape[1:] != (len(columns),):
        yield f"{what} are {rows.dtype} of shape {rows.shape}"
    if column:
        for value in np.unique(rows[:, columns.index(column)]).tolist():
            if value not in known:
                yield f"{what} have a {column} {value} that there is not"
