"""Say what an engine that starts workers can do (`start, poll, stop, logs`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

WORKER, PROBE = "worker", "probe"
"""What a launcher runs on a host: a parent of workers, or a probe of the doctor."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Describe an engine.

    Attributes:
        restarts: Who starts a dead process again: ``engine``, ``launcher``, ``none``.
        per_task: True if one process can be started and stopped alone.
        stdin_lease: True if a process ends when its standard input does.
    """

    restarts: str
    per_task: bool
    stdin_lease: bool


@dataclass(frozen=True, slots=True)
class Exit:
    """Report the end of a process.

    Attributes:
        slot: Name given at its start.
        pid: Process id.
        code: Exit status, or minus the number of the signal that killed it.
        problem: Why the launcher killed it; empty if it did not.
        left: Workers that remain, or are started again.
    """

    slot: str
    pid: int
    code: int
    problem: str = ""
    left: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """What one host is to run.

    Attributes:
        slots: A worker for each of these partitions.
        spares: Further workers that stand by.
    """

    slots: tuple[int, ...]
    spares: int = 0


class HostLauncher(Protocol):
    """Start a parent of workers, or a probe, on each host; `stop` ends them all.

    Attributes:
        on_exit: Told of a parent that ended though nobody asked it to; its slot is the
            host.
    """

    capabilities: Capabilities
    on_exit: Callable[[Exit], None]

    async def open(self) -> None:
        """Reach every host, or raise `StartTimeout` that lists those that are not."""

    async def reach(self) -> dict[str, str]:
        """Reach every host that can be; return why not, by each other's name."""

    def start(self, shares: Mapping[str, Share], connection: str) -> None:
        """Start what the hosts are to run.

        Args:
            shares: By host.
            connection: Text of a connection file, the key in it.
        """

    def ended(self, host: str) -> bool:
        """Tell whether a host's parent has ended and is not started again."""

    def log(self, host: str) -> Path:
        """Return the file of what a host's workers print."""

    async def stop(self) -> None:
        """End all processes; may be called twice."""


def shares_of(
    placement: Mapping[str, str], hosts: Sequence[str], spares: int
) -> dict[str, Share]:
    """Return what each host is to run; spares go round.

    Args:
        placement: Host of each partition, in plan order.
        hosts: All hosts.
        spares: Workers that stand by.
    """
    order = list(placement.values())
    found = {}
    for number, host in enumerate(hosts):
        slots = tuple(k for k, there in enumerate(order) if there == host)
        extra = spares // len(hosts) + (number < spares % len(hosts))
        if slots or extra:
            found[host] = Share(slots, extra)
    return found
