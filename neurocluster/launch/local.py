"""Start a cluster's processes on this machine, through a fork template."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from neurocluster.errors import StartTimeout
from neurocluster.launch.base import Capabilities, Exit

STOP_SECONDS: Final = 4.0
"""How long the template may take to end its children, and itself."""


class LocalLauncher:
    """Own a template process; `stop` ends it and everything it started."""

    capabilities = Capabilities(restarts="launcher", per_task=True, stdin_lease=True)

    def __init__(self, logs: Path) -> None:
        """Keep each process's standard error in ``logs/<slot>.log``."""
        self._logs = logs
        self._process: asyncio.subprocess.Process | None = None
        self._started: dict[str, asyncio.Future[int]] = {}
        self._exits: list[Exit] = []
        self._reader: asyncio.Task[None] | None = None
        self.pids: dict[str, int] = {}
        self.on_exit: Callable[[Exit], None] = lambda _exit: None

    async def open(self) -> None:
        """Start the template; it warms up while the caller goes on."""
        environment = os.environ | {
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "PYTHONUNBUFFERED": "1",
        }
        self._logs.mkdir(parents=True, exist_ok=True)
        with (self._logs / "launcher.log").open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "neurocluster.launch.template",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                stderr=log, start_new_session=True, env=environment,
            )  # fmt: skip
        self._reader = asyncio.create_task(self._read(self._process))

    async def start(self, slot: str, role: str, arguments: dict[str, str]) -> int:
        """Start a process; return its id.

        Raises:
            StartTimeout: The template ended before it could.
        """
        process = self._process
        if process is None or process.stdin is None:
            message = "the launcher is not open"
            raise StartTimeout(message)
        started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._started[slot] = started
        request = {
            "slot": slot, "role": role, "log": str(self.log(slot)),
            "arguments": arguments,
        }  # fmt: skip
        process.stdin.write(json.dumps(request).encode() + b"\n")
        return await started

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        if process.stdout is None:
            return
        while line := await process.stdout.readline():
            event = json.loads(line)
            if "started" in event:
                self.pids[event["started"]] = event["pid"]
                waiting = self._started.pop(event["started"], None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(event["pid"])
            elif "exited" in event:
                done = Exit(event["exited"], event["pid"], event["code"])
                self._exits.append(done)
                self.on_exit(done)
        code = await process.wait()
        error = (
            f"the launcher ended with exit status {code}; see {self.log('launcher')}"
        )
        for waiting in self._started.values():
            if not waiting.done():
                waiting.set_exception(StartTimeout(error))

    def poll(self) -> list[Exit]:
        """Return the exits seen since the last call."""
        exits, self._exits = self._exits, []
        return exits

    def log(self, slot: str) -> Path:
        """Return the file that takes a process's standard error."""
        return self._logs / f"{slot}.log"

    async def stop(self) -> None:
        """End all processes; may be called twice."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if self._reader is not None:
            await asyncio.gather(self._reader, return_exceptions=True)
