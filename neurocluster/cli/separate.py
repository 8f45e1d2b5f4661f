"""Do `controller`, `worker` and `stream`: a cluster started by hand."""

from __future__ import annotations

import json as json_
import logging
import secrets
import tempfile
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console

from neurocluster.cli.finish import finish
from neurocluster.cli.frames import choose_frames
from neurocluster.cli.streaming import Outcome, interruptible, stream_frames
from neurocluster.cli.terminal import terminal
from neurocluster.client.session import Session
from neurocluster.config import RunConfig
from neurocluster.controller.run import ControllerOptions, run_controller
from neurocluster.data.idx import Dataset
from neurocluster.errors import ConfigError
from neurocluster.launch.roles import build_plan
from neurocluster.launch.warm import warm_engines
from neurocluster.results.folder import RunFolder, make_folder
from neurocluster.worker.run import run_worker

_log = logging.getLogger(__name__)
LOCAL = ("tcp://127.", "tcp://localhost", "tcp://[::1]", "ipc://")


def controller_command(config: RunConfig, connection: Path, bind: str | None) -> int:
    """Run a controller; return its exit code.

    Raises:
        ConfigError: The endpoint is not of this machine.
    """
    if bind is not None and not bind.startswith(LOCAL):
        message = (
            f"bind: {bind} is not local; this version binds ipc:// and loopback only"
        )
        raise ConfigError(message)
    with tempfile.TemporaryDirectory(prefix="nc-") as folder:
        endpoint = bind or f"ipc://{folder}/{secrets.token_hex(4)}"
        plan = build_plan(config.cluster_options(), folder)
        options = ControllerOptions(
            endpoint, connection, config.deadline_s, leased=False
        )
        count = len(plan.partitions)
        _log.info("waiting for %d workers and a client at %s", count, connection)
        return run_controller(plan, options)


def endpoint_of(connect: str) -> str:
    """Return the endpoint in a connection file, or the endpoint itself.

    Raises:
        ConfigError: The file is missing or is none.
    """
    if "://" in connect:
        return connect
    try:
        text = json_.loads(Path(connect).read_text(encoding="utf-8"))
        if text["version"] == 1 and isinstance(text["endpoint"], str):
            return str(text["endpoint"])
        problem = "it is of another version"
    except OSError as error:
        problem = f"{error.strerror}; is the controller running?"
    except (ValueError, KeyError, TypeError):
        problem = "it is no connection file"
    message = f"connect: {connect}: {problem}"
    raise ConfigError(message)


def worker_command(connect: str, slot: int | None) -> int:
    """Run one worker; return its exit code."""
    endpoint = endpoint_of(connect)
    warm_engines()
    return run_worker(endpoint, slot=slot, leased=False)


def stream_command(config: RunConfig, connect: str, *, json: bool, quiet: bool) -> int:
    """Be the client of a running cluster; return the exit code."""
    console = terminal(quiet=quiet, json=json)
    endpoint = endpoint_of(connect)
    data, frames = choose_frames(config)
    folder = make_folder(config.out, config.name)
    warm_engines()
    folder.write_text("config.toml", config.to_toml())
    outcome = uvloop.run(_stream(endpoint, folder, data, frames, console))
    return finish(outcome, folder, data, console, json=json, comparing=config.compare)


async def _stream(
    endpoint: str, folder: RunFolder, data: Dataset, frames: Any, console: Console
) -> Outcome:
    session = Session(endpoint)
    outcome = Outcome(session, int(frames[0]))
    try:
        with interruptible(outcome):
            await session.open()
            await stream_frames(outcome, folder, data, frames, console)
    finally:
        await session.close()
    return outcome
