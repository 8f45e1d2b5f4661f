"""Flood every socket of a running cluster, one kind of stranger after the other."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from neurocluster.dtypes import CLIENT
from tools.faults.byhand import Command
from tools.flood import strangers as s
from tools.flood.messages import pool
from tools.flood.site import PARTITIONS, Flooded, descriptors, listening

BEFORE: Final = (
    ("garbage", s.garbage, 0.7), ("CURVE, then garbage", s.greeted, 0.1),
    ("not encrypted", s.unencrypted, 0.1), ("key of its own", s.strangers, 0.1),
)  # fmt: skip
"""Kinds before authentication, and their share of the messages."""
HELD: Final = "key, not in the roster"
DATAGRAMS: Final = "datagrams"
HALF_OPEN: Final = 500
"""Connections to each socket that finish no handshake."""
COUNT_S: Final = 60.0
"""How long the last messages may take until they are counted."""
HOLD_S: Final = 6.0
"""How long they are held, each made again as it is closed."""
MOVES_S: Final = 2.0
STUCK: Final = "no frame finished"
LOOK_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Row:
    """What one kind of stranger sent to one socket.

    Attributes:
        socket: Whose.
        kind: Of stranger.
        messages: Sent.
        counted: Words: what the process counted.
        frames: Per second, meanwhile.
        seconds: That it took.
        wrong: What should not have been; empty if nothing.
    """

    socket: str
    kind: str
    messages: int
    counted: str
    frames: float
    seconds: float
    wrong: str


@dataclass(frozen=True, slots=True)
class Door:
    """A listening socket.

    Attributes:
        name: Of its process.
        kind: ``tcp`` or ``udp``.
    """

    name: str
    pid: int
    kind: str
    place: s.Address


def doors(flooded: Flooded, kind: str) -> list[Door]:
    """Return the listening sockets of every process of a cluster.

    Raises:
        RuntimeError: A process has none, or more than one.
    """
    found = []
    for pid, name in sorted(flooded.processes().items(), key=lambda pair: pair[1]):
        places = listening(pid, kind)
        if kind == "udp" and name == "controller":
            continue
        if len(places) != 1:
            message = f"{name} (pid {pid}) listens at {len(places)} {kind} sockets"
            raise RuntimeError(message)
        found.append(Door(name, pid, kind, places[0]))
    return found


class Course:
    """Flood one cluster; tell what came of it row by row."""

    def __init__(self, flooded: Flooded, messages: int) -> None:
        """Take the cluster, and how many messages each socket gets."""
        self._flooded, self._messages = flooded, messages
        self._small, self._large = pool(1, large=False), pool(2, large=True)

    def rows(self) -> Iterator[Row]:
        """Flood each socket before and after authentication."""
        for number, first in enumerate(doors(self._flooded, "tcp")):
            for kind, attack, share in BEFORE:
                door = self._door(first, number)
                count = int(self._messages * share)
                yield self._row(door, kind, attack, count, by_connection=True)
            door = self._door(first, number)
            held = s.control_holder if door.name == "controller" else s.holder
            yield self._row(door, HELD, held, self._messages, by_connection=False)
        if self._flooded.clocks:
            for number, first in enumerate(doors(self._flooded, "udp")):
                yield self._row(
                    self._door(first, number), DATAGRAMS, s.datagrams, self._messages,
                    by_connection=False,
                )  # fmt: skip

    def _door(self, first: Door, number: int) -> Door:
        """Return where a process listens now: it moves with each epoch."""
        return doors(self._flooded, first.kind)[number]

    def _row(
        self, door: Door, kind: str, attack: s.Attack, count: int, *,
        by_connection: bool,
    ) -> Row:  # fmt: skip
        flooded = self._flooded
        before, frames = flooded.counted(door.pid), flooded.finished()
        begin = time.monotonic()
        large = door.name == "controller"
        sent = attack(
            self._large if large else self._small, count, door.place, flooded.keys
        )
        wanted = sent.connections if by_connection else sent.messages
        wanted = 1 if kind == DATAGRAMS else wanted  # the kernel drops the most of them

        def count_now() -> int:
            refused, dropped = flooded.counted(door.pid)
            return refused - before[0] if by_connection else dropped - before[1]

        wrong = _within(COUNT_S, lambda: count_now() >= wanted, "not all is counted")
        counted, seconds = count_now(), time.monotonic() - begin
        what = "connections" if by_connection else "messages"
        if counted > wanted and kind == HELD:
            wrong = f"{counted:,} {what} counted of {wanted:,}"
        rate = (flooded.finished() - frames) / seconds
        found = flooded.status()
        if found["recoveries"]:
            wrong = f"recovery: {found['recoveries'][-1]['reason']}"
        if _within(MOVES_S, lambda: flooded.finished() > frames, STUCK):
            wrong = STUCK
        return Row(
            f"{door.name} {door.kind}", kind, sent.messages, f"{counted:,} {what}",
            rate, seconds, wrong,
        )  # fmt: skip

    def half_open(self, client: Command) -> tuple[Row, Command]:
        """Hold half-open connections to each socket; a worker and a client join.

        Args:
            client: The one that streams; it leaves first.

        Returns:
            The row; the client that joined.
        """
        flooded = self._flooded
        targets = [door.place for door in doors(flooded, "tcp")]
        held = s.HalfOpen(targets, HALF_OPEN)
        begin = time.monotonic()
        with held:
            wrong = _within(
                COUNT_S, lambda: held.made >= HALF_OPEN * len(targets), "not connected"
            )
            most = max(sizes(flooded).values())
            frames = flooded.finished()
            spare = flooded.worker(PARTITIONS)
            wrong += _within(COUNT_S, lambda: _spares(flooded.status()), "no worker")
            joined = time.monotonic()
            wrong += _within(MOVES_S, lambda: flooded.finished() > frames, STUCK)
            told = leave(client)
            wrong += verdict(told)
            print(f"longest delay of a loop so far: {told.get('late_ms', 0):.0f} ms")
            client = flooded.client()
            again = time.monotonic() - joined
            time.sleep(max(0.0, begin + HOLD_S - time.monotonic()))
        spare.end()
        seconds = time.monotonic() - begin
        text = f"a worker and a client joined ({again:.1f} s); {most} descriptors open"
        return Row(
            "every tcp", f"{HALF_OPEN} half-open", held.made, text, 0, seconds, wrong
        ), client


def _spares(status: dict[str, Any]) -> bool:
    return any(m["ready"] and not m["node"] for m in status["members"])


def _within(seconds: float, condition: Callable[[], object], problem: str) -> str:
    """Wait for a condition; return the problem if it does not come to hold."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return problem
        time.sleep(LOOK_S)
    return ""


def leave(client: Command) -> dict[str, Any]:
    """End a client; return what it tells."""
    os.kill(client.pid, signal.SIGTERM)
    client.wait()
    lines = client.text.strip().splitlines()
    try:
        found: dict[str, Any] = json.loads(lines[-1])
    except (ValueError, IndexError):
        return {"failure": "\n".join(lines[-5:]) or "it told nothing"}
    return found


def verdict(told: dict[str, Any]) -> str:
    """Return what is wrong with what a client saw; empty if nothing is."""
    if told.get("failure"):
        return str(told["failure"])
    if told["wrong"] or not told["balanced"]:
        return f"{told['wrong']} results differ, links balanced: {told['balanced']}"
    if told["recoveries"]:
        return f"recovered: {told['recoveries'][0]}"
    return ""


def sizes(flooded: Flooded) -> dict[str, int]:
    """Return how many descriptors each process but the client has open, by its name."""
    found = flooded.processes().items()
    return {name: len(descriptors(pid)) for pid, name in found if name != CLIENT}
