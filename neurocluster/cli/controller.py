"""Do `neurocluster controller`: wait for workers and a client that others start."""

from __future__ import annotations

import logging
import secrets
import tempfile
from pathlib import Path

from neurocluster.cli.claim import claim_connection
from neurocluster.cli.memory import refuse_or_warn
from neurocluster.config import RunConfig
from neurocluster.controller.run import ControllerOptions, run_controller
from neurocluster.errors import ConfigError
from neurocluster.launch.memory import MemoryBound
from neurocluster.launch.roles import build_plan

_log = logging.getLogger(__name__)
LOCAL = ("tcp://127.", "tcp://localhost", "tcp://[::1]", "ipc://")


def controller_command(
    config: RunConfig, connection: Path, bind: str | None, *, once: bool, replace: bool
) -> int:
    """Run a controller; return its exit code.

    Raises:
        ConfigError: The endpoint is not of this machine, the connection file is of a
            controller that answers, or the plan may take more memory than allowed.
    """
    if bind is not None and not bind.startswith(LOCAL):
        message = (
            f"bind: {bind} is not local; this version binds ipc:// and loopback only"
        )
        raise ConfigError(message)
    claim_connection(connection, replace=replace)
    with tempfile.TemporaryDirectory(prefix="nc-") as folder:
        endpoint = bind or f"ipc://{folder}/{secrets.token_hex(4)}"
        plan = build_plan(config.cluster_options(), folder)
        bound = MemoryBound(config, plan.fixed, plan.plan)
        refuse_or_warn(config, bound.cluster(launched=False))
        options = ControllerOptions(
            endpoint, connection, config.deadline_s, config.recovery_s, leased=False,
            once=once,
        )  # fmt: skip
        count = len(plan.partitions)
        _log.info("waiting for %d workers and a client at %s", count, connection)
        return run_controller(plan, options)
