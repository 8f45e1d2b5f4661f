"""Record what a member does, turn by turn and packet by packet, within bounds.

The first frames of each epoch only, and so many packets and turns; what there is no
room for is counted. Rows stay here until the session ends.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from neurocluster.dtypes import I64
from neurocluster.link.buffers import Handler, LinkBuffers
from neurocluster.link.records import NODE
from neurocluster.link.tape import Tape
from neurocluster.transport.pump import Pump
from neurocluster.wire.shapes import PACKET_ROW, TURN_ROW

ROOM: Final = 1 << 14
"""Packets, and turns, that are kept; about 3 MB."""
NEXT_FRAME: Final = list(NODE.names or ()).index("next_frame")


def trace_bytes() -> int:
    """Return what a member's trace takes at most, and once more to be sent."""
    return 2 * 8 * ROOM * (len(PACKET_ROW) + len(TURN_ROW))


class Trace:
    """Record a member's packets and turns in all epochs of a session."""

    def __init__(self, frames: int) -> None:
        """Start empty; compiles, or loads, what stands before the engine.

        Args:
            frames: How many frames of each epoch, from the first.
        """
        self._limit, self._tape = frames, Tape(ROOM, frames)
        self._turns: I64 = np.zeros((ROOM, len(TURN_ROW)), np.int64)
        self._count = self._epoch = self._turn_ns = 0
        self._pump: Pump | None = None
        self._over = False
        self._fields = np.zeros(0, np.int64).data

    def begin(self, node: LinkBuffers, pump: Pump, inner: Handler) -> Handler:
        """Follow an epoch's node from now on; return what its turns call."""
        self._pump, self._epoch, self._turn_ns = pump, node.epoch, 0
        self._over = False
        self._fields = node.record.view("i8").data
        return self._tape.handler(inner, node.epoch)

    def turned(self) -> None:
        """Write down the turn that has just ended."""
        if self._pump is None or self._over:
            return
        k, self._count = self._count, self._count + 1
        turn_ns, end, cause = self._pump.last_turn()
        if k < ROOM:
            begin = end - (turn_ns - self._turn_ns)
            self._turns[k] = self._epoch, begin, end, cause
        self._turn_ns = turn_ns
        self._over = self._fields[NEXT_FRAME] >= self._limit

    def tables(self) -> tuple[I64, I64]:
        """Return packets, `PACKET_ROW`, and turns, `TURN_ROW`, int64."""
        return self._tape.rows, self._turns[: self._count]

    @property
    def lost(self) -> tuple[int, int]:
        """Return for how many packets and turns there was no room."""
        return self._tape.lost, max(0, self._count - ROOM)
