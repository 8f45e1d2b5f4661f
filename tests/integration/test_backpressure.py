"""A whole cluster on ZeroMQ in one process, HWM 1, one of its readers slow."""

import asyncio
import secrets
import tempfile

import pytest

from neurocluster import load_dataset
from neurocluster.client.engine import Engine as ClientEngine
from neurocluster.coding.delay import rank_table
from neurocluster.dtypes import CLIENT
from neurocluster.kernels.chain import Chain
from neurocluster.model.convert import convert
from neurocluster.transport.pump import Pump
from neurocluster.transport.sockets import Sockets
from neurocluster.transport.zeromq import ZmqInbox, ZmqOutlet
from neurocluster.worker.engine import Engine
from tests.support.builders import golden_graph, link_specs, planned, specs_of

HWM, MAX_SPIKES, FRAMES, THRESHOLD = 1, 4, 12, 0.5
WAIT_S = 0.001


class SocketCluster:
    """Engines and pumps as processes have them, joined by sockets on one loop.

    Attributes:
        slow: Name of the node that looks at its inbox only every few milliseconds.
    """

    def __init__(self, graph, plan, window, slow, where):
        self.sockets, self.slow, self.where = Sockets(64), slow, where
        self.loop = asyncio.get_running_loop()
        specs = specs_of(
            graph, plan, threshold=THRESHOLD, window=window, max_spikes=MAX_SPIKES
        )
        self.engines = {
            part.name: Engine(
                spec, link_specs(plan.inbound(part.name)),
                link_specs(plan.outbound(part.name)),
            )
            for part, spec in zip(plan.partitions, specs, strict=True)
        }  # fmt: skip
        self.client = ClientEngine(
            link_specs(plan.inbound(CLIENT)), link_specs(plan.outbound(CLIENT)),
            ranks=rank_table(graph.input), window=window, max_spikes=MAX_SPIKES,
        )  # fmt: skip
        handlers = self.engines | {CLIENT: self.client}
        inboxes = {name: self._inbox(handlers[name].node) for name in handlers}
        self.faults, self.counts = [], []
        self.done = asyncio.Event()
        self.pumps = {
            name: self._pump(name, handlers[name], inboxes, plan) for name in handlers
        }

    def _inbox(self, node):
        where = "tcp://127.0.0.1:*"
        if self.where != "tcp":
            where = f"ipc://{self.where}/{secrets.token_hex(4)}"
        return ZmqInbox(self.sockets, [where], HWM, len(node.message))

    def _pump(self, name, handler, inboxes, plan):
        made = []
        outlets = [
            ZmqOutlet(
                self.sockets, inboxes[link.destination].endpoint, HWM,
                lambda: made[0].wake() if made else None,
            )
            for link in plan.outbound(name)
        ]  # fmt: skip
        soon = self.loop.call_soon
        if name == self.slow:
            soon = lambda act: self.loop.call_later(WAIT_S, act)  # noqa: E731
        pump = Pump(
            handler.node, inboxes[name], outlets, schedule=soon,
            always_receive=name == CLIENT,
        )  # fmt: skip
        made.append(pump)
        inboxes[name].watch(pump.wake)
        pump.start(
            handler.handler, on_fault=lambda code: self._fault(name, code),
            on_other=lambda _data: self._fault(name, -100) or 0,
            after_turn=self._after if name == CLIENT else lambda: None,
        )  # fmt: skip
        return pump

    def _fault(self, name, code):
        self.faults.append((name, code))
        self.done.set()

    def _after(self):
        _, counts, _ = self.client.take_results()
        self.counts += counts.tolist()
        if len(self.counts) == FRAMES:
            self.done.set()

    async def run(self, images):
        self.client.offer(images.reshape(len(images), -1))
        self.pumps[CLIENT].wake()
        async with asyncio.timeout(60):
            await self.done.wait()

    def spikes(self, end):
        nodes = [engine.node for engine in (*self.engines.values(), self.client)]
        rows = [row for node in nodes for row in getattr(node, end)]
        return {int(row["index"]): int(row["spikes"]) for row in rows}

    def close(self):
        for pump in self.pumps.values():
            pump.close()
        self.sockets.close()


@pytest.mark.parametrize("where", ["ipc", "tcp"])
@pytest.mark.parametrize("window", [1, pytest.param(3, marks=pytest.mark.slow), FRAMES])
@pytest.mark.parametrize("slow", ["conv2.0", CLIENT])
async def test_a_slow_reader_loses_nothing(where, window, slow):
    graph, images = golden_graph(), load_dataset().images[:FRAMES]
    with tempfile.TemporaryDirectory(prefix="nct-") as folder:
        place = folder if where == "ipc" else "tcp"
        cluster = SocketCluster(graph, planned(graph), window, slow, place)
        try:
            await cluster.run(images)
        finally:
            cluster.close()
    assert cluster.faults == []
    run = Chain(convert(graph, [THRESHOLD])).run(images)
    assert cluster.counts == run.counts.tolist()
    assert cluster.spikes("inbound") == cluster.spikes("outbound")
    for engine in cluster.engines.values():
        assert engine.node.record["contexts_peak"][0] <= window
        assert engine.node.record["open_frames"][0] == 0
    if window == FRAMES and slow != CLIENT:
        waited = cluster.pumps["conv1.0"].blocked_total(0)
        assert waited > 0, "the link was never full"
