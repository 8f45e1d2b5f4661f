"""Do `neurocluster stream`: be the client of a cluster that others started."""

from __future__ import annotations

from pathlib import Path

import uvloop
from rich.console import Console

from neurocluster.cli.endpoint import endpoint_of
from neurocluster.cli.finish import finish, nothing_left
from neurocluster.cli.frames import choose_frames
from neurocluster.cli.resume import Work, work_of
from neurocluster.cli.streaming import Outcome, interruptible, stream_frames, to_its_end
from neurocluster.cli.terminal import terminal
from neurocluster.client.session import Session
from neurocluster.client.warm import warm_client
from neurocluster.config import RunConfig


def stream_command(
    config: RunConfig, connect: str, resume: Path | None, *, json: bool, quiet: bool
) -> int:
    """Be the client of a running cluster; return the exit code."""
    console = terminal(quiet=quiet, json=json)
    endpoint = endpoint_of(connect)
    work = work_of(config, *choose_frames(config), resume)
    if not len(work.frames):
        return nothing_left(work, console)
    warm_client()
    outcome = uvloop.run(_stream(endpoint, work, console))
    again = f"neurocluster stream --connect {connect}"
    return finish(outcome, console, json=json, again=again)


async def _stream(endpoint: str, work: Work, console: Console) -> Outcome:
    session = Session(endpoint, keeps=True)
    outcome = Outcome(session, work)
    try:
        with interruptible(outcome):
            await session.open()
            await stream_frames(outcome, console)
    finally:
        await to_its_end(session.close())
    return outcome
