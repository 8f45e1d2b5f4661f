"""Put a node under a clock: let frames in round by round, say when one is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol, cast

import numpy as np

from neurocluster.dtypes import I64, U8, Records
from neurocluster.link.buffers import LinkBuffers
from neurocluster.link.gate import GATE, is_done, let_in
from neurocluster.link.stashed import add_stashed
from neurocluster.member.barriers import Barrier
from neurocluster.member.rounds import ClientRounds, WorkerRounds, rounds_of
from neurocluster.transport.pump import Pump

STASH_BYTES: Final = 64 << 20
"""Most bytes of packets that may wait for the clock; untouched pages cost nothing."""


class Starter(Protocol):
    """What the clock needs of the client's engine."""

    @property
    def steps(self) -> int:
        """Return how many steps were started; see `member.rounds`."""

    @property
    def in_flight(self) -> int:
        """Return how many frames have no result."""

    def step_through(self, phases: int) -> None:
        """Send each frame in so many phases."""

    def let_start(self, limit: int) -> None:
        """Start steps below a limit only."""


class Clockwork(Protocol):
    """What drives a node under a clock."""

    def opened(self, number: int, started: int) -> None:
        """Take a round that opens."""

    def turned(self) -> None:
        """Look whether the round is done, after a turn."""

    def again(self) -> None:
        """Say once more what may have been lost."""

    def progress(self) -> list[int]:
        """Return the present round, 1 if this node has done it, and how far ticks came.

        See `wire.shapes.ROUNDS_ROW`.
        """

    def stashed(self) -> I64 | None:
        """Return spikes and markers that wait for the clock, (inbound links, 2)."""


class WorkerClock:
    """Gate the packets of a worker."""

    def __init__(
        self, node: LinkBuffers, rounds: WorkerRounds, pump: Pump, barrier: Barrier
    ) -> None:
        """Close the gate; round 0, in which no partition has frames, is done."""
        self._node, self._rounds, self._pump = node, rounds, pump
        self._stash: U8 = np.empty(STASH_BYTES, np.uint8)
        self._gate: Records = np.zeros(1, GATE)
        record = self._gate[0]
        record["stash_at"], record["stash_size"] = self._stash.ctypes.data, STASH_BYTES
        self._barrier, self.again = barrier, barrier.again
        pump.gate(self._gate)
        self.turned()

    def opened(self, number: int, started: int) -> None:
        """Let in the packets of a round that opens."""
        if number != self._rounds.number + 1:
            return
        self._rounds.opened(number, started)
        let_in(self._gate.ctypes.data, self._rounds.limit)
        self._barrier.forget()
        self._pump.turn()

    def turned(self) -> None:
        """Say that the round is done once it is."""
        gate = self._gate[0]
        if is_done(gate, self._node.record[0]):
            self._barrier.tell(self._rounds.number, 0)

    def progress(self) -> list[int]:
        """Return how far this node and its ticks are."""
        barrier = self._barrier
        return [self._rounds.number, int(barrier.told), *barrier.exchanged()]

    def stashed(self) -> I64:
        """Return what waits in the stash, by inbound link."""
        node = self._node
        counts: I64 = np.zeros((len(node.inbound), 2), np.int64)
        add_stashed(self._gate.ctypes.data, node.record.ctypes.data, counts)
        return counts


class ClientClock:
    """Hold back what the client would start."""

    def __init__(
        self, engine: Starter, rounds: ClientRounds, pump: Pump, barrier: Barrier
    ) -> None:
        """Open round 0."""
        self._engine, self._rounds, self._pump = engine, rounds, pump
        self._barrier, self.again = barrier, barrier.again
        rounds.opened(0, 0, 0)
        engine.let_start(rounds.limit)

    def opened(self, number: int, started: int) -> None:
        """Let what is of a round that opens start."""
        del started
        engine, rounds = self._engine, self._rounds
        if number != rounds.number + 1:
            return
        rounds.opened(number, engine.steps, engine.in_flight)
        engine.let_start(rounds.limit)
        self._barrier.forget()
        self._pump.turn()

    def turned(self) -> None:
        """Start what may start now; say that the round is done once it is."""
        engine, rounds = self._engine, self._rounds
        before = rounds.limit
        rounds.look(engine.in_flight)
        if rounds.limit != before:
            engine.let_start(rounds.limit)
            self._pump.wake()
        if rounds.is_done(engine.steps, engine.in_flight):
            before = rounds.limit
            rounds.closed(engine.steps)
            if rounds.limit != before:
                engine.let_start(rounds.limit)
            self._barrier.tell(rounds.number, engine.steps)

    def progress(self) -> list[int]:
        """Return how far the client and its ticks are."""
        barrier = self._barrier
        return [self._rounds.number, int(barrier.told), *barrier.exchanged()]

    def stashed(self) -> None:
        """Return None: the client handles whatever comes."""


def clockwork(
    engine: Any, node: LinkBuffers, pump: Pump, settings: Mapping[str, Any],
    barrier: Barrier,
) -> Clockwork | None:  # fmt: skip
    """Return what drives a node under a clock, or None without one.

    Args:
        engine: Of the epoch.
        node: Its links.
        pump: Turns them.
        settings: Of PREPARE.
        barrier: Is told when a round is done.
    """
    rounds = rounds_of(settings)
    if isinstance(rounds, ClientRounds):
        starter = cast("Starter", engine)
        starter.step_through(settings["clock"]["phases"])
        return ClientClock(starter, rounds, pump, barrier)
    if isinstance(rounds, WorkerRounds):
        node.record["phases"] = settings["clock"]["phases"]
        return WorkerClock(node, rounds, pump, barrier)
    return None
