"""Lay what members recorded on one time line: turns, packets, waits, frames; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from neurocluster.dtypes import CLIENT, I64
from neurocluster.report.clocks import Clocks, seen_of
from neurocluster.results.trace import FRAME_ROW, TraceFile
from neurocluster.wire.shapes import PACKET_ROW, TURN_ROW

TURNS, WAITS, FRAMES = "turns", "waits between turns", "frames in flight"
WAITED: Final = {
    "loop": "other work", "input": "for input", "outbound": "for room in a link",
    "sleep": "slowed down", "clock": "for the clock",
}  # fmt: skip
P: Final = {name: k for k, name in enumerate(PACKET_ROW)}
T: Final = {name: k for k, name in enumerate(TURN_ROW)}
F: Final = {name: k for k, name in enumerate(FRAME_ROW)}


@dataclass(frozen=True, slots=True)
class Slice:
    """Something that took a time; one without duration is an instant.

    Attributes:
        begin: By the client's clock, ns.
        end: Likewise; None for an instant.
        name: What it was.
        told: Further figures.
        starts: Number of the arrow that starts here, or None.
        ends: Number of the arrow that ends here, or None.
    """

    begin: int
    end: int | None
    name: str
    told: Mapping[str, int | str] = field(default_factory=dict)
    starts: int | None = None
    ends: int | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """A line of slices that do not overlap unless one is within the other."""

    name: str
    slices: Sequence[Slice]


@dataclass(frozen=True, slots=True)
class Process:
    """What one process did.

    Attributes:
        name: Partition, or client.
        host: Where it ran.
        error: How far its times may be off from the client's, ns.
        tracks: What it did.
    """

    name: str
    host: str
    error: int
    tracks: Sequence[Track]


@dataclass(frozen=True, slots=True)
class Timeline:
    """What all processes did.

    Attributes:
        processes: The client first, then in plan order.
        packets: Arrows: packets that were recorded.
        frames: Frames that the client saw.
        lost: Packets and turns that there was no room for.
        unknown: Processes whose clock is not known; they are left out.
        gaps: Processes and epochs of which nothing came: they were lost with it.
    """

    processes: Sequence[Process]
    packets: int
    frames: int
    lost: tuple[int, int]
    unknown: Sequence[str]
    gaps: Sequence[str] = ()


def timeline(trace: TraceFile) -> Timeline:
    """Return what was recorded, all times by the client's clock."""
    clocks = Clocks(seen_of(trace.packets, trace.links, PACKET_ROW), CLIENT)
    known = [name for name in trace.nodes if name in clocks.errors]
    sends: dict[str, list[Slice]] = {name: [] for name in known}
    handled: dict[str, list[Slice]] = {name: [] for name in known}
    arrows = 0
    for name in known:
        for source, sent, slice_ in _packets(trace, clocks, name, arrows):
            sends[source].append(sent)
            handled[name].append(slice_)
            arrows += 1
    hosts = dict(zip(trace.nodes, trace.hosts, strict=True))
    processes = []
    for name in [CLIENT, *(n for n in known if n != CLIENT)]:
        turns, waits = _turns(trace, clocks, name)
        tracks = [
            Track(TURNS, [*turns, *handled[name], *sends[name]]), Track(WAITS, waits)
        ]  # fmt: skip
        if name == CLIENT:
            tracks += [Track(FRAMES, lane) for lane in _lanes(trace.frames)]
        processes.append(Process(name, hosts[name], clocks.errors[name], tracks))
    lost = [sum(trace.lost[name][k] for name in trace.nodes) for k in range(2)]
    unknown = [name for name in trace.nodes if name not in clocks.errors]
    return Timeline(
        processes, arrows, len(trace.frames), (lost[0], lost[1]), unknown, _gaps(trace)
    )


def _gaps(trace: TraceFile) -> list[str]:
    """Return who recorded nothing of an epoch in which others did."""
    epochs = {
        name: set(rows[:, P["epoch"]].tolist()) for name, rows in trace.packets.items()
    }
    everything = sorted(set().union(*epochs.values()))
    room = [name for name in trace.nodes if not any(trace.lost[name])]
    return [
        f"{name} in epoch {epoch}"
        for epoch in everything for name in room if epoch not in epochs[name]
    ]  # fmt: skip


def _packets(
    trace: TraceFile, clocks: Clocks, name: str, first: int
) -> Iterator[tuple[str, Slice, Slice]]:
    """Yield source, sending and handling of each packet that a process received."""
    rows = trace.packets[name]
    received, done = (clocks.told(name, rows[:, P[k]]) for k in ("received", "done"))
    sent = np.zeros(len(rows), np.int64)
    for link in np.unique(rows[:, P["link"]]).tolist():
        at = rows[:, P["link"]] == link
        source = trace.links[link][0]
        if source in clocks.errors:
            sent[at] = clocks.told(source, rows[at, P["sent"]])
    for k, row in enumerate(rows.tolist()):
        source, to = trace.links[row[P["link"]]]
        if source not in clocks.errors:
            continue
        told = {
            "link": f"{source}->{to}", "sequence": row[P["sequence"]],
            "frame": row[P["frame"]], "spikes in": row[P["spikes"]],
        }  # fmt: skip
        begin, end = int(received[k]), int(done[k])
        more = {
            "spikes out": row[P["caused"]], "kernel ns": row[P["kernel"]],
            "one way ns": begin - int(sent[k]),
        }  # fmt: skip
        frame = row[P["frame"]]
        yield (
            source,
            Slice(int(sent[k]), None, f"send {frame} to {to}", told, starts=first),
            Slice(begin, end, f"frame {frame} from {source}",
                  told | more, ends=first),
        )  # fmt: skip
        first += 1


def _turns(
    trace: TraceFile, clocks: Clocks, name: str
) -> tuple[list[Slice], list[Slice]]:
    """Return a process's turns, and what it waited for between them."""
    rows, packets = trace.turns[name], trace.packets[name]
    begin, end = (clocks.told(name, rows[:, T[k]]) for k in ("begin", "end"))
    came = packets[:, P["received"]]
    first = np.searchsorted(came, rows[:, T["begin"]], side="left")
    last = np.searchsorted(came, rows[:, T["end"]], side="right")
    turns, waits = [], []
    for k, row in enumerate(rows.tolist()):
        mine = packets[first[k] : last[k]]
        turns.append(Slice(int(begin[k]), int(end[k]), "turn", _turn_told(mine)))
        following = k + 1 < len(rows) and rows[k + 1, T["epoch"]] == row[T["epoch"]]
        if following and begin[k + 1] > end[k]:
            cause = str(trace.causes[row[T["cause"]]])
            said = WAITED.get(cause, cause)
            waits.append(Slice(int(end[k]), int(begin[k + 1]), said))
    return turns, waits


def _turn_told(packets: I64) -> dict[str, int | str]:
    """Return the figures of a turn that handled some packets."""
    told: dict[str, int | str] = {"packets": len(packets)}
    if len(packets):
        frames = packets[:, P["frame"]]
        told |= {
            "first frame": int(frames.min()), "last frame": int(frames.max()),
            "spikes in": int(packets[:, P["spikes"]].sum()),
            "spikes out": int(packets[:, P["caused"]].sum()),
        }  # fmt: skip
    return told


def _lanes(frames: I64) -> list[list[Slice]]:
    """Return the frames of the client in as few lanes as have no overlaps."""
    lanes: list[list[Slice]] = []
    for row in frames[np.argsort(frames[:, F["started"]], kind="stable")].tolist():
        begin, end = row[F["started"]], row[F["done"]]
        told = {"decided after ns": row[F["decided"]] - begin, "epoch": row[F["epoch"]]}
        made = Slice(begin, end, f"frame {row[F['frame']]}", told)
        free = (k for k in lanes if (k[-1].end or 0) <= begin)
        lane = next(free, None)
        if lane is None:
            lanes.append([made])
        else:
            lane.append(made)
    return lanes
