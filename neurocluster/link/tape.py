"""Write down each packet that a node handled: stamps, spikes, clock; compiled.

A tape stands between a turn and the engine: it calls the engine's own function and
then copies what is known of the packet. What the link's record says of the source's
clock is what the engine used a moment before, within the same call. Without a tape
nothing of this runs.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numba import carray

from neurocluster.dtypes import I64, Records
from neurocluster.kernels.jit import jit, native
from neurocluster.kernels.memory import call1, call2, pointer, read_big
from neurocluster.kernels.records import record
from neurocluster.link import records as r
from neurocluster.link.buffers import Handler
from neurocluster.link.receiver import now_ns
from neurocluster.link.records import INBOUND, NODE, OUTBOUND
from neurocluster.wire.shapes import PACKET_ROW

WIDTH: Final = len(PACKET_ROW)
ALL: Final = 1 << 62
"""A limit above every frame."""
TAPE: Final = record(
    "receive_at", "flush_at", "handles_at", "rows_at", "room", "count", "epoch",
    "limit",
)  # fmt: skip
U = np.uint64


@jit
def packed(node: Records) -> int:
    """Return the spikes that a node has handed to its links."""
    links = carray(pointer(U(node.outbound_at)), node.outbound_count, OUTBOUND)
    total = 0
    for k in range(node.outbound_count):
        total += links[k].spikes
    return total


@jit
def write(tape: Records, node: Records, caused: int, kernel: int) -> None:
    """Write down the packet that the engine has just handled."""
    handles = carray(pointer(tape.handles_at), 3, np.int64)
    result = carray(pointer(U(handles[2])), 8, np.int64)
    if result[7] >= tape.limit:
        return
    k, tape.count = tape.count, tape.count + 1
    if k >= tape.room:
        return
    links = carray(pointer(U(node.inbound_at)), node.inbound_count, INBOUND)
    link, received = links[result[1]], result[5]
    row = carray(pointer(tape.rows_at), (tape.room, WIDTH), np.int64)[k]
    at = U(node.message_at)
    sent = np.int64(read_big(at + U(30), 8))
    row[0], row[1], row[2] = tape.epoch, link.index, np.int64(read_big(at + U(20), 4))
    row[3], row[4], row[5], row[6] = result[7], sent, received, now_ns(node)
    row[7], row[8], row[9] = result[2], caused, kernel
    row[10], row[11] = link.clock_known, link.clock_offset
    transit = received - (sent - link.clock_offset)
    drift = (received - link.clock_ns + transit) * link.clock_ppm // 1_000_000
    row[12] = link.clock_error + drift


@jit
def handle(tape: Records, size: int) -> int:
    """Let the engine handle a packet, write it down; returns as the engine does."""
    handles = carray(pointer(tape.handles_at), 3, np.int64)
    node = carray(pointer(U(handles[0])), 1, NODE)[0]
    before, kernel = packed(node), node.kernel_ns
    code = call2(tape.receive_at, tape.handles_at, U(size))
    if code >= 0 and code != r.NOT_CANONICAL and code != r.STALE:
        write(tape, node, packed(node) - before, node.kernel_ns - kernel)
    return code


@cache
def turn_functions() -> tuple[int, int]:
    """Return the addresses of what a turn calls; see `link.buffers.Handler`."""

    @native("int64(uint64, uint64)")
    def taped_receive(tape_at: int, size: int) -> int:
        return handle(carray(pointer(tape_at), 1, TAPE)[0], np.int64(size))

    @native("int64(uint64)")
    def taped_flush(tape_at: int) -> int:
        tape = carray(pointer(tape_at), 1, TAPE)[0]
        return call1(tape.flush_at, tape.handles_at)

    return taped_receive.address, taped_flush.address


class Tape:
    """Hold the packets that one process wrote down, of one epoch after the other."""

    def __init__(self, room: int, limit: int = ALL) -> None:
        """Start empty; compile now, for later beats must go on.

        Args:
            room: Packets that it holds; pages that are never written take no memory.
            limit: Frames from this one on are left out.
        """
        self._functions = turn_functions()
        self._rows = np.zeros((room, WIDTH), np.int64)
        self._record: Records = np.zeros(1, TAPE)
        self._record[0]["rows_at"] = self._rows.ctypes.data
        self._record[0]["room"], self._record[0]["limit"] = room, limit

    @property
    def rows(self) -> I64:
        """Return (packets, PACKET_ROW) int64, as many as there is room for."""
        return self._rows[: int(self._record[0]["count"])]

    @property
    def lost(self) -> int:
        """Return how many packets there was no room for."""
        return max(0, int(self._record[0]["count"]) - len(self._rows))

    def handler(self, inner: Handler, epoch: int = 0) -> Handler:
        """Return what a turn calls instead of an epoch's engine's own functions."""
        for name, value in (
            ("receive_at", inner.receive_at), ("flush_at", inner.flush_at),
            ("handles_at", inner.handles_at), ("epoch", epoch),
        ):  # fmt: skip
            self._record[0][name] = value
        at = int(self._record.ctypes.data)
        return Handler(*self._functions, at, (self, inner))
