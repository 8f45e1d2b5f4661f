"""Judge the memory bound of a plan: what is refused, what is worth a warning."""

from __future__ import annotations

from typing import Final

from neurocluster.config import RunConfig
from neurocluster.errors import ConfigError
from neurocluster.launch.machine import machine_memory
from neurocluster.model.memory import ClusterMemory
from neurocluster.sizes import show_size

SHOWN: Final = 3
"""How many of the largest parts are named."""


def check_limit(config: RunConfig, memory: ClusterMemory) -> None:
    """Refuse a plan that may take more than the settings allow.

    Raises:
        ConfigError: It may; the text names the bound, the limit, what takes most and
            what makes it less.
    """
    if config.memory is None or memory.total <= config.memory:
        return
    message = (
        f"memory: this plan may take {show_size(memory.total)}, the limit is "
        f"{show_size(config.memory)}; most of it is {_largest(memory)}. Use a smaller "
        f"window (now {config.window}), max_spikes (now {config.max_spikes}) or hwm "
        f"(now {config.hwm}), fewer partitions or frames, or a higher memory"
    )
    raise ConfigError(message)


def warning(memory: ClusterMemory) -> str:
    """Return words about a plan that may take more than there is; or nothing."""
    found = machine_memory()
    if found is None or memory.total <= found[0]:
        return ""
    size, what = found
    return (
        f"this plan may take {show_size(memory.total)} of memory, {what} has "
        f"{show_size(size)}; most of it is {_largest(memory)}"
    )


def _largest(memory: ClusterMemory) -> str:
    parts = [f"{what} ({show_size(size)})" for what, size in memory.largest(SHOWN)]
    return ", ".join(parts)
