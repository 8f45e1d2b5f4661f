"""Compile or load what every client uses, before it is needed."""

from __future__ import annotations

import numpy as np

from neurocluster.client.engine import Engine
from neurocluster.coding.delay import rank_table
from neurocluster.link.buffers import LinkSpec
from neurocluster.model.graph import Input, Shape
from neurocluster.transport.rehearsal import rehearse
from neurocluster.wire.packet import POTENTIALS, Packet, encode_packet

PIXELS, OUTPUTS = 4, 2


def warm_client() -> None:
    """Start frames in every way, and take the result of the first."""
    engine = Engine(
        [LinkSpec(1, "d.0->client", 0, OUTPUTS, OUTPUTS, 2)],
        [LinkSpec(0, "client->d.0", 0, PIXELS, PIXELS, 2)],
        ranks=rank_table(Input(Shape(1, 1, PIXELS))), window=4, max_spikes=4,
    )  # fmt: skip
    engine.start(np.full(PIXELS, 255, np.uint8))
    engine.start_order(np.arange(PIXELS, dtype=np.uint32))
    engine.offer(np.zeros((1, PIXELS), np.uint8))
    packet = Packet(POTENTIALS, 1, 1, 0, 0, 1, 1, 0, 0, bytes(4 * OUTPUTS))
    rehearse(engine.node, engine.handler, [encode_packet(packet)])
    engine.take_results()
