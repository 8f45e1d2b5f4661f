"""Start workers, or probes, on other hosts by ssh; they end with their connection.

Each host has one small parent of workers (`launch.nanny`), which starts a crashed one
again. What it must know, the cluster's key among it, comes as the first line of its
standard input, and it ends when that does: no worker outlives this process.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import asyncssh

from neurocluster.errors import StartTimeout
from neurocluster.launch.base import WORKER, Capabilities, Exit, Share
from neurocluster.launch.hosts import HostEntry
from neurocluster.launch.restarts import MOST_RESTARTS, Restarts
from neurocluster.transport.knock import reason

CONNECT_S: Final = 10.0
KEEPALIVE_S: Final = 1.0
SILENT: Final = 8
"""So many keepalives without an answer end a connection, and with it the workers. After
a cut of some seconds TCP tries again 6 s after its begin."""
STOP_S: Final = 4.0
CLOSE_S: Final = 1.0
"""How long a connection may take to close; one whose network is cut does not."""
AGAIN_S: Final = 1.0
AWAY_S: Final = 30.0
"""A host that cannot be reached for so long is not waited for at the start."""
LOST: Final = -1
"""Exit code of a parent whose connection was lost."""
_log = logging.getLogger(__name__)


class SshLauncher:
    """Hold a connection a host; `stop` ends them and all that they started.

    Attributes:
        on_exit: Told of each parent that ended though nobody asked it to.
    """

    capabilities = Capabilities(restarts="launcher", per_task=False, stdin_lease=True)

    def __init__(
        self, hosts: Sequence[HostEntry], logs: Path, runs: str = WORKER
    ) -> None:
        """Take the hosts; what they print goes to ``logs/<host>.log``.

        Args:
            hosts: Where to start something.
            logs: Folder of what they print.
            runs: `base.WORKER` or `base.PROBE`; a probe is not started again.
        """
        self._runs = runs
        self._hosts, self._logs = {host.name: host for host in hosts}, logs
        self._connections: dict[str, asyncssh.SSHClientConnection] = {}
        self._parents: dict[str, asyncio.Task[None]] = {}
        self._processes: dict[str, asyncssh.SSHClientProcess[str]] = {}
        self._away_s: dict[str, float] = {}
        self._restarts = Restarts(MOST_RESTARTS if runs == WORKER else 0)
        self._stopping = False
        self.on_exit: Callable[[Exit], None] = lambda _exit: None

    async def open(self) -> None:
        """Connect to every host.

        Raises:
            StartTimeout: Some cannot be reached; the message lists them with reasons.
        """
        if problems := await self.reach():
            await self.stop()
            lines = "".join(f"\n  {name} {why}" for name, why in problems.items())
            count = f"{len(problems)} of {len(self._hosts)}"
            message = f"{count} hosts do not let us in:{lines}"
            raise StartTimeout(message)

    async def reach(self) -> dict[str, str]:
        """Connect to every host that lets us in; return why not, by the others."""
        self._logs.mkdir(parents=True, exist_ok=True)
        found = await asyncio.gather(
            *map(self._connect, self._hosts.values()), return_exceptions=True
        )
        return {
            name: f"({host.where} port {host.port}): {words(error)}"
            for (name, host), error in zip(self._hosts.items(), found, strict=True)
            if isinstance(error, BaseException)
        }

    async def _connect(self, host: HostEntry) -> None:
        options: dict[str, Any] = {
            "keepalive_interval": KEEPALIVE_S, "keepalive_count_max": SILENT,
            "connect_timeout": CONNECT_S,
        }  # fmt: skip
        if host.known_hosts is not None:
            options["known_hosts"] = host.known_hosts
        if host.key is not None:
            options["client_keys"] = [host.key]
        if host.user is not None:
            options["username"] = host.user
        connection = await asyncssh.connect(host.where, host.port, **options)
        self._connections[host.name] = connection

    def start(self, shares: Mapping[str, Share], connection: str) -> None:
        """Start the parents, and again when a host comes back; see `HostLauncher`."""
        for name, share in shares.items():
            options = _wishes(share) if self._runs == WORKER else ["--host", name]
            command = host_command(self._hosts[name], self._runs, options)
            keep = self._keep(name, command, connection)
            self._parents[name] = asyncio.create_task(keep)

    async def _keep(self, name: str, command: str, secret: str) -> None:
        """Run a parent; start it again when it ends, thrice a minute at most.

        A host that cannot be reached is tried again until it can: a network that was
        cut may heal at any time.
        """
        while True:
            code, problem = await self._run_once(name, command, secret)
            if self._stopping:
                return
            again = self._restarts.allow(name, code, time.monotonic())
            self.on_exit(Exit(name, 0, code, problem, int(again)))
            if not again:
                return
            await asyncio.sleep(AGAIN_S)
            await self._reach(name)

    async def _reach(self, name: str) -> None:
        """Connect to a host, however many tries that takes."""
        self._away_s[name] = time.monotonic()
        while name not in self._connections and not self._stopping:
            try:
                await self._connect(self._hosts[name])
            except (OSError, asyncssh.Error, TimeoutError) as error:
                _log.debug("host %s: %s", name, words(error))
                await asyncio.sleep(AGAIN_S)
        del self._away_s[name]

    async def _run_once(self, name: str, command: str, secret: str) -> tuple[int, str]:
        """Return how a parent ended: its exit code, or `LOST` and why."""
        try:
            # Unbuffered: whoever quotes a log does so while its process runs.
            with self.log(name).open("ab", buffering=0) as log:
                process = await self._connections[name].create_process(
                    command, stdin=asyncssh.PIPE, stdout=log, stderr=asyncssh.STDOUT
                )
                self._processes[name] = process
                with contextlib.suppress(BrokenPipeError):  # its end says more
                    process.stdin.write(secret + "\n")
                done = await process.wait()
        except (OSError, asyncssh.Error, TimeoutError) as error:
            self._connections.pop(name, None)
            return LOST, f"lost its connection: {words(error)}"
        if done.exit_signal is not None:
            return LOST, f"was killed by SIG{done.exit_signal[0]}"
        if done.exit_status is None:
            self._connections.pop(name, None)
            return LOST, "lost its connection"
        return done.exit_status, ""

    def ended(self, name: str) -> bool:
        """Tell whether a host's parent ended and is not started again, or not soon."""
        now_s = time.monotonic()
        away = now_s - self._away_s.get(name, now_s) > AWAY_S
        return away or (name in self._parents and self._parents[name].done())

    def log(self, name: str) -> Path:
        """Return the file of what a host's workers print."""
        return self._logs / f"{name}.log"

    async def stop(self) -> None:
        """End all workers, then the connections; may be called twice."""
        self._stopping = True
        for process in self._processes.values():
            with contextlib.suppress(OSError, asyncssh.Error):
                process.stdin.write_eof()
        tasks = list(self._parents.values())
        for name in self._away_s:
            self._parents[name].cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        connections, self._connections = self._connections, {}
        for connection in connections.values():
            connection.close()
        await asyncio.gather(*map(_closed, connections.values()))


async def _closed(connection: asyncssh.SSHClientConnection) -> None:
    """Wait until a connection is closed; forget one that does not come to that."""
    try:
        async with asyncio.timeout(CLOSE_S):
            await connection.wait_closed()
    except TimeoutError:
        connection.abort()
    except (OSError, asyncssh.Error):
        pass  # it was lost before


def _wishes(share: Share) -> list[str]:
    slots = ["--slots", ",".join(map(str, share.slots))] if share.slots else []
    return ["--spares", str(share.spares), *slots]


def host_command(host: HostEntry, runs: str, options: Sequence[str]) -> str:
    """Return the shell command that runs a host's workers, or its probe."""
    reach: Mapping[str, str | None] = {
        "--bind": host.bind, "--advertise": host.advertise,
        "--interface": host.interface, "--ports": host.ports,
    }  # fmt: skip
    command = ["env", *(f"{k}={v}" for k, v in host.environment.items()), host.python]
    command += ["-m", "neurocluster", runs, "--connect", "-", "--die-with-stdin"]
    for option, value in reach.items():
        command += [option, value] if value is not None else []
    folder = shlex.quote(host.folder)
    return (
        f"mkdir -p {folder} && cd {folder} && exec {shlex.join([*command, *options])}"
    )


def words(error: BaseException) -> str:
    """Return a reason for a person."""
    if isinstance(error, TimeoutError):
        return f"no answer within {CONNECT_S:.0f} s"
    if isinstance(error, OSError):
        return reason(error)
    return str(error) or type(error).__name__
