"""Measure a hop between idle processes beside the same hop over blocking pyzmq.

A client's engine and a worker's engine, each behind the product's own pump and
sockets, throw one frame of a tiny network to and fro: four spikes there, two
potentials back, one packet each way. A hop counts one way on the shared monotonic
clock, from the stamp that the sender writes before it packs, to the moment when the
receiver has decoded, checked, counted and handled the packet, its answer packed. So
codec, counters, histograms, dispatch and a kernel of four additions are inside.

The same two processes alternate between this and blocking sockets (`bench.blocking`)
every few milliseconds, so that a disturbance of the machine meets both alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic_ns
from typing import Final

import numpy as np
import uvloop

from neurocluster.bench.blocking import BlockingEnd
from neurocluster.bench.ends import Figures, be_end, run_ends, turning, until_released
from neurocluster.client.engine import Engine as ClientEngine
from neurocluster.coding.delay import rank_table
from neurocluster.launch.warm import warm_engines
from neurocluster.link.buffers import LinkSpec
from neurocluster.link.records import FRAME_CLOSED
from neurocluster.model.convert import convert
from neurocluster.model.graph import Dense, Graph, Input, Shape
from neurocluster.model.partition import make_plan, partition_spec
from neurocluster.transport.pump import CODE, SENDING
from neurocluster.wire.packet import HEADER_BYTES
from neurocluster.worker.engine import Engine as WorkerEngine

BLOCKS, BLOCK = 30, 110
"""Blocks of each kind, and exchanges of a block; each gives two samples."""
SETTLING: Final = 10
"""Exchanges of a block that do not count."""
INPUTS, OUTPUTS = 4, 2
PACKET_BYTES: Final = HEADER_BYTES + 2 * INPUTS
SENT_AT: Final = slice(30, 38)
"""Where a packet carries the time of its sending (WIRE.md)."""
WINDOW: Final = 2


def hop_step(hwm: int) -> dict[str, float]:
    """Measure both kinds of hop, in microseconds."""
    ends = run_ends("hop", {"hwm": hwm})
    found: dict[str, float] = {}
    for kind in ("hop", "blocking"):
        blocks = np.array([end[kind] for end in ends]).reshape(2 * BLOCKS, BLOCK)
        p50, p99 = np.percentile(blocks[:, SETTLING:], (50, 99)) / 1e3
        found |= {f"{kind}_p50_us": float(p50), f"{kind}_p99_us": float(p99)}
    return found


def _graph() -> Graph:
    weight = np.full((OUTPUTS, INPUTS), 1 / 16, np.float32)  # too small to fire
    layer = Dense("tiny", OUTPUTS, False, weight, np.zeros(OUTPUTS, np.float32))
    return Graph("tiny", Input(Shape(1, 1, INPUTS)), (layer,))


def _links() -> tuple[list[LinkSpec], list[LinkSpec]]:
    """Return the link to the worker and the link back."""
    to, back = (
        LinkSpec(k.index, k.name, k.first, k.last, k.size, k.width)
        for k in make_plan(_graph()).links
    )
    return [to], [back]


class Near:
    """Be the client: send a frame, time its result, send the next."""

    def __init__(self) -> None:
        """Allocate."""
        to, back = _links()
        self._engine = ClientEngine(
            back, to, ranks=rank_table(_graph().input), window=WINDOW, max_spikes=INPUTS
        )
        self._image = np.full(INPUTS, 255, np.uint8)
        self._stamp = self._engine.node.message.data[SENT_AT]
        self._left = 0
        self.node, self.flush = self._engine.node, self._engine.flush
        self.times: list[int] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self, wake: Callable[[], None]) -> None:
        """Send the first frame of a block."""
        self.done = asyncio.get_running_loop().create_future()
        self._left = BLOCK
        self._engine.start(self._image)
        wake()

    def receive(self, size: int) -> int:
        """Handle a packet; answer a result with the next frame."""
        code = self._engine.receive(size)
        if code & CODE != FRAME_CLOSED or code < 0:
            return code
        self.times.append(monotonic_ns() - int.from_bytes(self._stamp))
        self._left -= 1
        if self._left:
            self._engine.start(self._image)
            return SENDING
        self.done.set_result(None)
        return FRAME_CLOSED

    def after_turn(self) -> None:
        """Drop finished frames."""
        self._engine.take_results()


class Far:
    """Be the worker: time each frame; its result leaves at once."""

    def __init__(self) -> None:
        """Allocate."""
        to, back = _links()
        spec = partition_spec(
            convert(_graph()), make_plan(_graph()).partitions[0],
            quantizer="hysteresis", fire="once", window=WINDOW, max_spikes=INPUTS,
        )  # fmt: skip
        self._engine = WorkerEngine(spec, to, back)
        self._stamp = self._engine.node.message.data[SENT_AT]
        self.node, self.flush = self._engine.node, self._engine.flush
        self.times: list[int] = []
        self._end = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        """Begin a block."""
        self._end += BLOCK
        self.done = asyncio.get_running_loop().create_future()

    def receive(self, size: int) -> int:
        """Handle a packet."""
        code = self._engine.receive(size)
        self.times.append(monotonic_ns() - int.from_bytes(self._stamp))
        return code

    def after_turn(self) -> None:
        """End the block after its last answer has left."""
        if len(self.times) >= self._end and not self.done.done():
            self.done.set_result(None)


async def _near(settings: Figures) -> Figures:
    folder, hwm = settings["folder"], settings["hwm"]
    node, other = Near(), BlockingEnd(folder, "near", "far", hwm, PACKET_BYTES)
    with turning(node, settings, "near", ["far"], client=True) as wake:
        for _ in range(BLOCKS):
            node.start(wake)
            await node.done
            other.throw(BLOCK)
    other.close()
    return {"hop": node.times, "blocking": other.times}


async def _far(settings: Figures) -> Figures:
    folder, hwm = settings["folder"], settings["hwm"]
    node, other = Far(), BlockingEnd(folder, "far", "near", hwm, PACKET_BYTES)
    with turning(node, settings, "far", ["near"]):
        for _ in range(BLOCKS):
            node.start()
            await node.done
            other.answer(BLOCK)
        await until_released()
    other.close()
    return {"hop": node.times, "blocking": other.times}


def near(settings: Figures) -> Figures:
    """Measure at the client's end."""
    warm_engines()
    return uvloop.run(_near(settings))


def far(settings: Figures) -> Figures:
    """Measure at the worker's end."""
    warm_engines()
    return uvloop.run(_far(settings))


if __name__ == "__main__":
    be_end({"near": near, "far": far})
