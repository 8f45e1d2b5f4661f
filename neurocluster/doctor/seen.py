"""All that one examination saw; pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from neurocluster.doctor.report import Ends, Machine, Trial

CLOSED, ENDED, SILENT, LOST = "closed", "ended", "silent", "lost"
"""Why a host is missing: it does not let us in, its probe ended or said nothing until
the deadline, or was there and fell silent."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Why a host told nothing.

    Attributes:
        how: `CLOSED`, `ENDED`, `SILENT` or `LOST`.
        why: In words.
        log: The last lines that its probe printed.
    """

    how: str
    why: str = ""
    log: tuple[str, ...] = ()


@dataclass(slots=True)
class Seen:
    """What was seen, by host; `report.HERE` is this machine.

    Attributes:
        machines: What each probe found.
        ends: Where each probe can be reached.
        trials: What came of each way, by the one that tried and the one that was tried.
        missing: Why a host told nothing, or not all.
    """

    machines: dict[str, Machine] = field(default_factory=dict)
    ends: dict[str, Ends] = field(default_factory=dict)
    trials: dict[tuple[str, str], Trial] = field(default_factory=dict)
    missing: dict[str, Missing] = field(default_factory=dict)
