"""Put a node under a clock: let frames in round by round, say when one is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, cast

import numpy as np

from neurocluster.dtypes import U8, Records
from neurocluster.link.buffers import LinkBuffers
from neurocluster.link.gate import GATE, is_done
from neurocluster.member.rounds import ClientRounds, WorkerRounds, rounds_of
from neurocluster.transport.pump import Pump
from neurocluster.wire.control import Kind

Send = Callable[[Kind, Mapping[str, Any]], None]
STASH_BYTES: Final = 64 << 20
"""Most bytes of packets that may wait for the clock; untouched pages cost nothing."""


class Starter(Protocol):
    """What the clock needs of the client's engine."""

    @property
    def started(self) -> int:
        """Return how many frames were started."""

    @property
    def in_flight(self) -> int:
        """Return how many of them have no result."""

    def let_start(self, limit: int) -> None:
        """Start frames below a limit only."""


class Clockwork(Protocol):
    """What drives a node under a clock."""

    def opened(self, number: int, started: int) -> None:
        """Take a round that opens."""

    def turned(self) -> None:
        """Look whether the round is done, after a turn."""

    def again(self) -> None:
        """Say once more what may have been lost."""


class _Teller:
    """Say once, and on demand again, that a round is done."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._told: dict[str, int] | None = None

    def tell(self, number: int, started: int) -> None:
        if self._told is None:
            self._told = {"round": number, "started": started}
            self._send(Kind.DONE, self._told)

    def forget(self) -> None:
        self._told = None

    def again(self) -> None:
        if self._told is not None:
            self._send(Kind.DONE, self._told)


class WorkerClock:
    """Gate the packets of a worker."""

    def __init__(
        self, node: LinkBuffers, rounds: WorkerRounds, pump: Pump, send: Send
    ) -> None:
        """Close the gate; round 0, in which no partition has frames, is done."""
        self._node, self._rounds, self._pump = node, rounds, pump
        self._stash: U8 = np.empty(STASH_BYTES, np.uint8)
        self._gate: Records = np.zeros(1, GATE)
        record = self._gate[0]
        record["stash_at"], record["stash_size"] = self._stash.ctypes.data, STASH_BYTES
        self._teller = _Teller(send)
        self.again = self._teller.again
        pump.gate(self._gate)
        self.turned()

    def opened(self, number: int, started: int) -> None:
        """Let in the frames of a round that opens."""
        if number != self._rounds.number + 1:
            return
        self._rounds.opened(number, started)
        gate = self._gate[0]
        gate["limit"], gate["looking"] = self._rounds.limit, 1
        gate["look"] = gate["kept"] = 0
        self._teller.forget()
        self._pump.turn()

    def turned(self) -> None:
        """Say that the round is done once it is."""
        gate = self._gate[0]
        if is_done(gate, self._node.record[0]):
            self._teller.tell(self._rounds.number, 0)


class ClientClock:
    """Hold back the frames that the client would start."""

    def __init__(
        self, engine: Starter, rounds: ClientRounds, pump: Pump, send: Send
    ) -> None:
        """Open round 0."""
        self._engine, self._rounds, self._pump = engine, rounds, pump
        self._teller = _Teller(send)
        self.again = self._teller.again
        rounds.opened(0, 0, 0)
        engine.let_start(rounds.limit)

    def opened(self, number: int, started: int) -> None:
        """Let frames of a round that opens start."""
        del started
        engine, rounds = self._engine, self._rounds
        if number != rounds.number + 1:
            return
        rounds.opened(number, engine.started, engine.in_flight)
        engine.let_start(rounds.limit)
        self._teller.forget()
        self._pump.turn()

    def turned(self) -> None:
        """Start what may start now; say that the round is done once it is."""
        engine, rounds = self._engine, self._rounds
        before = rounds.limit
        rounds.look(engine.in_flight)
        if rounds.limit != before:
            engine.let_start(rounds.limit)
            self._pump.wake()
        if rounds.is_done(engine.started, engine.in_flight):
            self._teller.tell(rounds.number, engine.started)


def clockwork(
    engine: Any, node: LinkBuffers, pump: Pump, settings: Mapping[str, Any], send: Send
) -> Clockwork | None:
    """Return what drives a node under a clock, or None without one.

    Args:
        engine: Of the epoch.
        node: Its links.
        pump: Turns them.
        settings: Of PREPARE.
        send: Sends to the controller.
    """
    rounds = rounds_of(settings)
    if isinstance(rounds, ClientRounds):
        return ClientClock(cast("Starter", engine), rounds, pump, send)
    if isinstance(rounds, WorkerRounds):
        return WorkerClock(node, rounds, pump, send)
    return None
