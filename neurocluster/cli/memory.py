"""Look at the memory that a plan may take before anything of it starts."""

from __future__ import annotations

import sys

from neurocluster.config import RunConfig
from neurocluster.launch.limit import check_limit, warning
from neurocluster.model.memory import ClusterMemory


def refuse_or_warn(
    config: RunConfig, memory: ClusterMemory, *, elsewhere: bool = False
) -> None:
    """Refuse a plan above the limit of its settings; warn of one above the machine's.

    Args:
        config: Settings.
        memory: Bound of the plan.
        elsewhere: True if its workers run on other hosts.

    Raises:
        ConfigError: The plan may take more memory than the settings allow.
    """
    check_limit(config, memory)
    if text := warning(memory.without_workers() if elsewhere else memory):
        print(f"warning: {text}", file=sys.stderr)
