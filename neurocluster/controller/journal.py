"""Note what a status tells beyond the roster: last beats, losses, recoveries.

The controller's state machine feeds it; nothing is decided by what it holds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from neurocluster.controller.roster import Member
from neurocluster.dtypes import CLIENT
from neurocluster.wire.control import Control

MOST_KEPT: Final = 100
"""Losses and recoveries of one session that are remembered."""
MS: Final = 1_000_000
MOVES: Final = ("received", "sent", "frame", "packets", "finished")
"""Fields of BEAT that stand still when a node does."""
COUNTERS: Final = ("blocked", "open_frames", *MOVES, "rounds")
NO_COUNTERS: Final[Mapping[str, Any]] = {
    "blocked": False, "open_frames": 0, "received": b"", "sent": b"", "frame": 0,
    "packets": 0, "finished": -1, "rounds": b"",
}  # fmt: skip
GUESTS: Final = ("refused", "strangers")
"""Fields of BEAT that count since the member's process began."""


@dataclass(slots=True)
class Beat:
    """The counters of a member's last BEAT, and when they moved."""

    epoch: int
    body: Mapping[str, Any]
    moved_ns: int

    def moves(self) -> tuple[Any, ...]:
        """Return what changes whenever the node does something."""
        return (self.epoch, *(self.body[key] for key in MOVES))


@dataclass(slots=True)
class Recovery:
    """An epoch that failed, and when the next one ran; None if it does not yet."""

    failed_ns: int
    reason: str
    took_ns: int | None = None


class Journal:
    """Hold what happened in the session of one client."""

    def __init__(self) -> None:
        """Start empty."""
        self._beats: dict[bytes, Beat] = {}
        self._lost: deque[tuple[int, dict[str, Any]]] = deque(maxlen=MOST_KEPT)
        self._recoveries: deque[Recovery] = deque(maxlen=MOST_KEPT)

    def begin_session(self) -> None:
        """Forget what happened to another client."""
        self._lost.clear()
        self._recoveries.clear()

    def beat(self, member: Member, message: Control, now_ns: int) -> None:
        """Take the counters of a BEAT."""
        new, old = (
            Beat(message.epoch, message.body, now_ns),
            self._beats.get(member.peer),
        )
        if old is not None and old.moves() == new.moves():
            new.moved_ns = old.moved_ns
        self._beats[member.peer] = new

    def lost(self, member: Member, how: str, now_ns: int) -> None:
        """Note that a member is gone."""
        self._beats.pop(member.peer, None)
        node = member.node or ("" if member.role != CLIENT else CLIENT)
        entry = {"node": node, "pid": member.pid, "host": member.host, "how": how}
        self._lost.append((now_ns, entry))

    def failed(self, reason: str, now_ns: int) -> None:
        """Note that an epoch failed."""
        if self._recoveries and self._recoveries[-1].took_ns is None:
            self._recoveries[-1].reason = reason
        else:
            self._recoveries.append(Recovery(now_ns, reason))

    def runs(self, now_ns: int) -> None:
        """Note that an epoch runs: whatever failed before is survived."""
        for recovery in self._recoveries:
            if recovery.took_ns is None:
                recovery.took_ns = now_ns - recovery.failed_ns

    def tables(
        self, members: Iterable[Member], epoch: int, now_ns: int
    ) -> dict[str, list[Any]]:
        """Return the tables of an ANSWER; see `wire.shapes.STATUS`."""
        return {
            "members": [self._member(member, epoch, now_ns) for member in members],
            "lost": [
                {**entry, "ago_ms": (now_ns - lost_ns) // MS}
                for lost_ns, entry in self._lost
            ],
            "recoveries": [
                ((now_ns - r.failed_ns) // MS, _ms(r.took_ns), r.reason)
                for r in self._recoveries
            ],
        }

    def _member(self, member: Member, epoch: int, now_ns: int) -> dict[str, Any]:
        beat = self._beats.get(member.peer)
        told = beat is not None and beat.epoch == epoch
        body = beat.body if beat is not None and told else NO_COUNTERS
        moved_ns = beat.moved_ns if beat is not None else member.heard_ns
        return {
            "node": member.node, "role": member.role, "pid": member.pid,
            "host": member.host, "slot": -1 if member.slot is None else member.slot,
            "ready": member.ready, "linked": member.linked, "told": told,
            "phase": "" if beat is None else beat.body["phase"],
            "heard_ms": (now_ns - member.heard_ns) // MS,
            "moved_ms": (now_ns - moved_ns) // MS,
            **{key: body[key] for key in COUNTERS},
            **{key: 0 if beat is None else beat.body[key] for key in GUESTS},
        }  # fmt: skip


def _ms(time_ns: int | None) -> int:
    """Return milliseconds; -1 for None."""
    return -1 if time_ns is None else time_ns // MS
