"""Hold the controller's books, which its rooms share.

The rooms stand on each other: `ends` on the books, `recovery` on the ends, `members`
on recovery, `state` on top. A room calls those below it, never one above.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from neurocluster.controller.door import Door
from neurocluster.controller.epochs import Epochs
from neurocluster.controller.events import StopAsked
from neurocluster.controller.journal import MS, Journal
from neurocluster.controller.neighbours import barrier_of
from neurocluster.controller.post import Post
from neurocluster.controller.roster import Roster
from neurocluster.controller.session import Session
from neurocluster.controller.ticks import TickWatch
from neurocluster.controller.watch import LinkWatch, Silence
from neurocluster.controller.wiring import Preparer, Wiring


class Phase(Enum):
    """Where the controller stands."""

    GATHER = "gather"
    WIRE = "wire"
    RUN = "run"
    CLOSING = "closing"
    ENDED = "ended"


@dataclass(slots=True)
class Guests:
    """Count who is no member.

    Attributes:
        refused: Connections turned away.
        malformed: Messages that were none of ours.
        others: Messages of our form from who is no member.
    """

    refused: int = 0
    malformed: int = 0
    others: int = 0

    def told(self) -> dict[str, int]:
        """Return what `wire.shapes.STATUS` and TABLES have of them."""
        return {"refused": self.refused, "strangers": self.malformed + self.others}


class Books:
    """Keep who is there, what runs, how the session stands, what is to be said.

    Attributes:
        phase: Where the controller stands.
    """

    def __init__(
        self, plan: Preparer, *, generation: int, cluster: str, version: str,
        cores: int, deadline_ns: int, recovery_ns: int, once: bool,
    ) -> None:  # fmt: skip
        """Start in GATHER.

        Args:
            plan: What runs where.
            generation: 64 random bits.
            cluster: Random name, checked by every HELLO; members only know it.
            version: Of this package; others are refused.
            cores: Of this machine.
            deadline_ns: For the whole bring-up, from the client's REGISTER.
            recovery_ns: How long a session waits for somebody to take the place of
                a lost member.
            once: End with the first client's session.
        """
        self.phase = Phase.GATHER
        self._plan, self._cluster, self._once = plan, cluster, once
        self._deadline_ns, self._recovery_ns = deadline_ns, recovery_ns
        self._roster = Roster(plan.partitions)
        self._post = Post(self._roster, generation)
        self._door = Door(self._roster, version, len(plan.partitions))
        self._wiring = Wiring(plan, self._roster, self._post)
        self._silence = Silence(len(plan.partitions), cores)
        self._watch, self._ticks = LinkWatch(plan.links), TickWatch(())
        self._epochs, self._session = Epochs(), Session()
        self._journal, self._barrier = Journal(), barrier_of(plan)
        self._stop: StopAsked | None = None
        self._guests = Guests()

    def __repr__(self) -> str:
        """Show phase, epoch and members."""
        names = [member.name for member in self._roster]
        return f"<Controller {self.phase.value} epoch={self.epoch} {names}>"

    @property
    def epoch(self) -> int:
        """Return the number of the present epoch; 0 before the first."""
        return self._epochs.number

    def status(self, now_ns: int) -> dict[str, Any]:
        """Return where the cluster stands; see `wire.shapes.STATUS`."""
        session = self._session
        limit_ns = session.limit_ns if session.drain_ns is None else session.drain_ns
        return {
            "phase": self.phase.value,
            "epoch": self.epoch,
            "stopping": self._stop is not None,
            "reason": self._epochs.reason,
            "left_ms": -1 if limit_ns is None else max(limit_ns - now_ns, 0) // MS,
            **self._guests.told(),
            "partitions": self._plan.partitions,
            "links": [(k, *ends) for k, ends in self._plan.links.items()],
            **self._journal.tables(self._roster, self.epoch, now_ns),
        }
