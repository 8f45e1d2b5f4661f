"""Say what a process of each role runs; arguments are plain text.

The template imports this module, so everything here and below is warm when it forks.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from neurocluster.controller.events import EXIT_FAILED
from neurocluster.controller.plan import ClusterPlan, Settings
from neurocluster.controller.run import ControllerOptions, run_controller
from neurocluster.errors import NeuroclusterError
from neurocluster.launch.children import Pulse, Role
from neurocluster.member.meeting import Meeting
from neurocluster.model.convert import convert
from neurocluster.model.load import load_network
from neurocluster.model.partition import make_plan
from neurocluster.model.split import parse_splits
from neurocluster.transport.keys import keys_in_file
from neurocluster.worker.run import WorkerOptions, run_worker
from neurocluster.worker.warm import warm_worker

LOG_FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def log_to_stderr(level: str) -> None:
    """Send log lines of at least a level to standard error."""
    logging.basicConfig(level=level.upper(), format=LOG_FORMAT)


def build_plan(options: dict[str, str], folder: str) -> ClusterPlan:
    """Load, convert and cut a network as options ask.

    Args:
        options: Text of `config.RunConfig.cluster_options`.
        folder: For ipc sockets.

    Raises:
        ModelError: Network, thresholds or splits are wrong.
    """
    graph = load_network(options["network"] or None)
    thresholds = json.loads(options["threshold"]) or None
    fixed = convert(graph, thresholds, float(options["offset"]))
    plan = make_plan(graph, parse_splits(json.loads(options["split"])))
    settings = Settings(
        options["quantizer"],  # type: ignore[arg-type]
        options["fire"],  # type: ignore[arg-type]
        int(options["window"]),
        int(options["max_spikes"]),
        int(options["hwm"]),
        folder,
        options.get("where", "ipc"),
        float(options["max_linger_us"]),
        json.loads(options["impair"]),
        options["clock"],
        json.loads(options["order_seed"]),
        options["barrier"],
        trace=int(options["trace"]),
        phases=int(options["phases"]),
    )
    return ClusterPlan(fixed, plan, settings)


def controller_role(arguments: dict[str, str], _pulse: Pulse) -> int:
    """Run a controller that a launcher started."""
    log_to_stderr(arguments.get("log_level", "info"))
    connection = Path(arguments["connection"])
    try:
        plan = build_plan(arguments, arguments["folder"])
        options = ControllerOptions(
            bind=arguments["bind"],
            connection=connection,
            deadline_s=float(arguments["deadline_s"]),
            recovery_s=float(arguments["recovery_s"]),
            leased=True,
            once=True,
            advertise=arguments.get("advertise"),
            keys=keys_in_file(arguments.get("secret", "")),
            insecure=arguments.get("insecure", "") == "yes",
        )
        return run_controller(plan, options)
    except NeuroclusterError as error:
        logging.getLogger(__name__).error("%s", error)
        return EXIT_FAILED


def former_of(arguments: dict[str, str]) -> tuple[int, str] | None:
    """Return the process that a worker stands for, and how it ended, if any."""
    former = arguments.get("former")
    return (int(former), arguments["cause"]) if former is not None else None


def worker_role(arguments: dict[str, str], pulse: Pulse) -> int:
    """Run a worker that a launcher started."""
    log_to_stderr(arguments.get("log_level", "info"))
    if "core" in arguments:  # first: threads inherit it
        os.sched_setaffinity(0, {int(arguments["core"])})
    slot = int(arguments["slot"]) if arguments["slot"] else None
    return run_worker(
        WorkerOptions(
            Meeting(arguments["endpoint"], keys_in_file(arguments.get("secret", ""))),
            slot=slot,
            leased=True,
            pulse=pulse.beat,
            former=former_of(arguments),
        )
    )


def warm() -> None:
    """Load what every worker uses, before the first fork."""
    warm_worker()


ROLES: Final[Mapping[str, Role]] = {
    "controller": controller_role, "worker": worker_role,
}  # fmt: skip
