"""Time every call of a real node's turns: sockets and engine; compiled.

A tape stands between turns and sockets, and between turns and the engine. Of each
packet it keeps what it is made of and what it took: received, handled, sent. The
engine's kernels are behind a meter that counts (`simulate.meter`).

The clock is the thread's CPU time: whoever else has the core meanwhile, often the very
I/O thread that a send wakes, does not count. It is a system call, whose own time is
found first and taken off.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
from numba import carray

from neurocluster.dtypes import I64, Records
from neurocluster.errors import PlatformError
from neurocluster.kernels.jit import jit, native
from neurocluster.kernels.memory import c_call4, call1, call2, pointer, read_thread_cpu
from neurocluster.kernels.records import record
from neurocluster.link.buffers import Handler, LinkBuffers
from neurocluster.link.records import NODE
from neurocluster.link.tape import packed
from neurocluster.simulate.meter import Meter
from neurocluster.simulate.records import METER
from neurocluster.transport.base import Inbox, Outlet
from neurocluster.transport.calls import Calls, library_functions
from neurocluster.wire.packet import HEADER_BYTES

ROOM: Final = 1 << 20
"""Rows of a table; pages that are never written take no memory."""
READS: Final = 1000
"""Of the clock, to find its own time."""
PASSED: Final = ("bytes", "ns")
HANDLED: Final = ("bytes", "spike", "synop", "fired", "frame", "ns")
TAPE: Final = record(
    "recv_at", "send_at", "option_at", "receive_at", "flush_at", "handles_at",
    "node_at", "meter_at", "scratch_at", "overhead",
    "received_at", "received", "sent_at", "sent", "handled_at", "handled", "flushes",
)  # fmt: skip
SOCKET: Final = record("tape_at", "socket_at")
U = np.uint64


@jit
def spent(tape: Records, begin: int) -> int:
    """Return the time since, without the clock's own."""
    return max(read_thread_cpu(tape.scratch_at) - begin - tape.overhead, 1)


@jit
def read_often(scratch_at: int, found: I64) -> None:
    """Write how long the clock takes to be read, each time."""
    for k in range(found.size):
        begin = read_thread_cpu(U(scratch_at))
        found[k] = read_thread_cpu(U(scratch_at)) - begin


@jit
def keep(rows_at: int, place: int, size: int, time: int) -> None:
    """Write down bytes and time of a call that passed a packet on."""
    row = carray(pointer(rows_at), (ROOM, len(PASSED)), np.int64)[place % ROOM]
    row[0], row[1] = size, time


@jit
def handle(tape: Records, size: int) -> int:
    """Let the engine handle a packet; write down what it was and took."""
    node = carray(pointer(tape.node_at), 1, NODE)[0]
    closed, before = node.handled_frames, np.int64(0)
    if tape.meter_at:
        meter = carray(pointer(tape.meter_at), 1, METER)[0]
        meter.words = meter.synops = meter.fired = 0
    else:
        before = packed(node)
    begin = read_thread_cpu(tape.scratch_at)
    code = call2(tape.receive_at, tape.handles_at, U(size))
    time = spent(tape, begin)
    rows = carray(pointer(tape.handled_at), (ROOM, len(HANDLED)), np.int64)
    row = rows[tape.handled % ROOM]
    tape.handled += 1
    row[0], row[4], row[5] = size, node.handled_frames - closed, time
    if tape.meter_at:
        meter = carray(pointer(tape.meter_at), 1, METER)[0]
        row[1], row[2], row[3] = meter.words, meter.synops, meter.fired
    else:
        row[1], row[2] = (size - HEADER_BYTES) >> 1, 0
        row[3] = packed(node) - before
    return code


@cache
def functions() -> tuple[int, int, int, int, int]:
    """Return the addresses of receive, send, option; handle, flush."""

    @native("int32(uint64, uint64, uint64, uint64)")
    def taped_recv(at: int, buffer: int, room: int, flags: int) -> int:
        socket = carray(pointer(at), 1, SOCKET)[0]
        tape = carray(pointer(socket.tape_at), 1, TAPE)[0]
        begin = read_thread_cpu(tape.scratch_at)
        size = c_call4(tape.recv_at, socket.socket_at, buffer, room, flags)
        if size >= 0:
            keep(tape.received_at, tape.received, size, spent(tape, begin))
            tape.received += 1
        return np.int32(size)

    @native("int32(uint64, uint64, uint64, uint64)")
    def taped_send(at: int, buffer: int, length: int, flags: int) -> int:
        socket = carray(pointer(at), 1, SOCKET)[0]
        tape = carray(pointer(socket.tape_at), 1, TAPE)[0]
        begin = read_thread_cpu(tape.scratch_at)
        size = c_call4(tape.send_at, socket.socket_at, buffer, length, flags)
        if size >= 0:
            keep(tape.sent_at, tape.sent, size, spent(tape, begin))
            tape.sent += 1
        return np.int32(size)

    @native("int32(uint64, uint64, uint64, uint64)")
    def taped_option(at: int, option: int, value: int, size: int) -> int:
        socket = carray(pointer(at), 1, SOCKET)[0]
        tape = carray(pointer(socket.tape_at), 1, TAPE)[0]
        code = c_call4(tape.option_at, socket.socket_at, option, value, size)
        return np.int32(code)

    @native("int64(uint64, uint64)")
    def taped_handle(at: int, size: int) -> int:
        return handle(carray(pointer(at), 1, TAPE)[0], np.int64(size))

    @native("int64(uint64)")
    def taped_flush(at: int) -> int:
        tape = carray(pointer(at), 1, TAPE)[0]
        tape.flushes += 1
        return call1(tape.flush_at, tape.handles_at)

    return (
        taped_recv.address, taped_send.address, taped_option.address,
        taped_handle.address, taped_flush.address,
    )  # fmt: skip


class Tape:
    """Hold what one node's calls took."""

    def __init__(self, node: LinkBuffers, inner: Handler, meter: Meter | None) -> None:
        """Take a node.

        Args:
            node: Its links.
            inner: The engine's functions.
            meter: Before its kernels; None for a client.
        """
        self._kept = (node, inner, meter)
        self._scratch = np.zeros(2, np.int64)
        self._record: Records = np.zeros(1, TAPE)
        self._tables = {
            name: np.zeros((ROOM, len(columns)), np.int64)
            for name, columns in (
                ("received", PASSED), ("sent", PASSED), ("handled", HANDLED),
            )
        }  # fmt: skip
        times = np.zeros(READS, np.int64)
        read_often(int(self._scratch.ctypes.data), times)
        for name, value in {
            "overhead": int(np.median(times)), "receive_at": inner.receive_at,
            "flush_at": inner.flush_at,
            "handles_at": inner.handles_at, "node_at": node.record.ctypes.data,
            "meter_at": meter.record.ctypes.data if meter is not None else 0,
            "scratch_at": self._scratch.ctypes.data,
            **{f"{name}_at": t.ctypes.data for name, t in self._tables.items()},
        }.items():  # fmt: skip
            self._record[0][name] = value

    @property
    def handler(self) -> Handler:
        """Return what a turn calls instead of the engine's own functions."""
        *_, handled, flushed = functions()
        return Handler(handled, flushed, int(self._record.ctypes.data), self)

    def calls(self, inbox: Inbox, outlets: Sequence[Outlet]) -> Calls:
        """Return how a turn reaches sockets through this tape.

        Raises:
            PlatformError: The library of ZeroMQ is not found.
        """
        found = library_functions()
        if found is None:
            message = "costs cannot be measured: libzmq is linked into pyzmq statically"
            raise PlatformError(message)
        for name, address in zip(("recv", "send", "option"), found[:3], strict=True):
            self._record[0][f"{name}_at"] = address
        sockets: Records = np.zeros(1 + len(outlets), SOCKET)
        sockets["tape_at"] = self._record.ctypes.data
        for socket, end in zip(sockets, (inbox, *outlets), strict=True):
            socket["socket_at"] = getattr(end, "handle", 0)
        first, *others = (int(sockets[k : k + 1].ctypes.data)
                          for k in range(len(sockets)))  # fmt: skip
        recv, send, option, *_ = functions()
        return Calls(
            (recv, send, option, found[3]), first, tuple(others), (self, sockets)
        )

    def counts(self) -> dict[str, int]:
        """Return how many rows there are of each table, and how often all was read."""
        names = (*self._tables, "flushes")
        return {name: int(self._record[0][name]) for name in names}

    @property
    def reads_ns(self) -> int:
        """Return what timing one call costs."""
        return 2 * int(self._record[0]["overhead"])

    def tables(self, since: dict[str, int]) -> dict[str, I64]:
        """Return the rows since so many, as many as there is room for."""
        return {
            name: table[since[name] : min(int(self._record[0][name]), ROOM)]
            for name, table in self._tables.items()
        }
