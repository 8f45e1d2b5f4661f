"""Find ticks that do not arrive, by what both ends of each way say in their BEATs.

Where nodes tell each other that a round is done, no packet need pass between two that
exchange ticks, so what cuts them off from each other shows nowhere else.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
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


def undelivered(
    told: Mapping[str, Sequence[int]], order: Sequence[str]
) -> Iterator[Missing]:
    """Yield the ticks that were sent and not heard.

    Args:
        told: By node, what its BEAT says of rounds.
        order: All nodes by rank.
    """
    for rank, source in enumerate(order):
        steps = (len(told.get(source, ())) - HEAD) // 2
        for step, other in enumerate(partners(rank, len(order))[: max(steps, 0)]):
            there = told.get(order[other], ())
            if len(there) != len(told[source]):
                continue
            sent, heard = told[source][HEAD + step], there[HEAD + steps + step]
            if sent > heard:
                yield Missing(source, order[other], sent - 1)


class TickWatch:
    """Tell which tick has not arrived for as long as a link may stand still."""

    def __init__(self, order: Sequence[str]) -> None:
        """Take all nodes by rank."""
        self._order = tuple(order)
        self._told: dict[str, tuple[int, ...]] = {}
        self._since: dict[Missing, int] = {}

    def pause(self, paused_ns: int) -> None:
        """Note that this process did not run, so it could hear of no arrival."""
        self._since = {found: ns + paused_ns for found, ns in self._since.items()}

    def beat(self, node: str, rounds: bytes) -> None:
        """Take what a node's BEAT says of rounds."""
        self._told[node] = numbers(rounds)

    def stalled(self, now_ns: int) -> Missing | None:
        """Return a tick that was sent and is not heard for too long."""
        missing = undelivered(self._told, self._order)
        self._since = {found: self._since.get(found, now_ns) for found in missing}
        late = (f for f, since in self._since.items() if now_ns - since > STALL_NS)
        return next(late, None)
