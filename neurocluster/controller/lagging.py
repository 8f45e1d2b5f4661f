"""Find who holds up a round of the clock; pure.

A round waits for who has not done it, or, where all have, for what tells so. Of nodes
that stand still the last that they said counts nothing: they come first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from neurocluster.controller.holder import Cause, causes_at, worst
from neurocluster.controller.status import MemberStatus, Status
from neurocluster.controller.ticks import HEAD, Missing, undelivered, ways_of
from neurocluster.dtypes import CLIENT


@dataclass(frozen=True, slots=True)
class Held:
    """What holds up a round.

    Attributes:
        round: The oldest one that some node is in.
        cause: Who has not done it, and why; None if all have.
        tick: One that was sent and not heard; None if there is none such.
    """

    round: int
    cause: Cause | None
    tick: Missing | None


def held_round(status: Status) -> Held | None:
    """Return what holds up the present round; None without a clock."""
    nodes = {n: m for n, m in status.nodes.items() if m.told and len(m.rounds) >= HEAD}
    if not nodes:
        return None
    number = min(member.rounds[0] for member in nodes.values())
    late = [
        member for member in nodes.values()
        if member.still or (member.rounds[0] == number and not member.rounds[1])
    ]  # fmt: skip
    still = [member for member in late if member.still]
    found = [cause for member in still or late for cause in _causes(status, member)]
    ways = ways_of((CLIENT, *status.partitions))
    ticks = undelivered({n: m.rounds for n, m in nodes.items()}, ways)
    tick = next((t for t in ticks if t.round == number), None)
    return Held(number, worst(found), None if found else tick)


def _causes(status: Status, member: MemberStatus) -> Iterator[Cause]:
    """Yield why a node has not done its round."""
    if member.node != CLIENT or member.still:
        yield from causes_at(status, member)
