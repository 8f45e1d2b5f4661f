"""Say how much memory a worker's engine takes, before `worker.engine` allocates it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from neurocluster.dtypes import ONE
from neurocluster.kernels.layer import ALIGNMENT, LayerSizes
from neurocluster.link.room import buffer_bytes
from neurocluster.model.spec import PartitionSpec
from neurocluster.worker.records import REPORT_FIELDS

REPORTS: Final = 1 << 13
"""Frame reports that wait for the next BEAT."""
CONTEXT_SLACK: Final = 3 * ALIGNMENT + 2048
"""What a context's three arrays cost beside their elements: objects, alignment."""
ARRAYS_SLACK: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class EngineRoom:
    """Bytes of one engine.

    Attributes:
        arrays: Constant arrays, which the next epoch's engine shares.
        contexts: ``window`` copies of the state.
        outboxes: Buffers of the links, what one incoming packet can cause.
        reports: Of frames.
    """

    arrays: int
    contexts: int
    outboxes: int
    reports: int

    @property
    def total(self) -> int:
        """Return the sum."""
        return self.arrays + self.contexts + self.outboxes + self.reports


def engine_room(
    spec: PartitionSpec, sizes: LayerSizes, inbound: Sequence[int],
    outbound: Sequence[int],
) -> EngineRoom:  # fmt: skip
    """Return what an engine takes once every page of it was touched.

    Args:
        spec: The partition.
        sizes: Of its tables.
        inbound: Bytes of a word of each incoming link.
        outbound: Likewise of each outgoing link.
    """
    words = most_words(spec, sizes.most_touched, sizes.most_firings)
    buffers = buffer_bytes(
        inbound, outbound, window=spec.window, most=spec.max_spikes, burst=2 * words,
        payload=most_payload(spec),
    )  # fmt: skip
    scratch = (words + 64) * max(outbound) + most_payload(spec)
    return EngineRoom(
        sizes.array_bytes + 2 * 8 * spec.neurons + ARRAYS_SLACK,
        spec.window * (sizes.context_bytes + CONTEXT_SLACK),
        buffers + scratch,
        REPORTS * (REPORT_FIELDS + len(inbound) + 2 * len(outbound)) * 8,
    )


def most_words(spec: PartitionSpec, touched: int, firings: int) -> int:
    """Return the most spikes that a packet, or the end of a phase, can cause.

    The start of a frame causes no more.

    Args:
        spec: The partition.
        touched: Most neurons that one spike touches.
        firings: Most firings of a neuron by one spike.
    """
    fan = 1
    for (kh, kw), (sh, sw) in spec.pools:
        fan *= -(-kh // sh) * -(-kw // sw)
    words = max(spec.max_spikes * touched * firings * fan, 16)
    if spec.fire == "settle":
        most = int(np.abs(spec.initial.astype(np.int64)).max(initial=0)) // ONE + 2
        words = max(words, spec.neurons * most * fan)
    if spec.batch:
        words = max(words, spec.neurons * fan)
    return words


def most_payload(spec: PartitionSpec) -> int:
    """Return the largest payload other than spikes, in bytes."""
    return max(4 * spec.neurons, 8) if spec.is_output else 8
