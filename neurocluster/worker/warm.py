"""Compile or load what every worker uses, before it is needed."""

from __future__ import annotations

import numpy as np

from neurocluster.link.buffers import LinkSpec
from neurocluster.model.convert import convert
from neurocluster.model.graph import Dense, Graph, Input, Shape
from neurocluster.model.partition import make_plan
from neurocluster.model.spec import partition_spec
from neurocluster.transport.rehearsal import rehearse
from neurocluster.wire.packet import SPIKES, Packet, encode_packet
from neurocluster.worker.engine import Engine


def warm_worker() -> None:
    """Pass one frame of a tiny network through an engine."""
    weight, bias = np.ones((2, 4), np.float32), np.zeros(2, np.float32)
    graph = Graph("tiny", Input(Shape(1, 1, 4)), (Dense("d", 2, False, weight, bias),))
    plan = make_plan(graph)
    spec = partition_spec(
        convert(graph), plan.partitions[0], quantizer="hysteresis", fire="once",
        window=2, max_spikes=4,
    )  # fmt: skip
    links = [LinkSpec(*link.row) for link in plan.links]
    engine = Engine(spec, links[:1], links[1:])
    spikes = np.arange(4, dtype="<u2") << 1
    packet = Packet(SPIKES, 1, 0, 0, 0, 1, 1 + len(spikes), 0, 0, spikes.tobytes())
    rehearse(engine.node, engine.handler, [encode_packet(packet)])
