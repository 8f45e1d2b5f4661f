"""Write down of every packet what its receiver knew when it came; compiled.

A tape stands between a turn and the engine: it calls the engine's own function and
then copies the packet's two stamps and what the link's record says of the other clock.
The engine used these very values a moment before, within the same call, and nothing can
have changed them since. The product has no part in this.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numba import carray

from neurocluster.dtypes import I64, Records
from neurocluster.kernels.jit import jit, native
from neurocluster.kernels.memory import call1, call2, pointer, read_big
from neurocluster.kernels.records import record
from neurocluster.link import records as r
from neurocluster.link.buffers import Handler, LinkBuffers, LinkSpec
from neurocluster.link.records import INBOUND, NODE
from neurocluster.member.data import EngineLike
from neurocluster.member.duties import Duties

COLUMNS: Final = ("link", "sent", "received", "known", "offset", "error")
"""Of a packet: stamps by the clocks of sender and receiver, ns; whether that clock was
known, by how much it was ahead, and how far that may have been off."""
WIDTH: Final = len(COLUMNS)
ROOM: Final = 1 << 23
"""Packets of a tape; pages that are never written take no memory."""
TAPE: Final = record("receive_at", "flush_at", "handles_at", "rows_at", "room", "count")
U = np.uint64


@jit
def write(tape: Records) -> None:
    """Write down the packet that the engine has just handled."""
    handles = carray(pointer(tape.handles_at), 3, np.int64)
    node = carray(pointer(U(handles[0])), 1, NODE)[0]
    result = carray(pointer(U(handles[2])), 8, np.int64)
    links = carray(pointer(U(node.inbound_at)), node.inbound_count, INBOUND)
    link, received = links[result[1]], result[5]
    k, tape.count = tape.count, tape.count + 1
    if k >= tape.room:
        return
    row = carray(pointer(tape.rows_at), (tape.room, WIDTH), np.int64)[k]
    sent = np.int64(read_big(U(node.message_at) + U(30), 8))
    row[0], row[1], row[2] = link.index, sent, received
    row[3], row[4] = link.clock_known, link.clock_offset
    transit = received - (sent - link.clock_offset)
    drift = (received - link.clock_ns + transit) * link.clock_ppm // 1_000_000
    row[5] = link.clock_error + drift


@cache
def turn_functions() -> tuple[int, int]:
    """Return the addresses of what a turn calls; see `link.buffers.Handler`."""

    @native("int64(uint64, uint64)")
    def taped_receive(tape_at: int, size: int) -> int:
        tape = carray(pointer(tape_at), 1, TAPE)[0]
        code = call2(tape.receive_at, tape.handles_at, U(size))
        if code >= 0 and code != r.NOT_CANONICAL and code != r.STALE:
            write(tape)
        return code

    @native("int64(uint64)")
    def taped_flush(tape_at: int) -> int:
        tape = carray(pointer(tape_at), 1, TAPE)[0]
        return call1(tape.flush_at, tape.handles_at)

    return taped_receive.address, taped_flush.address


class Tape:
    """Hold what was written down in one process."""

    def __init__(self) -> None:
        """Start empty; compile now, for later beats must go on."""
        self._functions = turn_functions()
        self._rows = np.zeros((ROOM, WIDTH), np.int64)
        self._record: Records = np.zeros(1, TAPE)
        self._record[0]["rows_at"] = self._rows.ctypes.data
        self._record[0]["room"] = ROOM

    @property
    def rows(self) -> I64:
        """Return (packets, COLUMNS) int64.

        Raises:
            RuntimeError: There were more packets than a tape holds.
        """
        count = int(self._record[0]["count"])
        if count > ROOM:
            message = f"{count} packets are more than a tape holds"
            raise RuntimeError(message)
        return self._rows[:count]

    def save(self, path: Path) -> None:
        """Write the rows to a file of numpy."""
        np.save(path, self.rows)

    def handler(self, inner: Handler) -> Handler:
        """Return what a turn calls instead of an engine's own functions."""
        self._record[0]["receive_at"] = inner.receive_at
        self._record[0]["flush_at"] = inner.flush_at
        self._record[0]["handles_at"] = inner.handles_at
        at = int(self._record.ctypes.data)
        return Handler(*self._functions, at, (self, inner))


class TapedEngine:
    """Stand for an engine whose packets are written down."""

    def __init__(self, engine: EngineLike, tape: Tape) -> None:
        """Take the engine and the tape."""
        self.engine, self._tape = engine, tape
        self.receive, self.fault = engine.receive, engine.fault

    @property
    def node(self) -> LinkBuffers:
        """Return the links' buffers."""
        return self.engine.node

    @property
    def handler(self) -> Handler:
        """Return what a turn calls."""
        return self._tape.handler(self.engine.handler)


class TapedDuties:
    """Do a member's duties, with engines whose packets are written down."""

    def __init__(self, duties: Duties, tape: Tape) -> None:
        """Take what the member does otherwise."""
        self._duties, self._tape = duties, tape
        self.always_receive = duties.always_receive
        self.run, self.after_turn = duties.run, duties.after_turn
        self.reports, self.beat = duties.reports, duties.beat
        self.deliver, self.left = duties.deliver, duties.left

    def build(
        self, epoch: int, body: Mapping[str, Any], inbound: list[LinkSpec],
        outbound: list[LinkSpec],
    ) -> TapedEngine:  # fmt: skip
        """Build the engine of an epoch, beside a tape."""
        engine = self._duties.build(epoch, body, inbound, outbound)
        return TapedEngine(engine, self._tape)

    def bound(self, body: Mapping[str, Any], engine: Any) -> None:
        """Take the engine that was built."""
        self._duties.bound(body, engine.engine)
