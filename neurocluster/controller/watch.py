"""Find what stands still: members that fall silent, links on which nothing arrives.

Both take the time with each question and keep no clock.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from neurocluster.controller.roster import Member
from neurocluster.dtypes import CLIENT
from neurocluster.wire.shapes import NOT_MINE, RECEIVED_ROW, SENT_ROW

SILENCE_NS: Final = 1_000_000_000
"""A node without a BEAT for this long (or 45 ms a worker and core) is lost."""
SILENCE_PER_WORKER_NS: Final = 45_000_000
STALL_NS: Final = 2_000_000_000
"""A link on which sent exceeds received, unchanged for this long, is stalled."""
NEARLY_NS: Final = 500_000_000
"""What stalls for the same cause does so within this: beats, packets on their way."""
TOGETHER_NS: Final = 200_000_000
"""Members of a lost host were heard last within this: two beats."""

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

    def listen(self, members: Iterable[Member], now_ns: int) -> int:
        """Note that this process runs; while it did not, nobody's silence counts.

        Returns:
            How long it did not run, ns; 0 if that is no pause.
        """
        paused_ns = 0
        if self._last_ns is not None and now_ns - self._last_ns > SILENCE_NS // 2:
            paused_ns = now_ns - self._last_ns
        for member in members if paused_ns else ():
            member.heard_ns += paused_ns
        self._last_ns = now_ns
        return paused_ns

    def find(
        self, members: Iterable[Member], now_ns: int
    ) -> Iterator[tuple[Member, int]]:
        """Yield the members that are lost, and for how long they were silent.

        The longest silence comes first. With one go those that are about to be lost,
        too: a host's members do not fall silent at the same moment, and the next epoch
        must not begin with some.
        """
        silent = [
            (member, silent_ns)
            for member in members
            if member.report is None
            and (silent_ns := now_ns - member.heard_ns) > self.limit_ns - TOGETHER_NS
        ]
        if any(silent_ns > self.limit_ns for _, silent_ns in silent):
            yield from sorted(silent, key=lambda found: -found[1])


class Counts(NamedTuple):
    """Spikes of one link, as its two ends count them."""

    link: int
    sent: int
    received: int


class Progress(NamedTuple):
    """How far one end of a link is; what only closes frames carries no spike."""

    spikes: int
    frames: int


class LinkWatch:
    """Compare what both ends of every link count while the cluster runs."""

    def __init__(self, links: Ends) -> None:
        """Take every link's source and destination."""
        self._links = links
        self._sent: dict[int, Progress] = {}
        self._received: dict[int, Progress] = {}
        self._blocked: dict[str, bool] = {}
        self._asleep: dict[str, bool] = {}
        self._waiting: dict[int, tuple[Progress, Progress, int]] = {}

    def pause(self, paused_ns: int) -> None:
        """Note that this process did not run, so it could hear of no arrival."""
        for link, (sent, got, since_ns) in self._waiting.items() if paused_ns else ():
            self._waiting[link] = sent, got, since_ns + paused_ns

    def beat(self, node: str, body: Mapping[str, Any]) -> None:
        """Take the counts of a node's BEAT."""
        self._blocked[node], self._asleep[node] = body["blocked"], body["asleep"]
        # The client closes a frame on its links as it starts it, a worker at its end.
        closed = body["frame"] + (body["open_frames"] if node == CLIENT else 0)
        for link, spikes, _ in _rows(body["sent"], len(SENT_ROW)):
            self._sent[link] = Progress(spikes, closed)
        for link, spikes, frames in _rows(body["received"], len(RECEIVED_ROW)):
            self._received[link] = Progress(spikes, frames)

    def stalled(self, now_ns: int) -> Counts | None:
        """Return the first link on which something waits and nothing has arrived."""
        asleep = self._asleep
        for link, (source, to) in self._links.items():
            sent = self._sent.get(link, Progress(0, 0))
            got = self._received.get(link, Progress(0, 0))
            old = self._waiting.get(link)
            paused = to != CLIENT and self._blocked.get(to, False)
            # Who was made slow reads nothing, and sends when it wakes up.
            paused = paused or asleep.get(source, False) or asleep.get(to, False)
            behind = sent.spikes > got.spikes or sent.frames > got.frames
            if not behind or paused:
                self._waiting.pop(link, None)
            elif old is None or old[:2] != (sent, got):
                self._waiting[link] = (sent, got, now_ns)
            elif now_ns - old[2] > STALL_NS:
                return Counts(link, sent.spikes, got.spikes)
        return None

    def suspects(self, now_ns: int) -> list[int]:
        """Return the links on which something has waited as long, or nearly."""
        return [
            link
            for link, (_, _, since_ns) in self._waiting.items()
            if now_ns - since_ns > STALL_NS - NEARLY_NS
        ]


def unequal(links: Ends, reports: Iterable[Mapping[str, Any]]) -> Counts | None:
    """Return the first link whose ends count different spikes in the last epoch.

    Ends that were left in different epochs, or that are gone, cannot be compared.
    """
    sent: dict[int, tuple[int, int]] = {}
    got: dict[int, tuple[int, int]] = {}
    for table in reports:
        epoch = table["worker"].get("epoch", 0)
        for ends, found in ((table["outbound"], sent), (table["inbound"], got)):
            mine = (row for row in ends if row[-1] != NOT_MINE)
            found.update({row[0]: (epoch, row[-1]) for row in mine})
    for link in links:
        source, to = sent.get(link), got.get(link)
        if source is None or to is None or source[0] != to[0]:
            continue
        if source[1] != to[1]:
            return Counts(link, source[1], to[1])
    return None


def _rows(data: bytes, columns: int) -> Iterator[tuple[int, ...]]:
    """Read rows of little-endian uint64."""
    return struct.iter_unpack(f"<{columns}Q", data)
