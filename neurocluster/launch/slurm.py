"""Start workers on the nodes of a Slurm allocation: one step, a parent a node.

Slurm starts no task again; the parents do, and spares stand in for a lost node. What
the parents must know is in the environment, which srun hands on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from neurocluster.controller.reasons import exit_cause
from neurocluster.errors import ConfigError
from neurocluster.launch.base import WORKER, Capabilities, Exit, Share
from neurocluster.model.placement import Host

CONNECTION: Final = "NEUROCLUSTER_CONNECTION"
SHARES: Final = "NEUROCLUSTER_SHARES"
"""Environment variable: by node, the slots and the spares of its parent."""
NODE: Final = "SLURMD_NODENAME"
STOP_S: Final = 4.0
TASK_ENDED: Final = re.compile(r"error: (\S+): (tasks? \S+: .+)")
NODE_LOST: Final = re.compile(r"error: (Node failure on (\S+))")
_CPUS: Final = re.compile(r"(\d+)(?:\(x(\d+)\))?")


def allocated(environment: Mapping[str, str] | None = None) -> list[Host]:
    """Return the nodes of this job, and how many cores of each it may use.

    Raises:
        ConfigError: This process is in no job, or Slurm's commands are missing.
    """
    told = os.environ if environment is None else environment
    nodes = told.get("SLURM_JOB_NODELIST")
    if nodes is None:
        message = (
            "engine: this is no Slurm job; submit 'sbatch deploy/slurm.sbatch', or run "
            "within 'salloc'"
        )
        raise ConfigError(message)
    try:
        shown = subprocess.run(
            ["scontrol", "show", "hostnames", nodes], check=True, capture_output=True,
            text=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError) as error:
        message = f"engine: scontrol cannot tell the nodes of this job: {error}"
        raise ConfigError(message) from error
    names = shown.stdout.split()
    cores = parse_cpus(told.get("SLURM_JOB_CPUS_PER_NODE", "1"), len(names))
    return [Host(name, count) for name, count in zip(names, cores, strict=True)]


def parse_cpus(text: str, nodes: int) -> list[int]:
    """Return the cores of each node, given ``4(x2),8``; 1 where it says nothing."""
    cores: list[int] = []
    for part in text.split(","):
        if found := _CPUS.fullmatch(part.strip()):
            cores += [int(found[1])] * int(found[2] or 1)
    return (cores + [1] * nodes)[:nodes]


class SlurmLauncher:
    """Own one srun; `stop` ends it, and with it every task.

    Attributes:
        on_exit: Told of each parent that ended though nobody asked it to.
    """

    capabilities = Capabilities(restarts="none", per_task=False, stdin_lease=False)

    def __init__(self, hosts: Sequence[Host], logs: Path, runs: str = WORKER) -> None:
        """Take the nodes; what they print goes to ``logs/<node>.log``.

        Args:
            hosts: Where to start something.
            logs: Folder of what they print.
            runs: `base.WORKER` or `base.PROBE`.
        """
        self._runs = runs
        self._hosts, self._logs = tuple(hosts), logs
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._running: set[str] = set()
        self._stopping = False
        self.on_exit: Callable[[Exit], None] = lambda _exit: None

    async def open(self) -> None:
        """Make the folder of logs; Slurm has reached the nodes already."""
        await self.reach()

    async def reach(self) -> dict[str, str]:
        """Make the folder of logs; no node is out of reach."""
        self._logs.mkdir(parents=True, exist_ok=True)
        return {}

    def start(self, shares: Mapping[str, Share], connection: str) -> None:
        """Start the step; see `HostLauncher`."""
        told = {host: [list(s.slots), s.spares] for host, s in shares.items()}
        environment = {
            **os.environ, CONNECTION: connection, SHARES: json.dumps(told),
        }  # fmt: skip
        command, self._running = self._command(list(shares)), set(shares)
        self._task = asyncio.create_task(self._run(command, environment))

    def _command(self, nodes: Sequence[str]) -> list[str]:
        count = str(len(nodes))
        cores = min(host.cores for host in self._hosts if host.name in nodes)
        return [
            "srun", f"--nodes={count}", f"--ntasks={count}", "--ntasks-per-node=1",
            f"--nodelist={','.join(nodes)}", f"--cpus-per-task={cores}", "--overlap",
            "--kill-on-bad-exit=0", "--wait=0", "--no-kill", "--input=none",
            "--unbuffered", f"--output={self._logs}/%N.log",
            f"--error={self._logs}/%N.log", "--open-mode=append", sys.executable,
            "-m", "neurocluster", self._runs, "--connect", "env",
            *(["--slots", "env"] if self._runs == WORKER else []),
        ]  # fmt: skip

    async def _run(self, command: list[str], environment: Mapping[str, str]) -> None:
        try:
            process = self._process = await asyncio.create_subprocess_exec(
                *command, env=environment, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            )  # fmt: skip
        except OSError as error:
            self._end(f"srun cannot be started: {error.strerror}")
            return
        last = ""
        if process.stderr is not None:
            async for line in process.stderr:
                text = line.decode(errors="replace").strip()
                last = last if self._heard(text) else text or last
        code = await process.wait()
        self._end(f"srun says: {last}" if last else f"srun {exit_cause(code)}")

    def _heard(self, line: str) -> bool:
        """Take a line of srun's; tell whether it gives up a node."""
        node, said = what_srun_says(line)
        if node in self._running and not self._stopping:
            self._running.remove(node)
            self.on_exit(Exit(node, 0, 1, f"ended; srun says: {said}"))
        return bool(node)

    def _end(self, problem: str) -> None:
        nodes, self._running = self._running, set()
        if not self._stopping:
            for node in sorted(nodes):
                self.on_exit(Exit(node, 0, 1, f"ended; {problem}"))

    def ended(self, host: str) -> bool:
        """Tell whether a node's parent has ended; Slurm starts none again."""
        return host not in self._running

    def log(self, host: str) -> Path:
        """Return the file of what a node's workers print."""
        return self._logs / f"{host}.log"

    async def stop(self) -> None:
        """End the step; may be called twice."""
        self._stopping = True
        task, process = self._task, self._process
        if task is None:
            return
        done, _ = await asyncio.wait([task], timeout=STOP_S)
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not done and process is not None:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(number)
                done, _ = await asyncio.wait([task], timeout=STOP_S)


def this_node() -> str:
    """Return what Slurm calls this node; empty outside of a job."""
    return os.environ.get(NODE, "")


def what_srun_says(line: str) -> tuple[str, str]:
    """Return the node that a line of srun's gives up, and the words; or nothing."""
    if found := TASK_ENDED.search(line):
        return found[1], found[2]
    if found := NODE_LOST.search(line):
        return found[2], found[1]
    return "", ""


def started_again(environment: Mapping[str, str] | None = None) -> bool:
    """Tell whether Slurm ran this job before: a node was lost, or somebody asked."""
    told = os.environ if environment is None else environment
    return int(told.get("SLURM_RESTART_COUNT", "0")) > 0


def share_of_this_node() -> Share:
    """Return what this node's parent is to run, as the environment says.

    Raises:
        ConfigError: It says nothing of this node.
    """
    node = this_node()
    try:
        slots, spares = json.loads(os.environ.get(SHARES, "{}"))[node]
        return Share(tuple(map(int, slots)), int(spares))
    except (KeyError, ValueError, TypeError) as error:
        message = f"slots: ${SHARES} says nothing of {node or f'a node: no ${NODE}'}"
        raise ConfigError(message) from error
