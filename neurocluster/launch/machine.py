"""Read what this machine, or the control groups around us, let processes have."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path("/")
UNLIMITED: Final = 1 << 60
"""Limits above it are none: version 1 writes the largest multiple of a page."""
QUOTA: Final = 2
"""Words of a limit of cores: microseconds, of so many; ``max`` or -1 is none."""


def machine_memory(root: Path = ROOT) -> tuple[int, str] | None:
    """Return the bytes that processes here can have, and what sets that limit.

    Args:
        root: Holds ``proc`` and ``sys``.

    Returns:
        None where nothing says so.
    """
    found = [*_physical(root), *_groups(root)]
    return min(found, default=None)


def _physical(root: Path) -> Iterator[tuple[int, str]]:
    for line in _read(root / "proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        if name == "MemTotal":
            yield int(rest.split()[0]) * 1024, "the machine"


def free_memory(root: Path = ROOT) -> int:
    """Return the bytes that nobody uses, or that the kernel can drop; 0 if unknown.

    Args:
        root: Holds ``proc``.
    """
    for line in _read(root / "proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            return int(rest.split()[0]) * 1024
    return 0


def usable_cores(root: Path = ROOT) -> float:
    """Return how many cores this process may use: its affinity, its control groups.

    Args:
        root: Holds ``proc`` and ``sys``.
    """
    return min([float(len(os.sched_getaffinity(0))), *_quotas(root)])


def _quotas(root: Path) -> Iterator[float]:
    """Yield how many cores each of our control groups allows, where it says so."""
    for file, _ in _group_files(root, "cpu", "cpu.max", "cpu.cfs_quota_us"):
        words = _read(file).split()
        if file.name != "cpu.max":
            words += _read(file.with_name("cpu.cfs_period_us")).split()
        if len(words) == QUOTA and all(map(str.isdecimal, words)) and int(words[1]):
            yield int(words[0]) / int(words[1])


def _groups(root: Path) -> Iterator[tuple[int, str]]:
    """Yield the memory limit of each of our control groups that has one."""
    names = "memory", "memory.max", "memory.limit_in_bytes"
    for file, part in _group_files(root, *names):
        text = _read(file).strip()
        if text.isdecimal() and int(text) < UNLIMITED:
            yield int(text), f"the control group /{part}".removesuffix(".")


def _group_files(
    root: Path, controller: str, new: str, old: str
) -> Iterator[tuple[Path, Path]]:
    """Yield a file of our control group and of each around it, with the group's path.

    A line of /proc/self/cgroup is ``number:controllers:path``; version 2 has number 0
    and no controllers. Inside a container the path may lie outside of what is mounted;
    then only the mounted root tells.

    Args:
        root: Holds ``proc`` and ``sys``.
        controller: Of version 1.
        new: Name of the file in version 2.
        old: Name of the file in version 1.
    """
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mounted, name = root / "sys/fs/cgroup", new
        elif controller in controllers.split(","):
            mounted, name = root / "sys/fs/cgroup" / controller, old
        else:
            continue
        group = Path(path.lstrip("/"))
        for part in (group, *group.parents):
            yield mounted / part / name, part


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
