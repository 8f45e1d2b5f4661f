"""Do `neurocluster stream`: be the client of a cluster that others started."""

from __future__ import annotations

from typing import Any

import uvloop
from rich.console import Console

from neurocluster.cli.endpoint import endpoint_of
from neurocluster.cli.finish import finish
from neurocluster.cli.frames import choose_frames
from neurocluster.cli.streaming import Outcome, interruptible, stream_frames, to_its_end
from neurocluster.cli.terminal import terminal
from neurocluster.client.session import Session
from neurocluster.client.warm import warm_client
from neurocluster.config import RunConfig
from neurocluster.data.idx import Dataset
from neurocluster.results.folder import RunFolder, make_folder


def stream_command(config: RunConfig, connect: str, *, json: bool, quiet: bool) -> int:
    """Be the client of a running cluster; return the exit code."""
    console = terminal(quiet=quiet, json=json)
    endpoint = endpoint_of(connect)
    data, frames = choose_frames(config)
    folder = make_folder(config.out, config.name)
    warm_client()
    folder.write_text("config.toml", config.to_toml())
    outcome = uvloop.run(_stream(endpoint, folder, data, frames, console))
    return finish(outcome, folder, data, console, json=json, comparing=config.compare)


async def _stream(
    endpoint: str, folder: RunFolder, data: Dataset, frames: Any, console: Console
) -> Outcome:
    session = Session(endpoint, keeps=True)
    outcome = Outcome(session, int(frames[0]))
    try:
        with interruptible(outcome):
            await session.open()
            await stream_frames(outcome, folder, data, frames, console)
    finally:
        await to_its_end(session.close())
    return outcome
