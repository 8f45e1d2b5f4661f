"""Bound the memory of processes and links before anything starts.

The measure is RssAnon of /proc/PID/status: what a process wrote itself and nobody can
take from it. Pages of libraries are not in it, the kernel can drop them. Pages that
forked processes share are in it, once in each, so that the sum over a cluster is above
what the machine gives (about three times for the reference network). The kernel's own
buffers of links are in no process; the cluster's bound adds them. ARCHITECTURE.md,
"Memory", has the formulas.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

HEADER: Final = 64
KERNEL_BYTES: Final = 64 * 1024
"""What the kernel holds of one ipc link, measured."""
DECODER_BYTES: Final = 20 * 1024
"""What a received packet may keep beside its own bytes: libzmq decodes in place, in a
buffer of 8 KiB and its table of 10 KiB, which lives as long as any packet in it."""
PIPE_BYTES: Final = 32 * 1024
"""Two chunks of 256 slots of a queue of libzmq."""
MIB: Final = 1 << 20
BASE_BYTES: Final[Mapping[str, int]] = {
    "launcher": 96 * MIB, "controller": 96 * MIB, "worker": 96 * MIB,
    "client": 128 * MIB,
}  # fmt: skip
"""Interpreter, libraries and compiled code of an idle process of each role.

Measured with Python 3.11, numpy 2, x86-64: launcher 58 MiB, workers 59 to 62,
controller 62, client (`neurocluster run`, its data set taken off) 76. The rest is room
for other versions and allocators.
"""
COMPILER_BYTES: Final = 128 * MIB
"""What a process takes more once it has compiled kernels, or was forked from one that
has; measured 100 MiB. After `warm` or `describe` no process compiles."""


@dataclass(frozen=True, slots=True)
class LinkMemory:
    """Bytes that wait on one link at most.

    Attributes:
        sender: In the queue of the process where it starts.
        receiver: In the queue of the process where it ends.
        kernel: Between them.
    """

    sender: int
    receiver: int
    kernel: int = KERNEL_BYTES

    @property
    def total(self) -> int:
        """Return the sum."""
        return self.sender + self.receiver + self.kernel


def link_memory(width: int, hwm: int, max_spikes: int, payload: int = 8) -> LinkMemory:
    """Return the bound of a link.

    Args:
        width: Bytes of a word.
        hwm: Packets queued at each side.
        max_spikes: Spikes of a full packet.
        payload: Largest payload other than spikes.
    """
    packet = max(max_spikes * width, payload) + 2 * HEADER
    return LinkMemory(
        (hwm + 2) * packet + PIPE_BYTES,
        (hwm + 2) * (packet + DECODER_BYTES) + PIPE_BYTES,
    )


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """Bytes that one process may take.

    Attributes:
        name: Partition, or role.
        role: ``launcher``, ``controller``, ``worker`` or ``client``.
        network: Weights, tables, copies of both on their way.
        window: Frames in flight: states, outboxes.
        queues: Ends of its links, control messages.
        rebuild: A second engine, while an epoch follows another.
        data: Images and results.
    """

    name: str
    role: str
    network: int = 0
    window: int = 0
    queues: int = 0
    rebuild: int = 0
    data: int = 0

    @property
    def base(self) -> int:
        """Return what the process takes without a plan."""
        return BASE_BYTES[self.role]

    @property
    def parts(self) -> dict[str, int]:
        """Return what it takes for what, in bytes."""
        return {
            "base": self.base, "network": self.network, "window": self.window,
            "queues": self.queues, "rebuild": self.rebuild, "data": self.data,
        }  # fmt: skip

    @property
    def total(self) -> int:
        """Return the sum."""
        return sum(self.parts.values())


@dataclass(frozen=True, slots=True)
class ClusterMemory:
    """Bound of a whole cluster.

    Attributes:
        processes: Every process.
        kernel: What the kernel holds of all links.
        frame_bytes: What the client keeps of each finished frame.
    """

    processes: tuple[ProcessMemory, ...]
    kernel: int
    frame_bytes: int

    @property
    def total(self) -> int:
        """Return the sum; both ends of a link are in their processes, once each."""
        return sum(process.total for process in self.processes) + self.kernel

    def without_workers(self) -> ClusterMemory:
        """Return what this machine takes if its workers run elsewhere."""
        here = [process for process in self.processes if process.role != "worker"]
        return replace(self, processes=tuple(here))

    def largest(self, count: int) -> list[tuple[str, int]]:
        """Return what takes most, the base of all processes being one thing."""
        base = sum(process.base for process in self.processes)
        found = [(f"the base of {len(self.processes)} processes", base)]
        found += [
            (f"the {part} of {process.name}", size)
            for process in self.processes
            for part, size in process.parts.items()
            if part != "base"
        ]
        return sorted(found, key=lambda pair: -pair[1])[:count]
