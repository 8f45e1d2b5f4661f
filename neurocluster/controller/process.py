"""Look at a process in /proc: whether it is there, runs, or was stopped."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Final

from neurocluster.controller.status import GONE, UNSEEN

HOSTNAME: Final = socket.gethostname()


def _fields(pid: int) -> list[str]:
    """Return what /proc/PID/stat has behind the name; empty if there is no process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def start_of(pid: int) -> int:
    """Return when a process started, in clock ticks since the boot; 0 if unknown."""
    fields = _fields(pid)
    return int(fields[19]) if fields else 0


def state_of(pid: int, host: str, start: int = 0) -> str:
    """Return the letter of a process's state, see proc(5), or `GONE` or `UNSEEN`.

    Args:
        pid: Of the process.
        host: On which it runs.
        start: When it started; another process of the same pid is not it.
    """
    if host != HOSTNAME or pid <= 0:
        return UNSEEN
    fields = _fields(pid)
    if not fields or (start and int(fields[19]) != start):
        return GONE
    return fields[0]


def own() -> tuple[int, str, int]:
    """Return pid, host and start of this process."""
    return os.getpid(), HOSTNAME, start_of(os.getpid())
