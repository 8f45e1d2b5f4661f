"""Describe where a cluster stands, as ANSWER carries it and as commands read it.

`Status` is what the controller knows at one moment. What the machine of the reader
knows of the processes may be added: `Status.seen`. `controller.explain` makes one
sentence of it.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from neurocluster.controller.ticks import numbers
from neurocluster.dtypes import CLIENT
from neurocluster.wire.shapes import RECEIVED_ROW, SENT_ROW

SILENT_MS: Final = 350
"""A node that sent no BEAT for this long is worth a word; beats come each 100 ms."""
GONE: Final = "gone"
"""In place of the letter of a process's state: there is no such process."""
UNSEEN: Final = ""
"""In place of that letter: the process is of another machine."""
STOPPED: Final = ("T", "t")
ENDED: Final = ("Z", "X", GONE)
Rows = Mapping[int, tuple[int, int]]
"""By link: spikes, and the next frame to be closed or the packets that wait."""


@dataclass(frozen=True, slots=True)
class MemberStatus:
    """Where one member stands; see `wire.shapes.MEMBER`.

    Attributes:
        node: What it runs; empty for a spare.
        slot: Partition that it wishes to run, or -1.
        told: It has sent its counters in this epoch; else they are zero.
        heard_ms: Since its last message.
        moved_ms: Since its counters moved.
        open_frames: Frames of which it has begun, and not closed, its part.
        frame: The oldest frame that it has not closed, counted in this epoch.
        finished: Position of the frame that finished last (of the client).
        received: Spikes and next frame to be closed, by inbound link.
        sent: Spikes and packets that wait to be sent, by outbound link.
        refused: Connections that its process has turned away.
        strangers: Messages of who is no member that its process has dropped.
        rounds: Where it stands under a clock; see `wire.shapes.ROUNDS_ROW`.
        process: State of its process, where that can be seen; see `process.state_of`.
    """

    node: str
    role: str
    pid: int
    host: str
    slot: int
    ready: bool
    linked: bool
    told: bool
    phase: str
    heard_ms: int
    moved_ms: int
    blocked: bool
    open_frames: int
    frame: int
    finished: int
    packets: int
    received: Rows
    sent: Rows
    refused: int
    strangers: int
    rounds: tuple[int, ...]
    process: str = ""

    @classmethod
    def from_wire(cls, entry: Mapping[str, Any]) -> Self:
        """Read what ANSWER says of a member."""
        received = _rows(entry["received"], len(RECEIVED_ROW))
        sent = _rows(entry["sent"], len(SENT_ROW))
        rounds = numbers(entry["rounds"])
        return cls(**{**entry, "received": received, "sent": sent, "rounds": rounds})

    @property
    def name(self) -> str:
        """Return what sentences call it."""
        if self.role == CLIENT:
            return "the client"
        return self.node or "a spare"

    @property
    def stopped(self) -> bool:
        """Tell whether its process was stopped by a signal."""
        return self.process in STOPPED

    @property
    def still(self) -> bool:
        """Tell whether it does nothing at all: stopped, or silent."""
        return self.stopped or self.heard_ms > SILENT_MS

    @property
    def waiting(self) -> int:
        """Return how many packets wait to be sent."""
        return sum(packets for _, packets in self.sent.values())


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """Where one link stands; None where an end has not told.

    Attributes:
        waiting: Packets that its source could not send yet.
        closing: The frame that is to be closed next.
    """

    index: int
    source: str
    destination: str
    sent: int | None
    received: int | None
    waiting: int
    closing: int | None

    @property
    def name(self) -> str:
        """Return what sentences call it."""
        return f"{self.source}->{self.destination}"


@dataclass(frozen=True, slots=True)
class LostStatus:
    """A member that was lost in this session."""

    node: str
    pid: int
    host: str
    how: str
    ago_ms: int
    process: str = ""


@dataclass(frozen=True, slots=True)
class RecoveryStatus:
    """An epoch that failed; ``took_ms`` is -1 while the next one does not run."""

    ago_ms: int
    took_ms: int
    reason: str


@dataclass(frozen=True, slots=True)
class Status:
    """Where a cluster stands; see `wire.shapes.STATUS`.

    Attributes:
        phase: Of the controller.
        reason: Why the last epoch of this session failed; empty if none did.
        left_ms: Until a deadline ends what goes on; -1 without one.
        refused: Connections that the controller has turned away.
        strangers: Messages of who is no member that it has dropped.
    """

    phase: str
    epoch: int
    stopping: bool
    reason: str
    left_ms: int
    refused: int
    strangers: int
    partitions: tuple[str, ...]
    links: tuple[LinkStatus, ...]
    members: tuple[MemberStatus, ...]
    lost: tuple[LostStatus, ...]
    recoveries: tuple[RecoveryStatus, ...]

    @classmethod
    def from_wire(cls, body: Mapping[str, Any]) -> Self:
        """Read the status in an ANSWER, whose shape was checked."""
        members = tuple(MemberStatus.from_wire(entry) for entry in body["members"])
        nodes = {member.node: member for member in members if member.node}
        inside = {
            "links": tuple(_link(row, nodes) for row in body["links"]),
            "members": members,
            "lost": tuple(LostStatus(**entry) for entry in body["lost"]),
            "recoveries": tuple(RecoveryStatus(*row) for row in body["recoveries"]),
        }
        return cls(**{**body, **inside})

    def seen(self, look: Callable[[int, str], str]) -> Self:
        """Return the same with the state of each process, as ``look`` finds it."""
        members = tuple(
            dataclasses.replace(m, process=look(m.pid, m.host)) for m in self.members
        )
        lost = tuple(
            dataclasses.replace(m, process=look(m.pid, m.host)) for m in self.lost
        )
        return dataclasses.replace(self, members=members, lost=lost)

    @property
    def client(self) -> MemberStatus | None:
        """Return the client, if it has come."""
        return next((m for m in self.members if m.role == CLIENT), None)

    @property
    def workers(self) -> list[MemberStatus]:
        """Return the workers, spares too."""
        return [m for m in self.members if m.role != CLIENT]

    @property
    def nodes(self) -> dict[str, MemberStatus]:
        """Return who runs what."""
        return {m.node: m for m in self.members if m.node}

    @property
    def missing(self) -> list[str]:
        """Return the partitions that no worker runs or, once all are there, would."""
        taken = {m.node for m in self.members}
        free = [name for name in self.partitions if name not in taken]
        wishless = 0
        for member in self.workers:
            wish = self.partitions[member.slot : member.slot + 1] or ("",)
            if not member.node and wish[0] in free:
                free.remove(wish[0])
            else:
                wishless += not member.node
        return free[wishless:]

    @property
    def offset(self) -> int:
        """Return what, added to a frame's number in this epoch, is its position."""
        client = self.client
        return client.finished + 1 - client.frame if client is not None else 0


def _link(row: tuple[int, str, str], nodes: Mapping[str, MemberStatus]) -> LinkStatus:
    index, source, destination = row
    sent = received = closing = None
    waiting = 0
    if (start := nodes.get(source)) is not None and index in start.sent:
        sent, waiting = start.sent[index]
    if (end := nodes.get(destination)) is not None and index in end.received:
        received, closing = end.received[index]
    return LinkStatus(index, source, destination, sent, received, waiting, closing)


def _rows(data: bytes, columns: int) -> Rows:
    return {link: (first, second) for link, first, second in _words(data, columns)}


def _words(data: bytes, columns: int) -> Iterator[tuple[int, ...]]:
    """Yield rows of little-endian uint64."""
    yield from struct.iter_unpack(f"<{columns}Q", data)
