"""Do `neurocluster stream`: be the client of a cluster that others started."""

from __future__ import annotations

from pathlib import Path

import uvloop
from rich.console import Console

from neurocluster.cli.finish import finish, nothing_left
from neurocluster.cli.frames import choose_frames
from neurocluster.cli.resume import Work, work_of
from neurocluster.cli.streaming import Outcome, interruptible, stream_frames, to_its_end
from neurocluster.cli.terminal import terminal
from neurocluster.client.session import Session
from neurocluster.client.warm import warm_client
from neurocluster.config import RunConfig
from neurocluster.member.meeting import Meeting


def stream_command(
    config: RunConfig, meeting: Meeting, resume: Path | None, *, again: str,
    json: bool, quiet: bool,
) -> int:  # fmt: skip
    """Be the client of a running cluster; return the exit code.

    Args:
        config: Settings.
        meeting: How to meet its controller.
        resume: Folder of the run that goes on, or None.
        again: Command that would go on with a run, but for its --resume.
        json: Print the summary as JSON.
        quiet: Print errors only.
    """
    console = terminal(quiet=quiet, json=json)
    work = work_of(config, *choose_frames(config), resume)
    if not len(work.frames):
        return nothing_left(work, console)
    warm_client()
    outcome = uvloop.run(_stream(meeting, work, console))
    return finish(outcome, console, json=json, again=again)


async def _stream(meeting: Meeting, work: Work, console: Console) -> Outcome:
    session = Session(meeting, keeps=True, tu_s=work.config.tu)
    outcome = Outcome(session, work)
    try:
        with interruptible(outcome):
            await session.open()
            await stream_frames(outcome, console)
    finally:
        await to_its_end(session.close())
    return outcome
