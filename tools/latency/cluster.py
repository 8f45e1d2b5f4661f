"""Run a cluster whose workers have wrong clocks, and keep what every packet met."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from neurocluster import load_dataset
from neurocluster.client.session import Session
from neurocluster.client.warm import warm_client
from neurocluster.config import RunConfig
from neurocluster.controller.connection import read_connection
from neurocluster.dtypes import CLIENT, I64
from neurocluster.link.tape import Tape
from neurocluster.member.meeting import LOOPBACK, Meeting
from neurocluster.results.tables import link_rows
from neurocluster.wire.shapes import PACKET_ROW
from tools.latency.clocks import Wrong
from tools.latency.tape import ROOM, TapedDuties, whole
from tools.latency.wire import HERE, namespace_of

ROOT: Final = Path(__file__).resolve().parents[2]
AWAKE: Final = """
import os
parent = os.getppid()
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
while os.getppid() == parent:
    pass
"""
"""Keeps a processor from sleeping, as idle=poll does; whoever wants it gets it at once.
What an idle processor needs to wake up is no property of a network."""
PAUSE_S: Final = 0.02
"""Between two frames of an idle cluster."""
LIMIT_S: Final = 60.0
"""For the controller to come up, or a process to end; the rest is the product's."""
REAL: Final = Wrong()


@dataclass(frozen=True, slots=True)
class Setting:
    """What is run.

    Attributes:
        seconds: For how long frames are sent.
        load: As many frames as the cluster takes, else one at a time, with pauses.
        wrongs: How the clock of each worker of the chain is wrong.
        namespaces: The offsets are those of time namespaces, which need root.
        wire_us: How long a frame needs from host to host, each worker being on one of
            its own; 0: all are on this one.
    """

    seconds: float
    load: bool
    wrongs: tuple[Wrong, ...]
    namespaces: bool
    wire_us: float = 0


@dataclass(slots=True)
class Phase:
    """What came of it.

    Attributes:
        setting: What was run.
        begin_ns: When the first frame was sent, by the real clock.
        frames: How many were finished.
        links: Lines of links.csv.
        rows: See `wire.shapes.PACKET_ROW`, by number of the link.
        clocks: By partition, and of the client, how its clock is wrong.
    """

    setting: Setting
    begin_ns: int = 0
    frames: int = 0
    links: list[dict[str, Any]] = field(default_factory=list)
    rows: dict[int, I64] = field(default_factory=dict)
    clocks: dict[str, Wrong] = field(default_factory=dict)


class TapedSession(Session):
    """A client whose packets are written down, too."""

    def __init__(self, meeting: Meeting, tape: Tape) -> None:
        """Join as any client does."""
        super().__init__(meeting)
        self._duties = TapedDuties(self._duties, tape)


def spawn(
    stack: ExitStack, log: Path, prefix: Sequence[str] = (), **arguments: Any
) -> None:
    """Start a process of the cluster; it has ended when the stack has.

    Args:
        stack: Waits for it.
        log: For what it says.
        prefix: Command that runs another one where it should be.
        arguments: See `process`.
    """
    command = [sys.executable, "-m", "tools.latency.process", json.dumps(arguments)]
    command = [*prefix, *command]
    with log.open("a") as errors:
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stderr=errors
        )
    stack.callback(_wait, process)


def place(setting: Setting, slot: int) -> list[str]:
    """Return the command that runs another one where a worker is."""
    words: list[str] = []
    if setting.wire_us:
        words += ["ip", "netns", "exec", namespace_of(str(slot))]
    if setting.namespaces and (seconds := setting.wrongs[slot].seconds):
        words += ["unshare", "--time", "--monotonic", str(seconds)]
    return words


def connect(stack: ExitStack, setting: Setting) -> str:
    """Make the network of a setting, until the stack has ended; return our address.

    Raises:
        RuntimeError: It cannot be made.
    """
    if not setting.wire_us:
        return LOOPBACK
    names = [str(slot) for slot in range(len(setting.wrongs))]
    command = [sys.executable, "-m", "tools.latency.wire"]
    wire = subprocess.Popen(
        [*command, "--delay-us", str(setting.wire_us), *names],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    stack.callback(_wait, wire)
    if wire.stdout is None or not wire.stdout.readline():
        message = "cannot make the network with delay (it needs root and TAP devices)"
        raise RuntimeError(message)
    return HERE


def keep_awake(stack: ExitStack) -> None:
    """Let no processor sleep until the stack has ended."""
    for _ in range(os.cpu_count() or 1):
        process = subprocess.Popen([sys.executable, "-c", AWAKE])
        stack.callback(process.wait)
        stack.callback(process.kill)


def _wait(process: subprocess.Popen[bytes]) -> None:
    """Let a process go: it ends by itself, or for want of its lease."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(LIMIT_S / 10)
    process.communicate(timeout=LIMIT_S)


async def run_phase(setting: Setting, folder: Path) -> Phase:
    """Run a cluster of a worker a layer on tcp for some time.

    Between hosts nothing is encrypted: they are made here, and go with the run.

    Raises:
        RuntimeError: It did not come up, or lost somebody on the way.
        ClusterError: It failed.
    """
    connection = folder / "c.json"
    tapes = [folder / f"{k}.npy" for k in range(len(setting.wrongs))]
    phase = Phase(setting)
    with ExitStack() as stack:
        here = connect(stack, setting)
        spawn(
            stack, folder / "controller.log", role="controller", host=here,
            options=RunConfig().cluster_options(), folder=str(folder),
            connection=str(connection),
        )  # fmt: skip
        endpoint = _endpoint(connection)
        for slot, wrong in enumerate(setting.wrongs):
            spawn(
                stack, folder / f"{slot}.log", place(setting, slot), role="worker",
                endpoint=endpoint, slot=slot, tape=str(tapes[slot]),
                wrong=[wrong.seconds, wrong.ppm, wrong.begin_ns],
                namespace=setting.namespaces,
            )  # fmt: skip
        own = Tape(ROOM)
        warm_client()
        session = TapedSession(Meeting(endpoint), own)
        if not setting.load:
            keep_awake(stack)
        await session.open()
        try:
            await _stream(session, phase)
        finally:
            await session.close()
    if session.failure is not None:
        raise session.failure
    if session.recoveries:
        message = f"not undisturbed, so try again: {session.recoveries[0].reason}"
        raise RuntimeError(message)
    network = session.network
    phase.links = link_rows(network, session.reports, session.link_counts())
    names = [partition[0] for partition in network["partitions"]]
    phase.clocks = {CLIENT: REAL} | dict(zip(names, setting.wrongs, strict=True))
    rows = np.concatenate([whole(own), *map(np.load, tapes)])
    numbers = rows[:, PACKET_ROW.index("link")]
    phase.rows = {k: rows[numbers == k] for k in np.unique(numbers).tolist()}
    return phase


def _endpoint(connection: Path) -> str:
    """Wait for the controller; return its endpoint."""
    end = time.monotonic() + LIMIT_S
    while not connection.exists():
        if time.monotonic() > end:
            message = "the controller did not come up"
            raise RuntimeError(message)
        time.sleep(0.02)
    return read_connection(connection).endpoint


async def _stream(session: Session, phase: Phase) -> None:
    """Send frames until the time is over, all at once or one by one."""
    images = load_dataset().images
    phase.begin_ns = time.monotonic_ns()
    end = time.monotonic() + phase.setting.seconds
    while time.monotonic() < end:
        if phase.setting.load:
            batch: Any = images
        else:
            batch = images[phase.frames % len(images)][None]
            await asyncio.sleep(PAUSE_S)
        session.submit(batch)
        async for chunk in session.chunks():
            phase.frames += len(chunk.frames)
            if time.monotonic() > end:
                session.stop()
