"""Turn an engine once in memory, so that all its compiled code is loaded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from neurocluster.link.buffers import Handler, LinkBuffers
from neurocluster.link.gate import GATE
from neurocluster.link.stashed import add_stashed
from neurocluster.transport.memory import MemoryInbox, Wire
from neurocluster.transport.pump import Pump


def rehearse(node: LinkBuffers, handler: Handler, packets: Sequence[bytes]) -> None:
    """Hand packets to an engine and take what it sends.

    Args:
        node: The engine's links, one in and one out.
        handler: Of the engine.
        packets: What arrives.
    """
    inbound, outbound = (Wire(64, lambda _packet: 0) for _ in range(2))
    inbox = MemoryInbox([inbound], lambda: 0)
    pump = Pump(node, inbox, [outbound], schedule=lambda _turn: None)
    pump.start(handler, on_fault=_no_fault, on_other=lambda _data: 0)
    for packet in packets:
        inbound.send(packet)
    pump.turn()
    gate, counts = np.zeros(1, GATE), np.zeros((1, 2), np.int64)
    add_stashed(gate.ctypes.data, node.record.ctypes.data, counts)


def _no_fault(code: int) -> None:
    message = f"the rehearsal met fault {code}"
    raise AssertionError(message)
