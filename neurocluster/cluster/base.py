"""Hold a cluster behind one object: controller and client here, workers on an engine.

What differs between engines is in four methods that `cluster.local` and its like fill.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from neurocluster.client.results import Result
from neurocluster.client.session import Session
from neurocluster.config import RunConfig
from neurocluster.controller.connection import FILE, Connection, read_connection
from neurocluster.controller.reasons import exit_cause
from neurocluster.errors import ClusterError, ConfigError, StartTimeout, WorkerLost
from neurocluster.launch.base import Exit
from neurocluster.launch.limit import check_limit
from neurocluster.launch.local import LocalLauncher
from neurocluster.launch.logs import quote_log
from neurocluster.launch.memory import MemoryBound
from neurocluster.launch.spawn import Template, spawn_template
from neurocluster.member.meeting import Meeting
from neurocluster.model.convert import convert
from neurocluster.model.graph import Graph
from neurocluster.model.load import load_network
from neurocluster.model.partition import make_plan
from neurocluster.model.split import parse_splits

CONNECT_S: Final = 10.0
POLL_S: Final = 0.005


class Cluster:
    """Start a controller here and workers on an engine; stream frames through them.

    Attributes:
        session: The client's session, while the cluster is open.
        logs: Folder of the processes' standard error, once they start.
    """

    def __init__(
        self,
        config: RunConfig | None = None,
        *,
        logs: Path | None = None,
        template: Template | None = None,
        keeps: bool = False,
        connection: Path | None = None,
        **settings: Any,
    ) -> None:
        """Describe a cluster; nothing starts before ``async with`` or `open`.

        Args:
            config: All settings; default as `neurocluster run` has them.
            logs: Folder for the processes' standard error; default temporary.
            template: A fork template started before; default one starts in `open`.
            keeps: Keep the report of every frame; see `client.session.Session`.
            connection: File that says where the controller is, while the cluster is
                open, for `neurocluster status` and `stop`; default temporary.
            **settings: Fields of `config.RunConfig` that replace the config's.

        Raises:
            ConfigError: A setting is unknown or wrong, or the plan may take more memory
                than the settings allow.
            ModelError: The network or its split is wrong.
        """
        self.config = (config or RunConfig()).replace(**settings)
        self.graph: Graph = load_network(self.config.network)
        self.plan = make_plan(self.graph, parse_splits(self.config.split))
        self._check_memory()
        self._template, self._logs, self._keeps = template, logs, keeps
        self._connection = connection
        self.logs: Path | None = None
        self._folder = Path()
        self._launcher: LocalLauncher | None = None
        self._controller = 0
        self.session: Session | None = None

    def _check_memory(self) -> None:
        """Refuse a plan above the limit; whose images those are is the caller's."""
        config = self.config
        if config.memory is not None:
            fixed = convert(self.graph, config.threshold or None, config.offset)
            check_limit(config, MemoryBound(config, fixed, self.plan).cluster())

    async def __aenter__(self) -> Self:
        """Start everything; see `open`."""
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """End everything; see `close`."""
        await self.close()

    async def open(self) -> None:
        """Start the processes and wait until the cluster runs.

        Raises:
            ClusterError: The cluster could not be completed.
        """
        try:
            await self._open()
        except BaseException as error:
            if isinstance(error, ClusterError):
                self.quote_log(error)
            await self.close()
            raise

    async def _open(self) -> None:
        template = self._template or spawn_template()
        self._folder = template.folder
        self.logs = self._logs or self._folder / "logs"
        launcher = self._launcher = LocalLauncher(template, self.logs)
        file = (self._connection or self._folder / FILE).absolute()
        arguments = self.config.cluster_options() | {
            "connection": str(file),
            "folder": str(self._folder),
            "deadline_s": str(self.config.deadline_s),
            "recovery_s": str(self.config.recovery_s),
            **self._place(),
        }
        await launcher.open()
        await launcher.start("controller", "controller", arguments)
        controller = self._controller = launcher.pids["controller"]
        await self._start_beside(launcher)
        connection = await self._wait_for(launcher, file, controller)
        await self._start_behind(connection)
        self.session = Session(
            self._meeting(connection), keeps=self._keeps, tu_s=self.config.tu
        )
        launcher.on_exit = self._exited
        launcher.on_death = self._launcher_died
        await self.session.open()

    # What an engine does in its own way.

    def _place(self) -> dict[str, str]:
        """Return where the controller listens: arguments of its role."""
        raise NotImplementedError

    async def _start_beside(self, launcher: LocalLauncher) -> None:
        """Start workers that need not wait for the controller."""

    async def _start_behind(self, connection: Connection) -> None:
        """Start workers that need to know where the controller is."""

    async def _stop_workers(self) -> None:
        """End workers that are not the launcher's."""

    def _meeting(self, connection: Connection) -> Meeting:
        """Return how the client meets the controller."""
        raise NotImplementedError

    # -----------------------------------------------------------------------

    async def _wait_for(
        self, launcher: LocalLauncher, file: Path, controller: int
    ) -> Connection:
        """Return what the controller writes into its connection file."""
        deadline = time.monotonic() + CONNECT_S
        while True:
            # First the exits: one that came with the file must not be overlooked.
            for done in launcher.poll():
                if self._hopeless(done):
                    error = WorkerLost(_lost_early(done))
                    quote_log(error, launcher.log(done.slot))
                    raise error
            if (found := _written(file)).pid == controller:
                return found
            if time.monotonic() > deadline:
                message = f"the controller did not start within {CONNECT_S:.0f} s"
                raise StartTimeout(message)
            await asyncio.sleep(POLL_S)

    def _hopeless(self, done: Exit) -> bool:
        """Tell whether an exit leaves too few processes for the cluster to run."""
        enough = done.left >= len(self.plan.partitions)
        return done.slot == "controller" or not enough

    def _exited(self, done: Exit) -> None:
        """Report early deaths; once the cluster runs the controller does that."""
        session = self.session
        if session is None or done.code == 0:
            return
        if not session.roster:
            if self._hopeless(done):
                session.lost(WorkerLost(_lost_early(done)))
        elif done.slot == "controller":
            session.process_lost(f"the controller {exit_cause(done.code)}")

    def _launcher_died(self, cause: str) -> None:
        if self.session is not None:
            self.session.process_lost(f"the launcher {cause}, with all it had started")

    @property
    def roster(self) -> tuple[Mapping[str, Any], ...]:
        """Return who runs what: partition, host, pid, endpoint."""
        return self.session.roster if self.session is not None else ()

    @property
    def pids(self) -> dict[str, int]:
        """Return the process of the launcher, the controller and each worker."""
        if self._launcher is None:
            return {}
        return {"launcher": self._launcher.pid, **self._launcher.pids}

    async def stream(self, images: Iterable[Any]) -> AsyncIterator[Result]:
        """Stream images through the cluster; yield each frame's result in order.

        Args:
            images: uint8 images, or floats in [0, 1], of the input's shape; one
                uint8 array of all of them is the fastest. A bad image fails alone:
                its result carries the error.

        Raises:
            ClusterError: The cluster failed, or another stream began meanwhile;
                results up to then were yielded.
        """
        if self.session is None:
            message = "the cluster is not open; use 'async with LocalCluster(...)'"
            raise ClusterError(message)
        session = self.session
        try:
            await session.settle()  # what a stream that was left early still had
            mine = session.turn
            session.submit(images)
            async for chunk in session.chunks():
                for result in chunk.results():
                    yield result
                    if mine != session.turn:
                        break  # the chunks tell
        except ClusterError as error:
            self.quote_log(error)
            raise

    def quote_log(self, error: ClusterError) -> None:
        """Note on an error that names a partition the end of its log, once.

        What `open` and `stream` raise has its note already.
        """
        who, _, rest = str(error).partition(" ")
        if who == "partition" and self.logs is not None:
            quote_log(error, self.logs / f"{rest.split(' ')[0]}.log")

    async def close(self) -> None:
        """End the session and every process; may be called twice."""
        session, self.session = self.session, None
        with contextlib.suppress(ClusterError):
            if session is not None:
                await session.close()
        await self._stop_workers()
        launcher, self._launcher = self._launcher, None
        if launcher is not None:
            await launcher.stop()
            self._remove_connection()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _remove_connection(self) -> None:
        """Remove the connection file of a controller that was killed."""
        path = self._connection
        if path is not None and _written(path).pid == self._controller != 0:
            path.unlink(missing_ok=True)


def _written(file: Path) -> Connection:
    """Return what a connection file says; nothing if there is none yet."""
    with contextlib.suppress(ConfigError):
        return read_connection(file)
    return Connection("")


def _lost_early(done: Exit) -> str:
    """Return words for a process that ended before the cluster ran."""
    who = f"partition {done.slot} (worker pid {done.pid})"
    how = done.problem or exit_cause(done.code)
    if done.slot == "controller":
        who = f"the controller (pid {done.pid})"
    return f"{who} {how}; no frame was finished"
