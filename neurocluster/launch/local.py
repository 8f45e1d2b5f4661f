"""Start a cluster's processes on this machine, through a fork template."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from neurocluster.controller.reasons import exit_cause
from neurocluster.errors import StartTimeout
from neurocluster.launch.base import Capabilities, Exit
from neurocluster.launch.logs import log_end
from neurocluster.launch.spawn import Template

STOP_SECONDS: Final = 4.0
"""How long the template may take to end its children, and itself."""
POLL_SECONDS: Final = 0.005


class LocalLauncher:
    """Own a template process; `stop` ends it and everything it started.

    One that is lent stays, and is ended all the same if its children do not.

    Attributes:
        pids: Process that was started last in each slot.
    """

    capabilities = Capabilities(restarts="launcher", per_task=True, stdin_lease=True)

    def __init__(self, template: Template, logs: Path) -> None:
        """Keep each process's standard error in ``logs/<slot>.log``."""
        self._template, self._logs = template, logs
        self._started: dict[str, asyncio.Future[int]] = {}
        self._exits: list[Exit] = []
        self.pids: dict[str, int] = {}
        self._reader: asyncio.Task[None] | None = None
        self._transport: asyncio.ReadTransport | None = None
        self.on_exit: Callable[[Exit], None] = lambda _exit: None
        self.on_death: Callable[[str], None] = lambda _words: None

    @property
    def pid(self) -> int:
        """Return the template's process."""
        return self._template.process.pid

    async def open(self) -> None:
        """Begin to listen to the template."""
        self._logs.mkdir(parents=True, exist_ok=True)
        stream, loop = asyncio.StreamReader(), asyncio.get_running_loop()
        pipe = self._template.process.stdout
        if self._template.lent and pipe is not None:  # the next launcher needs it, too
            pipe = os.fdopen(os.dup(pipe.fileno()), "rb", buffering=0)
        self._transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), pipe
        )
        self._reader = asyncio.create_task(self._read(stream))

    async def start(self, slot: str, role: str, arguments: dict[str, str]) -> int:
        """Start a process; return its id.

        Raises:
            StartTimeout: The template ended before it could.
        """
        pipe = self._template.process.stdin
        if pipe is None or pipe.closed:
            message = "the launcher is closed"
            raise StartTimeout(message)
        started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._started[slot] = started
        request = {
            "slot": slot, "role": role, "log": str(self.log(slot)),
            "arguments": arguments,
        }  # fmt: skip
        try:
            pipe.write(json.dumps(request).encode() + b"\n")
            pipe.flush()
        except BrokenPipeError as error:
            raise StartTimeout(self._death()) from error
        return await started

    def _death(self) -> str:
        code = self._template.process.poll()
        lines = [f"the launcher ended with exit status {code}"]
        return "\n  ".join(lines + log_end(self._template.log))

    async def _read(self, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            event = json.loads(line)
            if "started" in event:
                self.pids[event["started"]] = event["pid"]
                waiting = self._started.pop(event["started"], None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(event["pid"])
            elif "failed" in event:
                waiting = self._started.pop(event["failed"], None)
                if waiting is not None and not waiting.done():
                    message = f"cannot start {event['failed']}: {event['problem']}"
                    waiting.set_exception(StartTimeout(message))
            elif "exited" in event:
                done = Exit(
                    event["exited"], event["pid"], event["code"], event["problem"],
                    event["left"],
                )  # fmt: skip
                self._exits.append(done)
                self.on_exit(done)
            elif "ended" in event:
                return
        for waiting in self._started.values():
            if not waiting.done():
                waiting.set_exception(StartTimeout(self._death()))
        await self._mourn()

    async def _mourn(self) -> None:
        """Tell of the template's death, unless it was asked to end."""
        process = self._template.process
        while process.stdin is not None and not process.stdin.closed:
            if (code := process.poll()) is not None:
                self.on_death(exit_cause(code))
                return
            await asyncio.sleep(POLL_SECONDS)

    def poll(self) -> list[Exit]:
        """Return the exits seen since the last call."""
        exits, self._exits = self._exits, []
        return exits

    def log(self, slot: str) -> Path:
        """Return the file that takes a process's standard error."""
        return self._logs / f"{slot}.log"

    async def stop(self) -> None:
        """End all processes; may be called twice."""
        if not (self._template.lent and await self._ended_children()):
            await self._end()
        if self._reader is not None:
            await asyncio.gather(self._reader, return_exceptions=True)
        if self._transport is not None:
            self._transport.close()

    async def _ended_children(self) -> bool:
        """Have a lent template end its children; tell whether it did."""
        reader, pipe = self._reader, self._template.process.stdin
        if reader is None or pipe is None or pipe.closed:
            return False
        if reader.done():
            return self._template.alive
        try:
            pipe.write(b'{"end": true}\n')
            pipe.flush()
            await asyncio.wait_for(asyncio.shield(reader), STOP_SECONDS)
        except (BrokenPipeError, TimeoutError):
            return False
        return self._template.alive

    async def _end(self) -> None:
        process = self._template.process
        if process.stdin is not None and not process.stdin.closed:
            process.stdin.close()
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)  # one that was stopped must hear
        deadline = time.monotonic() + STOP_SECONDS
        while process.poll() is None:
            if time.monotonic() > deadline:
                process.kill()
            await asyncio.sleep(POLL_SECONDS)
