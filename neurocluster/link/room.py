"""Say how much memory a node's links take, before `link.buffers` allocates it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from neurocluster.link.records import CONTEXT, INBOUND, NODE, OUTBOUND, SPANS
from neurocluster.metrics.histogram import BINS
from neurocluster.wire.packet import HEADER_BYTES

CONTROL_BYTES: Final = 4096
"""Room in the message buffer for a HELLO or a packet of wider integers."""
PIECE_BYTES: Final = 16
"""A packet's row in an outbox's table: where it starts, its size."""
SLACK_BYTES: Final = 1024
"""What an array costs beside its elements, several times over; counted once a link."""


def packet_room(width: int, most: int, payload: int) -> int:
    """Return the bytes of an outbox that a packet fills, in whole cache lines.

    Args:
        width: Bytes of a word.
        most: Spikes of a full packet.
        payload: Largest payload other than spikes.
    """
    return (HEADER_BYTES + max(most * width, payload) + 127) // 64 * 64


def outbox_packets(window: int, most: int, burst: int) -> int:
    """Return the most packets that wait in an outbox, see `buffer_bytes`."""
    return burst // most + 2 * window + 4


def buffer_bytes(
    inbound: Sequence[int], outbound: Sequence[int], *, window: int, most: int,
    burst: int, payload: int,
) -> int:  # fmt: skip
    """Return what `link.buffers.LinkBuffers` takes once every page was touched.

    Args:
        inbound: Bytes of a word of each link that ends at the node.
        outbound: Likewise of each link that starts there.
        window: Frames in flight.
        most: Spikes of a full packet.
        burst: Most spikes that one received packet can cause.
        payload: Largest payload other than spikes.
    """
    widest = max(inbound, default=2)
    node = NODE.itemsize + HEADER_BYTES + max(most * widest, payload) + CONTROL_BYTES
    node += window * (CONTEXT.itemsize + 2 * 8) + SLACK_BYTES
    receiving = INBOUND.itemsize + 2 * 8 * window + 4 * len(SPANS) * BINS + SLACK_BYTES
    packets = outbox_packets(window, most, burst)
    sending = sum(
        OUTBOUND.itemsize + window * (most * width + 6 * 8) + SLACK_BYTES
        + packets * (packet_room(width, most, payload) + PIECE_BYTES)
        for width in outbound
    )  # fmt: skip
    return node + len(inbound) * receiving + sending
