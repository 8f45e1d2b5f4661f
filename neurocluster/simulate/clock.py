"""Put simulated members under the clock that real ones have.

Rounds, gates and barrier are those of `member.clockwork` and `controller.barrier`. A
priced barrier tells and is told by messages, which the controller reads and writes one
after the other, as a real one does. A free one knows at once, and opens a round for all
at once: what then remains of a clock is the wait for the slowest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np

from neurocluster.client.engine import Engine as ClientEngine
from neurocluster.controller.barrier import Barrier
from neurocluster.dtypes import I64, Records
from neurocluster.member.barriers import Central
from neurocluster.member.clockwork import Clockwork, clockwork
from neurocluster.simulate.costs import Cost, mean_of
from neurocluster.simulate.machine import Machine
from neurocluster.simulate.records import BETWEEN, CLIENT_ROUNDS, ENDED, GATED
from neurocluster.transport.pump import Pump
from neurocluster.wire.control import Kind
from neurocluster.worker.engine import Engine

CENTRAL: Final = "central"
FREE: Final = "free"
BARRIERS: Final = (CENTRAL, FREE)
UNLIMITED: Final = 1 << 62


class Starts:
    """Let a simulated client start frames, and charge what encoding them costs.

    Attributes:
        shared: Frames below it may start: the window is one for all copies.
    """

    def __init__(
        self, engine: ClientEngine, machine: Machine, process: int, handle: Cost
    ) -> None:
        """Take the client's engine, its process and what a packet costs it."""
        self._engine, self._machine, self._process = engine, machine, process
        self._handle = handle
        self.shared = self._limit = UNLIMITED

    def __getattr__(self, name: str) -> Any:
        """Return what the engine knows; see `member.clockwork.Starter`."""
        return getattr(self._engine, name)

    def let_start(self, limit: int) -> None:
        """Start frames below a limit only, and below the shared one."""
        self._limit = limit
        self.look()

    def look(self) -> None:
        """Start what may start now, and have it sent."""
        engine, spikes, machine = self._engine, self._spikes, self._machine
        process, before = machine.processes[self._process], engine.started
        process["now"] = max(int(process["now"]), machine.now)  # frames bear this time
        engine.let_start(min(self._limit, self.shared))
        if engine.started == before:
            return
        counts = {"fired": self._spikes - spikes, "frame": engine.started - before}
        work = mean_of(self._handle, {**counts, "fixed": 0})
        process["odd_ns"] += round(work)
        machine.wake(self._process)

    @property
    def _spikes(self) -> int:
        return int(self._engine.node.outbound["spikes"].sum())


@dataclass(slots=True, eq=False)
class Node:
    """One member under the clock.

    Attributes:
        name: In the barrier's tables.
        process: Number.
        copy: That it is part of.
        down: Link from the controller.
        clock: Drives it; None until that is made.
        round: Its present one.
    """

    name: str
    process: int
    copy: int
    down: int
    clock: Clockwork | None = None
    round: int = 0


class _Gate:
    """Stand for the pump in a clock: it is the loop that takes turns."""

    def __init__(self, machine: Machine, process: int) -> None:
        self._machine, self._process = machine, process

    def gate(self, gate: Records) -> None:
        self._machine.gate(self._process, gate)

    def turn(self) -> None:
        """Do nothing: a turn follows what was heard."""

    def wake(self) -> None:
        self._machine.processes[self._process]["roomy"] = 1


class Clock:
    """Let rounds pass for all members of all copies.

    Attributes:
        barrier: Who has done the present round, and who waited for whom.
    """

    def __init__(self, machine: Machine, controller: int, *, priced: bool) -> None:
        """Take the machine before its members start.

        Args:
            machine: Of the cluster.
            controller: Its process.
            priced: Members and controller exchange messages.
        """
        self._machine, self._controller, self._priced = machine, controller, priced
        self.barrier = Barrier()
        self._nodes: dict[int, Node] = {}
        self._up: dict[int, Node] = {}
        self._early: list[int] | None = []
        self._started: dict[int, int] = {}
        self._shown: Mapping[int, int] = {}
        self._down: I64 = np.zeros(0, np.int64)
        machine.loop[0]["priced"] = int(priced)

    def add(
        self, node: Node, up: int, engine: Engine | Starts, settings: Mapping[str, Any]
    ) -> None:
        """Put a member under the clock.

        Args:
            node: The member.
            up: Its link to the controller.
            engine: Of a worker; of a client what starts its frames.
            settings: Of PREPARE, see `member.rounds.rounds_of`.
        """

        def send(_kind: Kind, body: Mapping[str, Any]) -> None:
            self._said(node, body["started"])

        self._nodes[node.process] = self._up[up] = node
        client = isinstance(engine, Starts)
        pump = cast("Pump", _Gate(self._machine, node.process))
        node.clock = clockwork(engine, engine.node, pump, settings, Central(send))
        record = self._machine.processes[node.process]
        record["clocked"] = CLIENT_ROUNDS if client else GATED
        record["upward"] = 1 + up

    def begin(self) -> None:
        """Begin round 0, in which no worker has anything to do."""
        nodes, early = list(self._nodes.values()), self._early or []
        self._down = np.array([node.down for node in nodes], np.int64)
        self.barrier.begin(node.name for node in nodes)
        self._early = None
        for process in early:
            self._machine.processes[process]["told"] = 1
            self._said(self._nodes[process], 0)

    def heard(self) -> None:
        """Answer for the caller, which has read a control message."""
        process = self._machine.caller
        if process == self._controller:
            self._done(self._up[self._machine.taken(ENDED)])
        else:
            self._machine.taken(BETWEEN)
            self._opened(self._nodes[process])
        self._machine.go_on()

    def turned(self, process: int) -> None:
        """Look what a member has to say at the end of a turn."""
        node, record = self._nodes[process], self._machine.processes[process]
        assert node.clock is not None
        if record["clocked"] == CLIENT_ROUNDS:
            node.clock.turned()
        elif record["told"] and not self._priced:
            self._done(node)

    def _said(self, node: Node, started: int) -> None:
        """Take what a member says by its own code: it has done its round."""
        if self._early is not None:
            self._early.append(node.process)
            return
        self._started[node.copy] = max(self._started.get(node.copy, 0), started)
        if self._priced:
            self._machine.tell(node.process)
        else:
            self._done(node)

    def _done(self, node: Node) -> None:
        started = max(self._started.values(), default=0)
        if not self.barrier.done(node.name, node.round, started, self._machine.now):
            return
        self._shown = dict(self._started)
        if self._priced:
            self._machine.post(self._controller, self._down)
            return
        for each in self._nodes.values():
            self._opened(each)
            self._machine.let_turn(each.process)

    def _opened(self, node: Node) -> None:
        assert node.clock is not None
        node.round += 1
        self._machine.processes[node.process]["told"] = 0
        node.clock.opened(node.round, self._shown.get(node.copy, 0))
