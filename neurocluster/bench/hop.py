"""Measure a hop between idle processes beside the same hop over blocking pyzmq.

A client's engine and a worker's engine, each behind the product's own pump and
sockets, throw one frame of a tiny network to and fro: four spikes there, two
potentials back, one packet each way. A hop is half of such an exchange, on the
client's clock: from before the frame is packed to when its result is decoded, checked
and counted. So codec, counters, histograms, dispatch and a kernel of four additions
are inside. The blocking hop is half of an exchange too.

The same two processes alternate between this and blocking sockets (`bench.blocking`)
every few milliseconds, so that a disturbance of the machine meets both alike.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import uvloop

from neurocluster.bench.blocking import BlockingEnd
from neurocluster.bench.ends import Figures, be_end, run_ends, turning, until_released
from neurocluster.client.engine import Engine as ClientEngine
from neurocluster.coding.delay import rank_table
from neurocluster.launch.warm import warm_engines
from neurocluster.link.buffers import LinkSpec
from neurocluster.model.convert import convert
from neurocluster.model.graph import Dense, Graph, Input, Shape
from neurocluster.model.partition import make_plan
from neurocluster.model.spec import partition_spec
from neurocluster.wire.packet import HEADER_BYTES
from neurocluster.worker.engine import Engine as WorkerEngine

BLOCKS, BLOCK = 30, 110
"""Blocks of each kind, and exchanges of a block."""
SETTLING: Final = 10
"""Exchanges of a block that do not count."""
INPUTS, OUTPUTS = 4, 2
PACKET_BYTES: Final = HEADER_BYTES + 2 * INPUTS


def hop_step(hwm: int) -> dict[str, float]:
    """Measure both kinds of hop, in microseconds."""
    near_end, _ = run_ends("hop", {"hwm": hwm})
    found: dict[str, float] = {}
    for kind in ("hop", "blocking"):
        p50, p99 = percentiles(near_end[kind])
        found |= {f"{kind}_p50_us": p50, f"{kind}_p99_us": p99}
    return found


def percentiles(times_ns: Sequence[int]) -> tuple[float, float]:
    """Return p50 and p99 of a hop, half of an exchange, in microseconds."""
    blocks = np.array(times_ns).reshape(BLOCKS, BLOCK) / 2
    p50, p99 = np.percentile(blocks[:, SETTLING:], (50, 99)) / 1e3
    return float(p50), float(p99)


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
            back, to, ranks=rank_table(_graph().input), window=1, max_spikes=INPUTS
        )
        self._images = np.full((BLOCK, INPUTS), 255, np.uint8)
        self.node, self.handler = self._engine.node, self._engine.handler
        self.times: list[int] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self, wake: Callable[[], None]) -> None:
        """Send the first frame of a block; the engine starts the others."""
        self.done = asyncio.get_running_loop().create_future()
        self._engine.offer(self._images)
        wake()

    def after_turn(self) -> None:
        """End the block when all its frames have finished."""
        if self._engine.finished == BLOCK:
            rows, _, _ = self._engine.take_results()
            self.times += (rows["done_ns"] - rows["started_ns"]).tolist()
            self.done.set_result(None)


class Far:
    """Be the worker: a frame's result leaves at once."""

    def __init__(self) -> None:
        """Allocate."""
        to, back = _links()
        spec = partition_spec(
            convert(_graph()), make_plan(_graph()).partitions[0],
            quantizer="hysteresis", fire="once", window=1, max_spikes=INPUTS,
        )  # fmt: skip
        engine = WorkerEngine(spec, to, back)
        self.node, self.handler = engine.node, engine.handler
        self._end = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def start(self) -> None:
        """Begin a block."""
        self._end += BLOCK
        self.done = asyncio.get_running_loop().create_future()

    def after_turn(self) -> None:
        """End the block after its last answer has left."""
        if self.node.record["handled_frames"][0] >= self._end and not self.done.done():
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
    return {}


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
