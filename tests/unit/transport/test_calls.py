"""How turns reach sockets: pyzmq's own library, or functions in Python."""

import asyncio
import logging
import secrets

import numpy as np
import pytest

from neurocluster.client.engine import Engine as Client
from neurocluster.coding.delay import rank_table
from neurocluster.dtypes import CLIENT
from neurocluster.kernels.chain import Chain
from neurocluster.link.records import BAD_SOCKET
from neurocluster.model.convert import convert
from neurocluster.transport import calls, pump
from neurocluster.transport.memory import MemoryInbox, Wire
from neurocluster.transport.pump import Pump
from neurocluster.transport.sockets import Sockets
from neurocluster.transport.zeromq import ZmqInbox, ZmqOutlet
from neurocluster.worker.engine import Engine
from tests.support.builders import link_specs, planned, small_graph, specs_of


def test_the_library_of_pyzmq_is_found():
    """Without it links work, but slower; the wheels that we lock carry it."""
    assert calls.library_functions() is not None


def test_without_the_library_turns_call_python(monkeypatch, caplog):
    calls.library_functions.cache_clear()
    monkeypatch.setattr(calls, "_loaded_libraries", list)
    with caplog.at_level(logging.WARNING):
        assert calls.library_functions() is None
    assert "slower" in caplog.text
    calls.library_functions.cache_clear()


@pytest.mark.parametrize("find", [calls.calls_of, calls.python_calls])
async def test_both_ways_give_the_same_spikes(find, monkeypatch, tmp_path):
    monkeypatch.setattr(pump, "calls_of", find)
    graph = small_graph(7)
    images = np.random.default_rng(7).integers(0, 256, (30, 72)).astype(np.uint8)
    plan = planned(graph)
    specs = specs_of(graph, plan, window=4, max_spikes=8)
    sockets, loop = Sockets(16), asyncio.get_running_loop()
    nodes = [
        Engine(
            spec, link_specs(plan.inbound(p.name)), link_specs(plan.outbound(p.name))
        )
        for p, spec in zip(plan.partitions, specs, strict=True)
    ]
    inbound, outbound = plan.inbound(CLIENT), plan.outbound(CLIENT)
    client = Client(
        link_specs(inbound), link_specs(outbound), ranks=rank_table(graph.input),
        window=4, max_spikes=8,
    )  # fmt: skip
    nodes.append(client)
    where = [f"ipc://{tmp_path}/{secrets.token_hex(4)}" for _ in nodes]
    inboxes = [ZmqInbox(sockets, [at], 2, len(n.node.message))
               for at, n in zip(where, nodes, strict=True)]  # fmt: skip
    pumps, faults, finished = [], [], []
    ended = asyncio.Event()
    for k, node in enumerate(nodes):
        to = inboxes[(k + 1) % len(nodes)].endpoint
        outlet = ZmqOutlet(sockets, to, 2, lambda k=k: pumps[k].turn())
        pumps.append(
            Pump(node.node, inboxes[k], [outlet], schedule=loop.call_soon,
                 always_receive=node is client)
        )  # fmt: skip

    def collect():
        finished.extend(client.take_results()[1].tolist())
        if len(finished) == len(images):
            ended.set()

    client.offer(images)
    for k, node in enumerate(nodes):
        inboxes[k].watch(pumps[k].turn)
        pumps[k].start(
            node.handler, on_fault=faults.append, on_other=lambda _data: -1,
            after_turn=collect if node is client else lambda: None,
        )  # fmt: skip
    async with asyncio.timeout(20):
        await ended.wait()
    for each in pumps:
        each.close()
    sockets.close()
    assert faults == []
    square = images.reshape(-1, 6, 6, 2)
    assert finished == Chain(convert(graph, [0.5])).run(square).counts.tolist()


class Broken(Wire):
    def send(self, packet):
        del packet
        message = "no"
        raise OSError(message)


def test_a_socket_that_raises_is_a_fault_never_a_loss(caplog):
    graph = small_graph(1)
    plan = planned(graph)
    inbound, outbound = plan.inbound(CLIENT), plan.outbound(CLIENT)
    client = Client(
        link_specs(inbound), link_specs(outbound), ranks=rank_table(graph.input),
        window=2, max_spikes=8,
    )  # fmt: skip
    faults = []
    inbox = MemoryInbox([], lambda: 0)
    ended = Pump(client.node, inbox, [Broken(1, lambda _d: 0)], schedule=lambda _t: 0)
    ended.start(client.handler, on_fault=faults.append, on_other=lambda _data: 0)
    client.offer(np.full((1, 72), 255, np.uint8))
    ended.turn()
    assert faults == [BAD_SOCKET]
    assert str(client.fault(faults[0])).startswith("link client->conv.0: the socket")
    assert "OSError: no" in caplog.text
    ended.turn()
    assert len(faults) == 1
