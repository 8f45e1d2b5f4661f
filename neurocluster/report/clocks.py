"""Tell the times of all processes by one clock, that of the client.

Each packet says how far its source's clock was ahead of its receiver's, and how far
that may be off. Clocks that no packet joins directly are joined by a path of links, of
which the one is taken whose errors add up to least. Between packets the offset is
interpolated, so clocks may drift.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from neurocluster.dtypes import F64, I64
from neurocluster.metrics.offset import DRIFT_PPM

APART_NS: Final = 20_000_000
"""Between two offsets that are used: where two estimates follow each other closely, the
way between them would be so steep that times would run backwards."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What packets of one link tell of two clocks, in the order they came.

    Attributes:
        source: Whose clock was ahead.
        destination: Whose clock it was compared with.
        sent: (n,) int64 stamps by the source's clock, ns.
        received: (n,) int64 stamps by the destination's.
        offset: (n,) int64, the source's clock minus the destination's.
        error: (n,) int64, how far that may be off.
    """

    source: str
    destination: str
    sent: I64
    received: I64
    offset: I64
    error: I64


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """Turn times of one clock into those of another.

    Attributes:
        to: Whose clock the other is.
        at: (n,) float64 times of the first clock, ascending.
        add: (n,) float64, what is added there.
    """

    to: str
    at: F64
    add: F64


class Clocks:
    """Know the way from each process's clock to that of one of them.

    Attributes:
        errors: By process: how far its times may be off, ns; none if nothing joins it.
    """

    def __init__(self, links: Sequence[Seen], root: str) -> None:
        """Find the ways.

        Args:
            links: All that is known.
            root: Whose clock times are told by.
        """
        around: dict[str, list[tuple[str, int, Step]]] = {}
        for seen in links:
            if len(seen.sent):
                worst = int(seen.error.max())
                if seen.offset.min() != seen.offset.max():
                    worst += APART_NS * DRIFT_PPM // 1_000_000
                there, back = _steps(seen)
                around.setdefault(seen.destination, []).append(
                    (seen.source, worst, there)
                )
                around.setdefault(seen.source, []).append(
                    (seen.destination, worst, back)
                )
        self.errors: dict[str, int] = {}
        self._steps: dict[str, Step | None] = {}
        waiting: list[tuple[int, int, str, Step | None]] = [(0, 0, root, None)]
        count = 0
        while waiting:
            error, _, name, step = heapq.heappop(waiting)
            if name in self.errors:
                continue
            self.errors[name], self._steps[name] = error, step
            for other, more, way in around.get(name, ()):
                count += 1
                heapq.heappush(waiting, (error + more, count, other, way))

    def told(self, name: str, times: I64) -> I64:
        """Return times of a process's clock by the root's clock.

        Raises:
            KeyError: Nothing joins that clock.
        """
        step = self._steps[name]
        while step is not None:
            added = np.interp(times.astype(np.float64), step.at, step.add)
            times = times + np.rint(added).astype(np.int64)
            step = self._steps[step.to]
        return times


def _steps(seen: Seen) -> tuple[Step, Step]:
    """Return the steps from the source's clock to the destination's, and back."""
    kept = [0]
    for k, at in enumerate(seen.received.tolist()):
        if (
            at - seen.received[kept[-1]] >= APART_NS
            and seen.sent[k] > seen.sent[kept[-1]]
        ):
            kept.append(k)
    offset = seen.offset[kept].astype(np.float64)
    sent, received = (a[kept].astype(np.float64) for a in (seen.sent, seen.received))
    return Step(seen.destination, sent, -offset), Step(seen.source, received, offset)


def seen_of(
    packets: Mapping[str, I64], links: Mapping[int, tuple[str, str]],
    columns: Sequence[str],
) -> list[Seen]:  # fmt: skip
    """Return what traced packets tell of clocks.

    Args:
        packets: By receiver, (n, columns) int64.
        links: By number: source and destination.
        columns: Names of the columns; see `wire.shapes.PACKET_ROW`.
    """
    at = {name: k for k, name in enumerate(columns)}
    found = []
    for rows in packets.values():
        known = rows[rows[:, at["known"]] != 0]
        for link in np.unique(known[:, at["link"]]).tolist():
            mine = known[known[:, at["link"]] == link]
            values = [mine[:, at[n]] for n in ("sent", "received", "offset", "error")]
            found.append(Seen(*links[link], *values))
    return found
