"""Gather what the partitions report of each frame: spikes, SynOps, service time."""

from __future__ import annotations

from typing import Final

import numpy as np

from neurocluster.dtypes import I64
from neurocluster.wire.shapes import FRAME_ROW

FIELDS: Final = len(FRAME_ROW)


class FrameReports:
    """Hold the rows of FRAMES messages, by partition."""

    def __init__(self, partitions: int) -> None:
        """Start empty; ``partitions`` is the number of partitions that report."""
        self._partitions = partitions
        self._rows: dict[int, list[I64]] = {}

    def add(self, partition: int, rows: bytes) -> None:
        """Take the rows of one message, little-endian uint64."""
        table = np.frombuffer(rows, "<u8").reshape(-1, FIELDS).astype(np.int64)
        self._rows.setdefault(partition, []).append(table)

    def complete(self, frames: int) -> bool:
        """Tell whether every partition has reported ``frames`` frames."""
        counts = [sum(map(len, tables)) for tables in self._rows.values()]
        return not frames or (len(counts) == self._partitions and min(counts) >= frames)

    def by_frame(self, frames: int) -> I64:
        """Return (frames, 3) int64: neuron spikes, pooling spikes, SynOps.

        Rows that some partition has not reported are -1.
        """
        total = np.zeros((frames, 3), np.int64)
        seen = np.zeros(frames, np.int64)
        for tables in self._rows.values():
            rows = np.concatenate(tables)
            np.add.at(total, rows[:, 0], rows[:, 1:4])
            np.add.at(seen, rows[:, 0], 1)
        total[seen < self._partitions] = -1
        return total

    def by_partition(self) -> dict[int, I64]:
        """Return by partition (4,) int64: spikes, pooling spikes, SynOps, service."""
        return {
            partition: np.concatenate(tables)[:, 1:].sum(0)
            for partition, tables in self._rows.items()
        }
