"""Decide who may join a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from neurocluster.controller import reasons
from neurocluster.controller.roster import Member, Roster
from neurocluster.dtypes import CLIENT

WORKERS_A_PARTITION: Final = 4
SPARE_WORKERS: Final = 64
"""More workers than this, and 4 a partition, are refused: a roster has an end."""


class Door:
    """Admit members of one version: one client, workers and spares."""

    def __init__(self, roster: Roster, version: str, partitions: int) -> None:
        """Take the roster, the version of this package, the number of partitions."""
        self._roster, self._version = roster, version
        self._most_workers = WORKERS_A_PARTITION * partitions + SPARE_WORKERS

    def refusal(self, body: Mapping[str, Any]) -> str:
        """Return why a newcomer cannot join, by its REGISTER; empty if it can."""
        role, version = body["role"], body["version"]
        client = self._roster.client
        if version != self._version:
            return reasons.wrong_version(version, self._version)
        if role == CLIENT and client is not None:
            return f"cluster busy: held by {client.name}"
        if role != CLIENT and len(self._roster.workers) >= self._most_workers:
            return f"{self._most_workers} workers are enough for this plan"
        return ""

    def admit(self, peer: bytes, body: Mapping[str, Any], now_ns: int) -> Member:
        """Take a newcomer into the roster."""
        member = Member(
            peer, body["role"], body["pid"], body["host"], body["slot"], now_ns,
            body["clock"],
        )  # fmt: skip
        self._roster.add(member)
        return member
