"""Stream frames through a session and keep what came, also when it is interrupted."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Iterator
from typing import Any, Final, Protocol

from rich.console import Console

from neurocluster.cli.progress import FrameProgress
from neurocluster.cli.resume import Work
from neurocluster.client.results import Chunk, Recovery
from neurocluster.client.session import Session
from neurocluster.dtypes import CLIENT, U8
from neurocluster.errors import ClusterError, ConfigError, NeuroclusterError
from neurocluster.results.part import identity

DRAIN_S: Final = 3.0
"""How long frames in flight may take after an interruption."""


class Outcome:
    """Carry what a session left."""

    def __init__(self, session: Session | None, work: Work) -> None:
        """Start empty."""
        self.session, self.work = session, work
        self.chunks: list[Chunk] = []
        self.error: NeuroclusterError | None = None
        self.interruption = asyncio.Event()

    @property
    def interrupted(self) -> bool:
        """Tell whether the user asked to stop."""
        return self.interruption.is_set()


@contextlib.contextmanager
def interruptible(outcome: Outcome) -> Iterator[None]:
    """Let signals end what runs inside; keep its error or interruption.

    At the first signal no more frames start; the second, or one before the cluster
    runs, cancels.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def interrupt() -> None:
        session = outcome.session
        waiting = session is None or not session.roster
        if task is not None and (outcome.interrupted or waiting):
            task.cancel()
        outcome.interruption.set()
        if session is not None:
            session.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupt)
    try:
        yield
    except ClusterError as error:
        outcome.error = outcome.error or error
    except asyncio.CancelledError:
        outcome.interruption.set()


async def to_its_end(closing: Coroutine[Any, Any, None]) -> None:
    """Wait for an orderly end, however often the user asks for it."""
    task = asyncio.ensure_future(closing)
    while not task.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    task.result()


class Shows(Protocol):
    """Show how far a stream is."""

    def add(self, chunk: Chunk) -> None:
        """Count a chunk of finished frames."""

    def finish(self) -> None:
        """Show the last count."""


async def stream_frames(
    outcome: Outcome, console: Console, shows: Shows | None = None
) -> None:
    """Stream frames through an open session into an outcome; close the session.

    Args:
        outcome: Has the session, and takes what comes.
        console: For the roster, faults and, unless others do so, the progress.
        shows: Shows the progress in place of a bar of its own.

    Raises:
        ConfigError: The cluster runs another network than the run that goes on, or a
            clock that the run's settings exclude.
    """
    session, work = outcome.session, outcome.work
    if session is None:
        return
    _check_same(session, work)
    _check_clock(session, work)
    work.folder.take()
    work.folder.write_json("roster.json", roster_of(session))
    _print_roster(session, console)
    data, frames = work.data, work.frames
    flat: U8 = data.images.reshape(len(data), -1)
    if len(frames) < len(flat):
        whole = len(frames) == frames[-1] - frames[0] + 1
        flat = flat[frames[0] : frames[-1] + 1] if whole else flat[frames]
    session.on_recovery(lambda recovery: _tell(recovery, console))
    session.submit(flat)
    labels = None if data.labels is None else data.labels[frames]
    with contextlib.ExitStack() as stack:
        progress = shows or stack.enter_context(
            FrameProgress(console, len(flat), labels)
        )
        watch = asyncio.create_task(_bounded_drain(outcome))
        try:
            async for chunk in session.chunks():
                outcome.chunks.append(chunk)
                progress.add(chunk)
            progress.finish()
        except ClusterError as error:
            outcome.error = error
            console.print(f"Saving what came: {error}", soft_wrap=True)
        finally:
            watch.cancel()
    await session.close()
    outcome.error = outcome.error or session.failure


def _check_same(session: Session, work: Work) -> None:
    before = work.before
    if before is not None and before.network != identity(session.network):
        message = (
            f"resume: {work.folder.path} was run by a cluster of another network, "
            "plan, threshold or policy; start the cluster with the same settings"
        )
        raise ConfigError(message)


def _check_clock(session: Session, work: Work) -> None:
    clock = session.network.get("clock", "none")
    if work.config.tu is not None and clock != "none":
        message = (
            f"tu: this cluster runs under a clock ({clock}), where paced playback has "
            "no place; leave out --tu"
        )
        raise ConfigError(message)


def _tell(recovery: Recovery, console: Console) -> None:
    """Print what failed, and later that it was survived."""
    if recovery.seconds is None:
        console.print(f"Recovering: {recovery.reason}", soft_wrap=True)
    else:
        console.print(f"Recovered after {recovery.seconds:.2f} s.")


async def _bounded_drain(outcome: Outcome) -> None:
    """After an interruption, wait for frames in flight only so long."""
    await outcome.interruption.wait()
    await asyncio.sleep(DRAIN_S)
    if outcome.session is not None:
        count = outcome.session.in_flight
        outcome.session.give_up(f"{count} frames in flight did not finish")


def roster_of(session: Session) -> dict[str, Any]:
    """Return the contents of roster.json."""
    clients = [dict(e) for e in session.roster if e["partition"] == CLIENT]
    workers = [dict(e) for e in session.roster if e["partition"] != CLIENT]
    return {
        "workers": workers,
        "controller": dict(session.controller),
        "client": clients[0] if clients else {},
    }


def _print_roster(session: Session, console: Console) -> None:
    for entry in session.roster:
        console.print(
            f"{entry['partition']:<12} pid {entry['pid']:<8} {entry['host']}  "
            f"{entry['endpoint']}",
            overflow="ellipsis",
            no_wrap=True,
        )
