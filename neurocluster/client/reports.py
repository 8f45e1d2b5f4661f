"""Join what the partitions report of each frame; check every link of it.

A frame is complete when the client and every partition have reported it. Then, on every
link, the spikes that the source counted must be those that the destination counted
(law 1). Sums are kept over complete frames; rows of single frames go to whoever takes
them, so that memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from neurocluster.dtypes import CLIENT, I64, U64
from neurocluster.errors import MalformedMessage
from neurocluster.wire.shapes import FRAME_ROW

FIELDS: Final = len(FRAME_ROW)
ROOM: Final = 1024
"""Frames that the tables hold at first; they grow with what is incomplete."""
SENT, NEGATIVE, RECEIVED = range(3)


@dataclass(frozen=True, slots=True)
class Unequal:
    """A link whose ends counted different spikes in one frame."""

    link: str
    epoch: int
    frame: int
    sent: int
    received: int

    def __str__(self) -> str:
        """Say it to a person."""
        return (
            f"link {self.link}, frame {self.frame} of epoch {self.epoch}: "
            f"{self.sent} spikes sent and {self.received} received"
        )


class FrameReports:
    """Hold the reports of one session.

    Attributes:
        totals: (partitions, 4) int64: spikes, pooling spikes, SynOps, service_ns.
        links: (links, 3) int64 in plan order: sent, negative, received.
        frames: How many are complete.
        unequal: The first link whose ends disagree, or None.
    """

    def __init__(self, network: Mapping[str, Any]) -> None:
        """Take the plan: ``partitions`` and ``links`` of a client's PREPARE."""
        self._names = [row[0] for row in network["partitions"]]
        self._link_names = [row[1] for row in network["links"]]
        ends = [(row[2], row[3]) for row in network["links"]]
        self._columns = {
            name: (
                [k for k, end in enumerate(ends) if end[1] == name],
                [k for k, end in enumerate(ends) if end[0] == name],
            )
            for name in (*self._names, CLIENT)
        }
        self.totals: I64 = np.zeros((len(self._names), FIELDS - 1), np.int64)
        self.links: I64 = np.zeros((len(ends), 3), np.int64)
        self.frames = 0
        self.unequal: Unequal | None = None
        self._done: list[I64] = []
        self._begin(0)

    def _begin(self, epoch: int) -> None:
        self._epoch, self._base, self._end = epoch, 0, 0
        self._seen: I64 = np.zeros(ROOM, np.int64)
        self._parts: I64 = np.zeros((ROOM, *self.totals.shape), np.int64)
        self._counts: I64 = np.zeros((ROOM, *self.links.shape), np.int64)

    # -- adding ------------------------------------------------------------------

    def add(self, epoch: int, partition: int, rows: bytes) -> None:
        """Take the rows of one FRAMES message, little-endian uint64.

        Raises:
            MalformedMessage: There is no such partition, or the rows have not its
                links' columns.
        """
        if not 0 <= partition < len(self._names):
            message = f"FRAMES: there is no partition {partition}"
            raise MalformedMessage(message)
        name = self._names[partition]
        inbound, outbound = self._columns[name]
        width = FIELDS + len(inbound) + 2 * len(outbound)
        if len(rows) % (8 * width):
            message = f"FRAMES: rows of {name} have not {width} columns"
            raise MalformedMessage(message)
        table = np.frombuffer(rows, "<u8").reshape(-1, width).astype(np.int64)
        at = self._places(epoch, table[:, 0])
        if at is not None:
            self._parts[at, partition] = table[:, 1:FIELDS]
            self._count(name, at, table[:, FIELDS:])

    def add_own(self, epoch: int, rows: U64) -> None:
        """Take the client's rows: the frame, then its links' counts."""
        table = rows.astype(np.int64)
        at = self._places(epoch, table[:, 0])
        if at is not None:
            self._count(CLIENT, at, table[:, 1:])

    def _places(self, epoch: int, frames: I64) -> I64 | None:
        """Return where frames are in the tables; None if their epoch is over."""
        if epoch > self._epoch:
            self._begin(epoch)  # what is not complete of the old one never will be
        if epoch < self._epoch or not len(frames):
            return None
        at = frames - self._base
        room, needed = len(self._seen), int(at.max()) + 1
        if needed > room:
            more = max(needed, 2 * room) - room
            self._seen = _grown(self._seen, more)
            self._parts = _grown(self._parts, more)
            self._counts = _grown(self._counts, more)
        self._end = max(self._end, needed)
        return at

    def _count(self, name: str, at: I64, counts: I64) -> None:
        inbound, outbound = self._columns[name]
        for column, link in enumerate(inbound):
            self._counts[at, link, RECEIVED] = counts[:, column]
        for column, link in enumerate(outbound):
            first = len(inbound) + 2 * column
            self._counts[at, link, SENT] = counts[:, first]
            self._counts[at, link, NEGATIVE] = counts[:, first + 1]
        self._seen[at] += 1
        self._finish()

    # -- completing --------------------------------------------------------------

    def _finish(self) -> None:
        """Move complete frames out of the tables; they complete in order."""
        whole = self._seen[: self._end] == len(self._names) + 1
        count = len(whole) if whole.all() else int(whole.argmin())
        if not count:
            return
        parts, counts = self._parts[:count], self._counts[:count]
        self._compare(counts)
        self.totals += parts.sum(0)
        self.links += counts.sum(0)
        self.frames += count
        frames = np.arange(self._base, self._base + count)
        epochs = np.full(count, self._epoch)
        self._done.append(np.column_stack([epochs, frames, parts[:, :, :3].sum(1)]))
        self._base, self._end = self._base + count, self._end - count
        for table in (self._seen, self._parts, self._counts):
            table[: self._end] = table[count : count + self._end].copy()
            table[self._end : self._end + count] = 0

    def _compare(self, counts: I64) -> None:
        bad = np.argwhere(counts[:, :, SENT] != counts[:, :, RECEIVED])
        if len(bad) and self.unequal is None:
            row, link = bad[0].tolist()
            sent, _, received = counts[row, link].tolist()
            self.unequal = Unequal(
                self._link_names[link], self._epoch, self._base + row, sent, received
            )

    def complete(self, epoch: int, frames: int) -> bool:
        """Tell whether the first ``frames`` frames of an epoch are complete."""
        return not frames or (epoch == self._epoch and self._base >= frames)

    def take(self) -> I64:
        """Return and forget what was completed since last.

        Returns:
            (n, 5) int64: epoch, frame, spikes, pooling spikes, SynOps.
        """
        done, self._done = self._done, []
        return np.concatenate([*done, np.zeros((0, 5), np.int64)])


def open_bytes(partitions: int, links: int) -> int:
    """Return what reports of frames take that are not complete yet.

    They come ten times a second; the tables grow in doubles, once for that and once
    for a BEAT that is late.
    """
    return 2 * 4 * ROOM * 8 * (1 + partitions * (FIELDS - 1) + 3 * links)


def _grown(table: I64, more: int) -> I64:
    wider: npt.NDArray[np.int64] = np.zeros((more, *table.shape[1:]), np.int64)
    return np.concatenate([table, wider])
