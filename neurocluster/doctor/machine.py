"""Read what a cluster needs to know of this machine."""

from __future__ import annotations

import os
import platform
import resource
import socket
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import zmq

from neurocluster.doctor.report import UNLIMITED, Machine
from neurocluster.kernels.cache import cache_folder
from neurocluster.launch.machine import free_memory, machine_memory, usable_cores
from neurocluster.member.clocks import clock_domain
from neurocluster.version import VERSION
from neurocluster.wire.packet import VERSION as WIRE

PACKAGES: Final = ("numpy", "numba", "pyzmq")


def look_at_machine() -> Machine:
    """Return what this process finds on its machine, in its working folder."""
    files, files_most = resource.getrlimit(resource.RLIMIT_NOFILE)
    memory, memory_of = machine_memory() or (0, "")
    cache = cache_folder()
    return Machine(
        version=VERSION,
        wire=WIRE,
        software=_software(),
        hostname=socket.gethostname(),
        clock=clock_domain(),
        cores=usable_cores(),
        load=os.getloadavg()[0],
        files=_limit(files),
        files_most=_limit(files_most),
        memory=memory,
        memory_free=min(free_memory(), memory),
        memory_of=memory_of,
        kernels=len(list(cache.rglob("*.nbc"))),
        cache_problem=_unwritable(cache),
        folder=str(Path.cwd()),
        folder_problem=_unwritable(Path()),
    )


def _software() -> dict[str, str]:
    found = {"Python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # imported from a folder that has no record of it
    return found | {"libzmq": zmq.zmq_version()}


def _limit(value: int) -> int:
    return UNLIMITED if value == resource.RLIM_INFINITY else value


def _unwritable(folder: Path) -> str:
    """Return why nothing can be written into a folder; empty if it can."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or str(error)
