"""What the doctor finds: where, how bad, and what to change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """How bad a finding is; an error keeps a cluster from running."""

    OK = 0
    WARNING = 1
    ERROR = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        where: A host, or ``a -> b`` for the way from one to another.
        subject: What was looked at, in a word.
        level: How bad it is.
        text: What was found.
        remedy: What to change; empty if nothing is to be.
    """

    where: str
    subject: str
    level: Level
    text: str
    remedy: str = ""


def worst(findings: Iterable[Finding]) -> Level:
    """Return the level of the worst of some findings."""
    return max((finding.level for finding in findings), default=Level.OK)


def verdict(findings: Sequence[Finding]) -> str:
    """Return one sentence about all that was found."""
    errors, warnings = (
        sum(finding.level is level for finding in findings)
        for level in (Level.ERROR, Level.WARNING)
    )
    if errors:
        also = f", {_count(warnings, 'warning')}" if warnings else ""
        return f"{_count(errors, 'error')}{also}: a run would fail or mislead."
    if warnings:
        return f"No error, {_count(warnings, 'warning')}: a run can start."
    return "All is well."


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
