"""Record where the figures come from: machine, load, versions."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import zmq

from neurocluster.bench.processes import core_count
from neurocluster.results.summary import versions


def environment() -> dict[str, Any]:
    """Return processor, cores, load and versions."""
    return {
        "cpu": _cpu_model(),
        "cores": core_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load_average": list(os.getloadavg()),
        "versions": {**versions(), "libzmq": zmq.zmq_version()},
    }


def _cpu_model() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    for line in text.splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
