"""Measure one link between two processes: spikes a second by spikes a packet.

The far end packs random spikes into full packets with the product's sender, the near
end checks and counts them with its receiver; both are turned by the product's pump.
Header, sequence numbers, address ranges, counts and markers are all checked; no
kernel runs. A frame is a burst of full packets. The far end packs for a while,
then sends an empty frame; the near end's clock runs from the first packet to it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import cache
from typing import Final

import numpy as np
import uvloop
from numba import carray

from neurocluster.bench.ends import Figures, be_end, run_ends, turning, until_released
from neurocluster.dtypes import I64, Records
from neurocluster.kernels.jit import jit, native
from neurocluster.kernels.memory import pointer, read_int64
from neurocluster.launch.warm import warm_engines
from neurocluster.link import records as r
from neurocluster.link.buffers import Handler, LinkBuffers, LinkSpec
from neurocluster.link.receiver import (
    accept,
    close_link,
    free_context,
    now_ns,
    open_context,
)
from neurocluster.link.records import NODE
from neurocluster.link.sender import close_frame, send_words

PACKET_SIZES: Final = (8, 64, 512, 4096)
SECONDS: Final = 0.4
BURST: Final = 16
"""Packets of a frame: what one turn of a busy worker sends."""
DEEP_HWM: Final = 1000
"""ZeroMQ's own default, for comparison: blocking programs run with it."""
ADDRESSES: Final = 1 << 15
WINDOW: Final = 2
LINK: Final = LinkSpec(0, "far->near", 0, ADDRESSES, ADDRESSES, 2)
U = np.uint64
END_NS, ENDED, QUEUED = 3, 4, 5
RESULT, FIRST_NS, LAST_NS = 8, 8, 9
"""Scratch of `take`: the receiver's result, then the two ends of the time."""


def link_step(hwm: int) -> dict[str, float]:
    """Measure each packet size, in million spikes a second; count what was lost."""
    found, lost = {}, 0
    for size in PACKET_SIZES:
        for name, most in ((f"link_{size}", hwm), (f"link_{size}_deep", DEEP_HWM)):
            settings = {"hwm": most, "max_spikes": size, "seconds": SECONDS}
            near, far = run_ends("link", settings)
            found[name] = near["spikes"] / near["seconds"] / 1e6
            lost += far["spikes"] - near["spikes"]
    return {**found, "link_lost": lost}


@jit
def pack(handles: I64) -> int:
    """Pack the next frame of spikes and close it; after the end time, an empty one.

    Args:
        handles: (6,) int64: addresses of NODE and of the words, their number, the end
            time (set from a duration once the link takes packets), 1 once the end has
            come, frames that a link which is not made yet may queue.

    Returns:
        A fault (negative), or MORE.
    """
    node = carray(pointer(U(handles[0])), 1, NODE)[0]
    if handles[ENDED]:
        return r.MORE
    frame, time_ns = node.next_frame, now_ns(node)
    if handles[END_NS] < 0 and frame >= handles[QUEUED]:
        handles[END_NS] = time_ns - handles[END_NS]
    handles[ENDED] = handles[END_NS] > 0 and time_ns > handles[END_NS]
    count = np.int64(0) if handles[ENDED] else handles[2]
    index = open_context(node, frame, time_ns) % node.window
    code = send_words(node, index, frame, U(handles[1]), count, time_ns)
    if code == 0:
        code = close_frame(node, index, frame, time_ns)
    free_context(node, index, frame)
    return code


@jit
def take(handles: I64, size: int) -> int:
    """Check and count the packet in the message buffer.

    Args:
        handles: (2,) int64, addresses of NODE and of (10,) int64 of scratch, in which
            the times of the first packet and of an empty frame are left.
        size: Bytes of the packet.

    Returns:
        A fault (negative), MORE, NOT_CANONICAL, STALE or FRAME_CLOSED.
    """
    node = carray(pointer(U(handles[0])), 1, NODE)[0]
    result = carray(pointer(U(handles[1])), RESULT + 2, np.int64)
    code = accept(node, size, result)
    if code:
        return code
    if result[FIRST_NS] == 0:
        result[FIRST_NS] = result[5]
    if result[4] == 0:
        return r.MORE
    code = close_link(node, result)
    if code != r.FRAME_CLOSED:
        return code
    free_context(node, result[0], result[7])
    if result[2] == 0:
        result[LAST_NS] = result[5]
    return r.FRAME_CLOSED


@cache
def turn_functions() -> tuple[int, int]:
    """Return the addresses of `take` and `pack`, for `transport.turn`."""

    @native("int64(uint64, uint64)")
    def bench_take(handles_at: int, size: int) -> int:
        return take(carray(pointer(handles_at), 2, np.int64), np.int64(size))

    @native("int64(uint64)")
    def bench_pack(handles_at: int) -> int:
        return pack(carray(pointer(handles_at), 6, np.int64))

    return bench_take.address, bench_pack.address


@cache
def no_flush() -> int:
    """Return the address of a function that has nothing to send."""

    @native("int64(uint64)")
    def bench_rest(handles_at: int) -> int:
        carray(pointer(read_int64(handles_at, 0)), 1, NODE)[0].idle = 1
        return r.MORE

    return bench_rest.address


class Near:
    """Take packets until an empty frame comes."""

    def __init__(self, max_spikes: int) -> None:
        """Allocate."""
        self.node = LinkBuffers(
            [LINK], [], window=WINDOW, max_spikes=max_spikes, epoch=1, burst_words=0
        )
        self._scratch = np.zeros(RESULT + 2, np.int64)
        addresses = [self.node.record.ctypes.data, self._scratch.ctypes.data]
        self._handles = np.array(addresses, np.int64)
        receive, _ = turn_functions()
        self._functions = receive, no_flush()
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def handler(self) -> Handler:
        """Return what a turn calls."""
        return Handler(*self._functions, int(self._handles.ctypes.data), self)

    def after_turn(self) -> None:
        """End after the empty frame."""
        if self._scratch[LAST_NS] and not self.done.done():
            self.done.set_result(None)

    def figures(self) -> Figures:
        """Return what arrived, and how long that took."""
        spent = int(self._scratch[LAST_NS] - self._scratch[FIRST_NS])
        return {**_counts(self.node.inbound), "seconds": spent / 1e9}


class Far:
    """Pack frames for some seconds, then an empty one."""

    def __init__(self, max_spikes: int, seconds: float, hwm: int) -> None:
        """Allocate; the time runs once the far end takes packets."""
        count = BURST * max_spikes
        self.node = LinkBuffers(
            [], [LINK], window=WINDOW, max_spikes=max_spikes, epoch=1, burst_words=count
        )
        random = np.random.default_rng(0)
        self._words = random.integers(0, 2 * ADDRESSES, count).astype(np.uint16)
        node_at, words_at = self.node.record.ctypes.data, self._words.ctypes.data
        self._handles = np.array(
            [node_at, words_at, count, -int(seconds * 1e9), 0, hwm // BURST + 2],
            np.int64,
        )
        self._functions = turn_functions()
        self.wake: Callable[[], None] = lambda: None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def handler(self) -> Handler:
        """Return what a turn calls."""
        return Handler(*self._functions, int(self._handles.ctypes.data), self)

    def after_turn(self) -> None:
        """Turn again while packets go out; a full link wakes the pump itself."""
        if not self.node.waiting and not self._handles[ENDED]:
            self.wake()

    def figures(self) -> Figures:
        """Return what was sent."""
        return _counts(self.node.outbound)


def _counts(records: Records) -> Figures:
    return {name: int(records[name][0]) for name in ("spikes", "packets")}


async def _near(settings: Figures) -> Figures:
    node, begin_ns = Near(settings["max_spikes"]), time.process_time_ns()
    with turning(node, settings, "near", []):
        await node.done
        spent_ns = time.process_time_ns() - begin_ns
    return {**node.figures(), "cpu_ns": spent_ns}


async def _far(settings: Figures) -> Figures:
    node = Far(settings["max_spikes"], settings["seconds"], settings["hwm"])
    begin_ns = time.process_time_ns()
    with turning(node, settings, "far", ["near"]) as wake:
        node.wake = wake
        await until_released()
        spent_ns = time.process_time_ns() - begin_ns
    return {**node.figures(), "cpu_ns": spent_ns}


def near(settings: Figures) -> Figures:
    """Receive."""
    warm_engines()
    return uvloop.run(_near(settings))


def far(settings: Figures) -> Figures:
    """Send."""
    warm_engines()
    return uvloop.run(_far(settings))


if __name__ == "__main__":
    be_end({"near": near, "far": far})
