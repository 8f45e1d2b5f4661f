"""Say what an engine that starts workers can do (`start, poll, stop, logs`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


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


class Launcher(Protocol):
    """Start and stop the processes of one cluster on some engine."""

    capabilities: Capabilities

    async def start(self, slot: str, role: str, arguments: dict[str, str]) -> int:
        """Start a process; return its id."""

    def poll(self) -> list[Exit]:
        """Return the exits seen since the last call."""

    async def stop(self) -> None:
        """End all processes; may be called twice."""

    def log(self, slot: str) -> Path:
        """Return the file that takes a process's standard error."""
