"""Say how much memory a client takes, before `client.engine` allocates it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from neurocluster.client.records import CLIENT, RESULT, RESULTS
from neurocluster.link.room import buffer_bytes
from neurocluster.wire.shapes import FRAME_ROW

CHUNK_BYTES: Final = 1536
"""Objects around a chunk of results; a frame that finishes alone has its own."""
ROW_BYTES: Final = 640
"""A frame's row in Python's own numbers, while its table is written."""
NUMBER_BYTES: Final = 40
"""One more number of such a row."""
IMAGE_SLACK: Final = 512
"""Objects around an image that was drawn from an iterator."""


def client_engine_bytes(
    inbound: Sequence[int], outbound: Sequence[int], *, pixels: int, outputs: int,
    window: int, max_spikes: int,
) -> int:  # fmt: skip
    """Return what the client's engine takes once every page of it was touched.

    Args:
        inbound: Bytes of a word of each link from an output partition.
        outbound: Likewise of each link to an input partition.
        pixels: Of an image.
        outputs: Classes.
        window: Frames in flight.
        max_spikes: Spikes of a full packet.
    """
    buffers = buffer_bytes(
        inbound, outbound, window=window, most=max_spikes, burst=window * pixels,
        payload=max(4 * outputs, 8),
    )  # fmt: skip
    counts = 8 * (1 + len(inbound) + 2 * len(outbound))
    table = RESULTS * (RESULT.itemsize + 8 * outputs + counts)
    contexts = window * (8 * outputs + 24)
    return buffers + 2 * table + CLIENT.itemsize + contexts + 8 * pixels


def in_flight_bytes(pixels: int, window: int) -> int:
    """Return what images of an iterator take until they have finished."""
    checking = 8 * 4 * pixels
    return window * (4 * pixels + IMAGE_SLACK) + checking


def kept_bytes(outputs: int) -> int:
    """Return what a client keeps of each finished frame, until its table is written.

    That is the result, in a chunk and joined with all others; the sum of its reports,
    likewise; and its row of frames.csv.
    """
    result = RESULT.itemsize + 8 + 8 * outputs
    reports = 8 * len(FRAME_ROW)
    row = ROW_BYTES + NUMBER_BYTES * outputs
    return CHUNK_BYTES + 2 * result + 3 * reports + row
