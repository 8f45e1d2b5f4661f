"""Injure a process from outside: kill, stop, slow down, cut, take its resources away.

Nothing here needs the victim's help: no hook, no debug mode.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import resource
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

PIDFD_GETFD: Final = 438
"""System call number, the same on all architectures."""
FEW: Final = 4
"""Descriptors that a starved process may have."""
CGROUP: Final = Path("/sys/fs/cgroup")


def signal_to(pid: int, number: int) -> bool:
    """Send a signal; False if the process is gone."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def kill(pid: int) -> bool:
    """Kill a process."""
    return signal_to(pid, signal.SIGKILL)


def stop(pid: int) -> bool:
    """Stop a process: it lives and does nothing."""
    return signal_to(pid, signal.SIGSTOP)


def go_on(pid: int) -> bool:
    """Let a stopped process go on."""
    return signal_to(pid, signal.SIGCONT)


@contextlib.asynccontextmanager
async def slowed(
    pid: int, factor: float, period_s: float = 0.004
) -> AsyncIterator[None]:
    """Let a process run only one part in ``factor`` of the time."""

    async def pace() -> None:
        while stop(pid):
            await asyncio.sleep(period_s * (factor - 1) / factor)
            go_on(pid)
            await asyncio.sleep(period_s / factor)

    task = asyncio.create_task(pace())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        go_on(pid)


def cut_data_socket(pid: int, endpoint: str) -> int:
    """Cut a process's inbound data connections for good; return how many.

    A copy of each descriptor is taken and the connection behind it shut down; with the
    socket's file gone ZeroMQ cannot connect again. The process itself and its control
    socket are not touched.
    """
    path = endpoint.removeprefix("ipc://")
    inodes = {
        fields[6]
        for line in Path("/proc/net/unix").read_text().splitlines()[1:]
        if len(fields := line.split()) == 8 and fields[7] == path and fields[5] == "03"
    }
    Path(path).unlink()
    count = 0
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            target = link.readlink().name
            if target.startswith("socket:[") and target[8:-1] in inodes:
                _shut_down(pid, int(link.name))
                count += 1
    return count


def _shut_down(pid: int, descriptor: int) -> None:
    pidfd = os.pidfd_open(pid)
    try:
        copy = ctypes.CDLL(None, use_errno=True).syscall(
            PIDFD_GETFD, pidfd, descriptor, 0
        )
        if copy < 0:
            raise OSError(ctypes.get_errno(), "pidfd_getfd")
        with socket.socket(fileno=copy) as connection:
            connection.shutdown(socket.SHUT_RDWR)
    finally:
        os.close(pidfd)


def starve_of_descriptors(pid: int) -> None:
    """Let a process open nothing more, even when it has closed what it has."""
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (FEW, hard))


@contextlib.contextmanager
def memory_limit(pid: int, more_bytes: int) -> Iterator[None]:
    """Put a process into a memory cgroup with so many bytes more than it has now.

    Raises:
        PermissionError: This user may not make cgroups here.
    """
    old = (CGROUP / "memory").is_dir()
    group = (CGROUP / "memory" if old else CGROUP) / f"faults-{pid}"
    names = (
        ("memory.limit_in_bytes", "tasks") if old else ("memory.max", "cgroup.procs")
    )
    try:
        group.mkdir()
    except OSError as error:
        message = f"cannot make {group}: {error.strerror}"
        raise PermissionError(message) from error
    try:
        # What it has stays with the old group: only growth counts.
        (group / names[1]).write_text(str(pid))
        (group / names[0]).write_text(str(more_bytes))
        yield
    finally:
        for _ in range(100):
            with contextlib.suppress(OSError):
                group.rmdir()
            if not group.exists():
                break
            time.sleep(0.05)


@contextlib.contextmanager
def small_disk(folder: Path, size: str = "64k") -> Iterator[Path]:
    """Mount a file system of a few kilobytes.

    Raises:
        PermissionError: This user may not mount.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    folder.mkdir(parents=True, exist_ok=True)
    where = os.fsencode(folder)
    if libc.mount(b"none", where, b"tmpfs", 0, f"size={size}".encode()):
        raise PermissionError(ctypes.get_errno(), "cannot mount")
    try:
        yield folder
    finally:
        libc.umount2(where, 2)
