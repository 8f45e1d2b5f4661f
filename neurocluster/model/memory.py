"""Bound the memory of a plan before anything starts (ARCHITECTURE.md, "Memory")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from neurocluster.model.partition import Link
from neurocluster.model.spec import PartitionSpec

HEADER: Final = 64
IPC_BYTES: Final = 64 * 1024
"""What the kernel holds of one ipc link, measured."""
CELL_BYTES: Final = 8
"""Of a neuron's potential and level, pooling counts included."""


@dataclass(frozen=True, slots=True)
class PartitionMemory:
    """Bytes that one partition may need.

    Attributes:
        weights: Its arrays.
        contexts: ``window`` copies of its state.
        outboxes: What one incoming packet can cause.
    """

    weights: int
    contexts: int
    outboxes: int

    @property
    def total(self) -> int:
        """Return the sum."""
        return self.weights + self.contexts + self.outboxes


def link_bytes(link: Link, hwm: int, max_spikes: int) -> int:
    """Return the most bytes that wait on a link: both queues, and the kernel."""
    return (2 * hwm + 2) * (max_spikes * link.width + HEADER) + IPC_BYTES


def partition_bytes(
    spec: PartitionSpec, outbound: tuple[Link, ...], touched: int, firings: int
) -> PartitionMemory:
    """Return the bound of one partition.

    Args:
        spec: The partition.
        outbound: Its outgoing links.
        touched: Most neurons that one spike touches.
        firings: Most firings of a neuron by one spike.
    """
    width = max((link.width for link in outbound), default=2)
    burst = spec.max_spikes * touched * firings * width * len(outbound)
    pending = spec.window * spec.max_spikes * width * len(outbound)
    contexts = spec.window * spec.neurons * CELL_BYTES
    return PartitionMemory(
        spec.weight.nbytes + spec.initial.nbytes, contexts, burst + pending
    )
