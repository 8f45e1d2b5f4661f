"""Read how much memory this machine, or the control group around us, has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path("/")
UNLIMITED: Final = 1 << 60
"""Limits above it are none: version 1 writes the largest multiple of a page."""


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


def _groups(root: Path) -> Iterator[tuple[int, str]]:
    """Yield the limit of our control group and of each around it, where there is one.

    A line of /proc/self/cgroup is ``number:controllers:path``; version 2 has number 0
    and no controllers. Inside a container the path may lie outside of what is mounted;
    then only the mounted root tells.
    """
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mounted, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            mounted, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        group = Path(path.lstrip("/"))
        for part in (group, *group.parents):
            text = _read(mounted / part / name).strip()
            if text.isdecimal() and int(text) < UNLIMITED:
                yield int(text), f"the control group /{part}".removesuffix(".")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
