"""Bound the memory of a plan before anything starts (ARCHITECTURE.md, "Memory")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from neurocluster.model.partition import Link
from neurocluster.model.spec import PartitionSpec

HEADER: Final = 64
IPC_BYTES: Final = 64 * 1024
"""What the kernel holds of one ipc link, measured."""
REPORT_ROWS: Final = 1 << 13
"""Frame reports of a worker that may wait for the next BEAT."""
REPORT_FIELDS: Final = 5


@dataclass(frozen=True, slots=True)
class PartitionMemory:
    """Bytes that one partition may need.

    Attributes:
        weights: Its arrays, and its table of reports.
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
    spec: PartitionSpec,
    inbound: tuple[Link, ...],
    outbound: tuple[Link, ...],
    touched: int,
    firings: int,
    *,
    array_bytes: int,
    context_bytes: int,
) -> PartitionMemory:
    """Return the bound of one partition.

    Args:
        spec: The partition.
        inbound: Its incoming links.
        outbound: Its outgoing links.
        touched: Most neurons that one spike touches.
        firings: Most firings of a neuron by one spike.
        array_bytes: Its constant arrays.
        context_bytes: The state of one frame.
    """
    width = max((link.width for link in outbound), default=2)
    packet = spec.max_spikes * width + HEADER
    burst = touched * firings * packet * len(outbound)
    pending = spec.window * spec.max_spikes * width * len(outbound)
    columns = REPORT_FIELDS + len(inbound) + 2 * len(outbound)
    reports = REPORT_ROWS * columns * 8
    return PartitionMemory(
        array_bytes + reports, spec.window * context_bytes, burst + pending
    )
