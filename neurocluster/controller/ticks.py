"""Find ticks that do not arrive, by what both ends of each way say in their BEATs.

Where nodes tell each other that a round is done, no packet need pass between two that
exchange ticks, so what cuts them off from each other shows nowhere else.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from neurocluster.controller.watch import STALL_NS
from neurocluster.member.dissemination import partners
from neurocluster.wire.shapes import ROUNDS_ROW, WORD

HEAD = len(ROUNDS_ROW)


class Missing(NamedTuple):
    """A tick that was sent and not heard."""

    source: str
    to: str
    round: int


def numbers(rounds: bytes) -> tuple[int, ...]:
    """Return what BEAT has of rounds; see `wire.shapes.ROUNDS_ROW`."""
    return struct.unpack(f"<{len(rounds) // WORD}Q", rounds)


class Way(NamedTuple):
    """From whom to whom the ticks of a step go."""

    source: str
    to: str
    step: int


def ways_of(order: Sequence[str]) -> tuple[Way, ...]:
    """Return all ways of ticks between nodes, which are given by rank."""
    return tuple(
        Way(source, order[other], step)
        for rank, source in enumerate(order)
        for step, other in enumerate(partners(rank, len(order)))
    )


def undelivered(
    told: Mapping[str, Sequence[int]], ways: Iterable[Way]
) -> Iterator[Missing]:
    """Yield the ticks that were sent and not heard.

    Args:
        told: By node, what its BEAT says of rounds.
        ways: That are looked at.
    """
    for source, to, step in ways:
        here, there = told.get(source, ()), told.get(to, ())
        steps = (len(here) - HEAD) // 2
        if step >= steps or len(there) != len(here):
            continue
        if (sent := here[HEAD + step]) > there[HEAD + steps + step]:
            yield Missing(source, to, sent - 1)


class TickWatch:
    """Tell which tick has not arrived for as long as a link may stand still."""

    def __init__(self, order: Sequence[str]) -> None:
        """Take all nodes by rank; none if nobody tells others."""
        self._ways: dict[str, list[Way]] = {node: [] for node in order}
        for way in ways_of(order):
            self._ways[way.source].append(way)
            self._ways[way.to].append(way)
        self._told: dict[str, tuple[int, ...]] = {}
        self._missing: list[Missing] = []
        self._since: dict[Missing, int] = {}

    def pause(self, paused_ns: int) -> None:
        """Note that this process did not run, so it could hear of no arrival."""
        self._since = {found: ns + paused_ns for found, ns in self._since.items()}

    def beat(self, node: str, rounds: bytes) -> None:
        """Take what a node's BEAT says of rounds."""
        if node not in self._ways:
            return
        self._told[node] = numbers(rounds)
        mine = {(way.source, way.to) for way in self._ways[node]}
        kept = [found for found in self._missing if found[:2] not in mine]
        self._missing = [*kept, *undelivered(self._told, self._ways[node])]

    def stalled(self, now_ns: int) -> Missing | None:
        """Return a tick that was sent and is not heard for too long."""
        self._since = {f: self._since.get(f, now_ns) for f in self._missing}
        late = (f for f, since in self._since.items() if now_ns - since > STALL_NS)
        return next(late, None)
