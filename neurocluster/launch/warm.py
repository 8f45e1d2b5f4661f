"""Compile or load all compiled code of a cluster before its processes need it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from neurocluster.client.engine import Engine as ClientEngine
from neurocluster.coding.delay import rank_table
from neurocluster.controller.plan import row
from neurocluster.dtypes import FirePolicy, Quantizer
from neurocluster.kernels.tables import compile_layer
from neurocluster.link.buffers import LinkSpec
from neurocluster.model.convert import FixedNetwork, convert
from neurocluster.model.graph import Dense, Graph, Input, Shape
from neurocluster.model.partition import Plan, make_plan
from neurocluster.model.spec import partition_spec
from neurocluster.transport.memory import MemoryInbox, Wire
from neurocluster.transport.pump import Pump
from neurocluster.worker.engine import Engine


def warm_layers(
    fixed: FixedNetwork, plan: Plan, quantizer: Quantizer, fire: FirePolicy
) -> Iterator[str]:
    """Compile or load the kernels of each partition; yield its name when done."""
    for partition in plan.partitions:
        spec = partition_spec(
            fixed, partition, quantizer=quantizer, fire=fire, window=1, max_spikes=1
        )
        width = plan.inbound(partition.name)[0].width
        compile_layer(spec, width, plan.outbound(partition.name)[0].width)
        yield partition.name


def warm_engines() -> None:
    """Pass one frame of a tiny network through a client and a worker engine."""
    weight, bias = np.ones((2, 4), np.float32), np.zeros(2, np.float32)
    graph = Graph("tiny", Input(Shape(1, 1, 4)), (Dense("d", 2, False, weight, bias),))
    plan = make_plan(graph)
    spec = partition_spec(
        convert(graph), plan.partitions[0], quantizer="hysteresis", fire="once",
        window=2, max_spikes=4,
    )  # fmt: skip
    links = [LinkSpec(*row(link)) for link in plan.links]
    worker = Engine(spec, links[:1], links[1:])
    client = ClientEngine(
        links[1:], links[:1], ranks=rank_table(graph.input), window=2, max_spikes=4
    )
    client.start(np.full(4, 255, np.uint8))
    client.start_order(np.arange(4, dtype=np.uint32))
    client.offer(np.zeros((1, 4), np.uint8))
    wires = [Wire(4, lambda _packet: 0) for _ in links]
    pumps = [_pump(client, wires[1], wires[0]), _pump(worker, wires[0], wires[1])]
    for pump in (*pumps, *pumps):
        pump.turn()


def _pump(engine: ClientEngine | Engine, inbox: Wire, outlet: Wire) -> Pump:
    end = MemoryInbox([inbox], lambda: 0)
    pump = Pump(engine.node, end, [outlet], schedule=lambda _turn: None)
    pump.start(engine.handler, on_fault=_no_fault, on_other=lambda _data: 0)
    return pump


def _no_fault(code: int) -> None:
    message = f"warming met fault {code}"
    raise AssertionError(message)
