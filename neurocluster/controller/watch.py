"""Find what stands still: members that fall silent, links on which nothing arrives.

Both take the time with each question and keep no clock.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from neurocluster.controller.roster import Member
from neurocluster.dtypes import CLIENT

SILENCE_NS: Final = 1_000_000_000
"""A node without a BEAT for this long (or 45 ms a worker and core) is lost."""
SILENCE_PER_WORKER_NS: Final = 45_000_000
STALL_NS: Final = 2_000_000_000
"""A link on which sent exceeds received, unchanged for this long, is stalled."""

Ends = Mapping[int, tuple[str, str]]
"""Source and destination of each link."""


class Silence:
    """Tell who has said nothing for too long."""

    def __init__(self, workers: int, cores: int) -> None:
        """Allow more time where many workers share a core."""
        share = workers / max(cores, 1)
        self.limit_ns = max(SILENCE_NS, int(SILENCE_PER_WORKER_NS * share))
        self._last_ns: int | None = None

    def listen(self, members: Iterable[Member], now_ns: int) -> None:
        """Note that this process runs; while it did not, nobody's silence counts."""
        if self._last_ns is not None and now_ns - self._last_ns > SILENCE_NS // 2:
            for member in members:
                member.heard_ns += now_ns - self._last_ns
        self._last_ns = now_ns

    def find(
        self, members: Iterable[Member], now_ns: int
    ) -> Iterator[tuple[Member, int]]:
        """Yield the members that are lost, and for how long they were silent."""
        for member in members:
            silent_ns = now_ns - member.heard_ns
            if silent_ns > self.limit_ns and member.report is None:
                yield member, silent_ns


class Counts(NamedTuple):
    """Spikes of one link, as its two ends count them; None if an end said nothing."""

    link: int
    sent: int | None
    received: int | None


class LinkWatch:
    """Compare what both ends of every link count while the cluster runs."""

    def __init__(self, links: Ends) -> None:
        """Take every link's source and destination."""
        self._links = links
        self._sent: dict[int, int] = {}
        self._received: dict[int, int] = {}
        self._blocked: dict[str, bool] = {}
        self._waiting: dict[int, tuple[int, int, int]] = {}

    def beat(self, node: str, body: Mapping[str, Any]) -> None:
        """Take the counts of a node's BEAT."""
        self._blocked[node] = body["blocked"]
        self._sent.update(_pairs(body["sent"]))
        self._received.update(_pairs(body["received"]))

    def stalled(self, now_ns: int) -> Counts | None:
        """Return the first link on which spikes wait and none has arrived."""
        for link, (_, to) in self._links.items():
            sent, got = self._sent.get(link, 0), self._received.get(link, 0)
            old = self._waiting.get(link)
            paused = to != CLIENT and self._blocked.get(to, False)
            if sent <= got or paused:
                self._waiting.pop(link, None)
            elif old is None or old[:2] != (sent, got):
                self._waiting[link] = (sent, got, now_ns)
            elif now_ns - old[2] > STALL_NS:
                return Counts(link, sent, got)
        return None


def unequal(links: Ends, reports: Iterable[Mapping[str, Any]]) -> Counts | None:
    """Return the first link whose ends report different spikes at the end."""
    tables = list(reports)
    sent = {row[0]: row[1] for table in tables for row in table["outbound"]}
    got = {row[0]: row[1] for table in tables for row in table["inbound"]}
    for link in links:
        if sent.get(link) != got.get(link):
            return Counts(link, sent.get(link), got.get(link))
    return None


def _pairs(data: bytes) -> dict[int, int]:
    """Read a ``bin`` of little-endian uint64 pairs: link, spikes."""
    count = len(data) // 16
    values = struct.unpack(f"<{2 * count}Q", data[: 16 * count])
    return dict(zip(values[::2], values[1::2], strict=True))
