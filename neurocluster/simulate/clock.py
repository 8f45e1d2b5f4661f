"""Put simulated members under the clock that real ones have.

Rounds, gates and barriers are those of `member` and `controller`. A priced barrier
tells and is told by messages, which the controller reads and writes one after the
other, as a real one does. A free one knows at once, and opens a round for all: what
then remains of a clock is the wait for the slowest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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
from neurocluster.simulate.records import CLIENT_ROUNDS, ENDED, GATED
from neurocluster.transport.pump import Pump
from neurocluster.wire.control import Kind
from neurocluster.worker.engine import Engine

CENTRAL: Final = "central"
FREE: Final = "free"
BARRIERS: Final = (CENTRAL, FREE)
UNLIMITED: Final = 1 << 62
ROUNDS: Final = 3
"""Of which it is known what clients had started: members are one apart at most."""
Join = Callable[[int, int], int]
"""Join two processes by a link of control messages; return its number."""


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
        process["roomy"] = 1  # a turn sends them, whatever else comes first
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
        clock: Drives it; None until that is made.
        round: Its present one.
    """

    name: str
    process: int
    copy: int
    clock: Clockwork | None = None
    round: int = 0


class _Gate:
    """Stand for the pump in a clock: it is the loop that takes turns."""

    def __init__(self, machine: Machine, process: int) -> None:
        self._machine, self._process = machine, process

    def gate(self, gate: Records) -> None:
        self._machine.gate(self._process, gate)

    def wake(self) -> None:
        """Have a turn follow."""
        self._machine.processes[self._process]["roomy"] = 1

    turn = wake


class Clock:
    """Let rounds pass for all members of all copies, without a price.

    Attributes:
        barrier: Who has done the present round, and who waited for whom.
    """

    priced = False

    def __init__(self, machine: Machine, controller: int) -> None:
        """Take the machine before its members start, and the controller's process."""
        self.machine, self.controller = machine, controller
        self.barrier = Barrier()
        self.nodes: dict[int, Node] = {}
        self._early: list[Node] | None = []
        self._started: dict[int, dict[int, int]] = {}
        machine.loop[0]["priced"] = int(self.priced)

    @staticmethod
    def links(members: int) -> int:
        """Return how many links of messages so many members need."""
        del members
        return 0

    def join(self, processes: Iterable[int], join: Join) -> None:
        """Make links, before any member is added."""

    def add(
        self, node: Node, engine: Engine | Starts, settings: Mapping[str, Any]
    ) -> None:
        """Put a member under the clock.

        Args:
            node: The member.
            engine: Of a worker; of a client what starts its frames.
            settings: Of PREPARE, see `member.rounds.rounds_of`.
        """
        self.nodes[node.process] = node
        client = isinstance(engine, Starts)
        pump = cast("Pump", _Gate(self.machine, node.process))
        barrier = self._barrier_of(node)
        node.clock = clockwork(engine, engine.node, pump, settings, barrier)
        record = self.machine.processes[node.process]
        record["clocked"] = CLIENT_ROUNDS if client else GATED

    def begin(self) -> None:
        """Begin round 0, in which no worker has anything to do."""
        early, self._early = self._early or [], None
        self.barrier.begin(node.name for node in self.nodes.values())
        for node in early:
            self.machine.processes[node.process]["told"] = 1
            self._said(node, 0)

    def heard(self) -> None:
        """Answer for the caller, which has read a control message."""
        message = "no messages are exchanged by this clock"
        raise AssertionError(message)

    def turned(self, process: int) -> None:
        """Look what a member has to say at the end of a turn."""
        clock = self.nodes[process].clock
        assert clock is not None
        clock.turned()

    def tables(self) -> dict[str, Any]:
        """Return what the barrier counted; see `controller.barrier.Barrier.tables`."""
        return self.barrier.tables()

    def _barrier_of(self, node: Node) -> Central:
        def send(_kind: Kind, body: Mapping[str, Any]) -> None:
            self._said(node, body["started"])

        return Central(send)

    def _said(self, node: Node, started: int) -> None:
        """Take what a member says by its own code: it has done its round."""
        if self._early is not None:
            self._early.append(node)
            return
        self._note(node, started)
        self._tell(node)

    def _note(self, node: Node, started: int) -> None:
        """Keep what a copy's client has started up to a round."""
        by_copy = self._started.setdefault(node.round, {})
        by_copy[node.copy] = max(by_copy.get(node.copy, 0), started)
        self._started.pop(node.round - ROUNDS, None)

    def _tell(self, node: Node) -> None:
        self._done(node)

    def _done(self, node: Node) -> None:
        if self.barrier.done(node.name, node.round, 0, self.machine.now):
            self._open()

    def _open(self) -> None:
        for node in self.nodes.values():
            self._opened(node)
            self.machine.let_turn(node.process)

    def _opened(self, node: Node) -> None:
        assert node.clock is not None
        started = self._started.get(node.round, {}).get(node.copy, 0)
        node.round += 1
        self.machine.processes[node.process]["told"] = 0
        node.clock.opened(node.round, started)


class CentralClock(Clock):
    """Have members tell the controller, which opens each round for all."""

    priced = True

    def __init__(self, machine: Machine, controller: int) -> None:
        """Take the machine, see `Clock`."""
        super().__init__(machine, controller)
        self._up: dict[int, int] = {}
        self._down: I64 = np.zeros(0, np.int64)

    @staticmethod
    def links(members: int) -> int:
        """Return two for each member."""
        return 2 * members

    def join(self, processes: Iterable[int], join: Join) -> None:
        """Join each member and the controller."""
        down = []
        for process in processes:
            up = join(process, self.controller)
            self._up[up] = process
            self.machine.processes[process]["upward"] = 1 + up
            down.append(join(self.controller, process))
        self._down = np.array(down, np.int64)

    def heard(self) -> None:
        """Count a member, or open a round for one."""
        process = self.machine.caller
        if process == self.controller:
            self._done(self.nodes[self._up[self.machine.taken(ENDED)]])
        else:
            self.machine.taken(ENDED)
            self._opened(self.nodes[process])
        self.machine.go_on()

    def _tell(self, node: Node) -> None:
        self.machine.tell(node.process)

    def _open(self) -> None:
        self.machine.post(self.controller, self._down)


CLOCKS: Final[Mapping[str, type[Clock]]] = {
    CENTRAL: CentralClock, FREE: Clock,
}  # fmt: skip
