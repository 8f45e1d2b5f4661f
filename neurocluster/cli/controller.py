"""Do `neurocluster controller`: wait for workers and a client that others start."""

from __future__ import annotations

import logging
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from neurocluster.cli.claim import claim_connection
from neurocluster.cli.memory import refuse_or_warn
from neurocluster.cli.reach import OPEN, refuse_both
from neurocluster.config import RunConfig
from neurocluster.controller.run import ControllerOptions, run_controller
from neurocluster.errors import ConfigError
from neurocluster.launch.memory import MemoryBound
from neurocluster.launch.roles import build_plan
from neurocluster.transport.address import address_on, host_of, is_any, is_local, tcp
from neurocluster.transport.keys import Keys, find_keys

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ControlPlace:
    """Where a controller meets its members.

    Attributes:
        bind: Endpoint, or None for one of this machine's own.
        advertise: Host that others connect to, or None for the one that is bound.
        keys: Of the cluster, or None.
        insecure: Other hosts reach it, and nothing is encrypted.
    """

    bind: str | None
    advertise: str | None
    keys: Keys | None
    insecure: bool


def control_place(
    bind: str | None, advertise: str | None, interface: str | None, key: Path | None,
    *, insecure: bool,
) -> ControlPlace:  # fmt: skip
    """Return where a controller meets its members.

    Raises:
        ConfigError: The options contradict each other, say too little, or leave a
            controller open that other hosts can reach.
    """
    keys = find_keys(key)
    refuse_both(interface, bind)
    if interface is not None:
        bind = tcp(address_on(interface), "*")
    if bind is None or is_local(bind):
        return ControlPlace(bind, advertise, keys, insecure=False)
    if is_any(host_of(bind)) and advertise is None:
        message = (
            f"bind: {bind} is every address of this host; say by --advertise which "
            "one others connect to, or name one by --interface"
        )
        raise ConfigError(message)
    if keys is None and not insecure:
        message = f"bind: other hosts reach {bind} and nothing is encrypted: {OPEN}"
        raise ConfigError(f"{message}; or take --insecure")
    if keys is None:
        _log.warning("not encrypted: %s", OPEN)
    return ControlPlace(bind, advertise, keys, insecure=keys is None)


def controller_command(
    config: RunConfig, connection: Path, place: ControlPlace, *, once: bool,
    replace: bool,
) -> int:  # fmt: skip
    """Run a controller; return its exit code.

    Raises:
        ConfigError: The connection file is of a controller that answers, or the plan
            may take more memory than allowed.
    """
    claim_connection(connection, replace=replace)
    with tempfile.TemporaryDirectory(prefix="nc-") as folder:
        endpoint = place.bind or f"ipc://{folder}/{secrets.token_hex(4)}"
        where = "ipc" if is_local(endpoint) else "tcp"
        plan = build_plan(config.cluster_options() | {"where": where}, folder)
        bound = MemoryBound(config, plan.fixed, plan.plan)
        refuse_or_warn(config, bound.cluster(launched=False))
        options = ControllerOptions(
            endpoint, connection, config.deadline_s, config.recovery_s, leased=False,
            once=once, advertise=place.advertise, keys=place.keys,
            insecure=place.insecure,
        )  # fmt: skip
        count = len(plan.partitions)
        _log.info("waiting for %d workers and a client at %s", count, connection)
        return run_controller(plan, options)
