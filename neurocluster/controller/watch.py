"""Find what stands still: members that fall silent, links on which nothing arrives.

Both take the time with each question and keep no clock.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from neurocluster.controller.roster import Member
from neurocluster.dtypes import CLIENT
from neurocluster.wire.shapes import RECEIVED_ROW, SENT_ROW

SILENCE_NS: Final = 1_000_000_000
"""A node without a BEAT for this long (or 45 ms a worker and core) is lost."""
SILENCE_PER_WORKER_NS: Final = 45_000_000
STALL_NS: Final = 2_000_000_000
"""A link on which sent exceeds received, unchanged for this long, is stalled."""

Ends = Mapping[int, tuple[str, str]]
"""Source and destination of each link."""


def silence_ns(workers: int, cores: int) -> int:
    """Return how long a member may be silent; longer where many share a core."""
    return max(SILENCE_NS, int(SILENCE_PER_WORKER_NS * workers / max(cores, 1)))


class Silence:
    """Tell who has said nothing for too long."""

    def __init__(self, workers: int, cores: int) -> None:
        """Take the number of workers and cores."""
        self.limit_ns = silence_ns(workers, cores)
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
    """Spikes of one link, as its two ends count them."""

    link: int
    sent: int
    received: int


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
        self._sent.update(_spikes(body["sent"], len(SENT_ROW)))
        self._received.update(_spikes(body["received"], len(RECEIVED_ROW)))

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
    """Return the first link whose ends count different spikes in the last epoch.

    Ends that were left in different epochs, or that are gone, cannot be compared.
    """
    sent: dict[int, tuple[int, int]] = {}
    got: dict[int, tuple[int, int]] = {}
    for table in reports:
        epoch = table["worker"].get("epoch", 0)
        sent |= {row[0]: (epoch, row[-1]) for row in table["outbound"]}
        got |= {row[0]: (epoch, row[-1]) for row in table["inbound"]}
    for link in links:
        source, to = sent.get(link), got.get(link)
        if source is None or to is None or source[0] != to[0]:
            continue
        if source[1] != to[1]:
            return Counts(link, source[1], to[1])
    return None


def _spikes(data: bytes, columns: int) -> dict[int, int]:
    """Read link and spikes of rows of little-endian uint64."""
    count = len(data) // 8
    values = struct.unpack(f"<{count}Q", data[: 8 * count])
    return dict(zip(values[::columns], values[1::columns], strict=True))
