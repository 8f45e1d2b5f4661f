"""Launch probes on this machine in the place of other hosts."""

from __future__ import annotations

import asyncio
import sys

from neurocluster.launch.base import Capabilities, Exit


class Probes:
    """Start a probe for each host here; takes the place of a `HostLauncher`.

    Attributes:
        commands: By host, what to run instead of our own interpreter.
        closed: By host, why it does not let us in.
        options: By host, further options of its probe.
        started: Set once one runs.
    """

    capabilities = Capabilities(restarts="none", per_task=False, stdin_lease=True)

    def __init__(self, logs):
        self.logs, self.commands, self.closed, self.options = logs, {}, {}, {}
        self.on_exit = lambda _exit: None
        self.processes, self.tasks = {}, {}
        self.started = asyncio.Event()

    async def open(self):
        """Reach everybody."""

    async def reach(self):
        """Return who does not let us in."""
        return self.closed

    def start(self, shares, connection):
        """Start the probes."""
        for host in shares:
            self.tasks[host] = asyncio.create_task(self._run(host, connection))

    async def _run(self, host, connection):
        command = self.commands.get(host, [sys.executable, "-m", "neurocluster"])
        with self.log(host).open("wb") as log:
            process = self.processes[host] = await asyncio.create_subprocess_exec(
                *command, "probe", "--connect", "-", "--die-with-stdin", "--host",
                host, *self.options.get(host, ()), stdin=asyncio.subprocess.PIPE,
                stdout=log, stderr=log,
            )  # fmt: skip
        self.started.set()
        process.stdin.write(connection.encode() + b"\n")
        code = await process.wait()
        self.on_exit(Exit(host, process.pid, code))

    def ended(self, host):
        """Tell whether a probe has ended."""
        return self.tasks[host].done()

    def log(self, host):
        """Return the file of what a probe prints."""
        return self.logs / f"{host}.log"

    async def stop(self):
        """End all probes."""
        for process in self.processes.values():
            process.stdin.close()
        await asyncio.gather(*self.tasks.values())
