"""Run a worker: join a controller, own one partition, leave when told."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import uvloop

from neurocluster.errors import MalformedMessage
from neurocluster.kernels.clock import Clock
from neurocluster.link.buffers import LinkSpec
from neurocluster.member.data import EngineLike
from neurocluster.member.meeting import Meeting
from neurocluster.member.run import MemberRunner
from neurocluster.member.state import EXIT_LOST, StopAsked
from neurocluster.model.spec import spec_from_wire
from neurocluster.version import VERSION
from neurocluster.wire.control import ROWS_LIMIT, Control
from neurocluster.worker.engine import Engine

_log = logging.getLogger(__name__)
_STDIN: Final = 0


class WorkerDuties:
    """Do a worker's part of a cluster's life."""

    always_receive = False

    def __init__(self, clock: Clock | None = None) -> None:
        """Hold no engine yet; take the clock of its links, else CLOCK_MONOTONIC."""
        self._clock = clock.native if clock is not None else None
        self._engine: Engine | None = None
        self._partition: Mapping[str, Any] = {}

    def build(
        self, epoch: int, body: Mapping[str, Any], inbound: list[LinkSpec],
        outbound: list[LinkSpec],
    ) -> Engine:  # fmt: skip
        """Compile or load the kernels of a partition and allocate it.

        The same partition as in the epoch before keeps its kernels and weights.

        Raises:
            MalformedMessage: PREPARE describes no partition.
        """
        try:
            spec = spec_from_wire(body["partition"])
        except (KeyError, TypeError, ValueError) as error:
            message = f"PREPARE: no partition: {error!r}"
            raise MalformedMessage(message) from error
        layer = None
        if self._engine is not None and self._partition == body["partition"]:
            layer = self._engine.layer
        return Engine(
            spec, inbound, outbound, epoch=epoch, clock=self._clock, layer=layer
        )

    def bound(self, body: Mapping[str, Any], engine: EngineLike) -> None:
        """Take the engine that was built."""
        self._partition = body["partition"]
        self._engine = cast("Engine", engine)

    def run(self, roster: tuple[Mapping[str, Any], ...]) -> None:
        """Log the roster."""
        _log.info("running with %d partitions", len(roster))

    def after_turn(self) -> None:
        """Do nothing."""

    def reports(self) -> Sequence[bytes]:
        """Return frame reports, rows of little-endian uint64, in pieces."""
        if self._engine is None:
            return ()
        table = self._engine.take_reports().astype("<u8")
        most = max(1, ROWS_LIMIT // table[:1].nbytes) if len(table) else 1
        return [table[k : k + most].tobytes() for k in range(0, len(table), most)]

    def beat(self) -> dict[str, Any]:
        """Return that only the client knows finished frames."""
        return {"finished": -1}

    def deliver(self, message: Control) -> None:
        """Ignore what is meant for a client."""

    def left(self, code: int, text: str) -> None:
        """Log why this worker ends."""
        _log.info("ends: exit status %d: %s", code, text)


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker meets its controller, and who watches it.

    Attributes:
        meeting: How it meets its controller.
        slot: Partition wished for, or None.
        leased: Standard input is a pipe whose end ends this process.
        gives_up: End with 75 if no controller answers for 30 s.
        pulse: Called some times a second: this process is alive.
        former: Process that this one stands for, and how it ended.
    """

    meeting: Meeting
    slot: int | None = None
    leased: bool = False
    gives_up: bool = False
    pulse: Callable[[], None] = lambda: None
    former: tuple[int, str] | None = None


def run_worker(options: WorkerOptions) -> int:
    """Run a worker until it is told to end; return its exit code."""
    return uvloop.run(_worker(options))


async def _worker(options: WorkerOptions) -> int:
    loop = asyncio.get_running_loop()

    def stop(reason: str, code: int) -> None:
        runner.event(StopAsked(reason, code))

    # First: a signal that follows on the REGISTER of the runner must find us ready.
    for number in (signal.SIGTERM, signal.SIGINT):
        name = signal.Signals(number).name
        loop.add_signal_handler(number, stop, f"{name} received", 0)
    runner = MemberRunner(
        WorkerDuties(), "worker", options.meeting, slot=options.slot,
        leased=not options.gives_up, version=VERSION, pulse=options.pulse,
        former=options.former,
    )  # fmt: skip
    if options.leased:
        loop.add_reader(_STDIN, _lease, loop, stop)
    try:
        return await runner.done
    finally:
        runner.close()


def _lease(loop: asyncio.AbstractEventLoop, stop: Any) -> None:
    if not os.read(_STDIN, 4096):
        loop.remove_reader(_STDIN)
        stop("the process that started this worker is gone", EXIT_LOST)
