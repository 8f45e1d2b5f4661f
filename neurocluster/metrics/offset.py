"""Bound how far another clock is ahead of ours, from probes that it answers; pure.

A probe leaves at ``sent``, by our clock, arrives there at ``heard``, is answered at
``answered``, both by the other clock, and is back here at ``back``. Neither way takes
less than no time, whatever the asymmetry, so the offset lies in

    [answered - back, heard - sent].

Clocks drift apart by at most some parts per million, so each probe bounds later
offsets, too, ever less well; the bound is what the last minute's probes have in common.
No line is fitted: that would narrow nothing that can be defended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

DRIFT_PPM: Final = 200
"""Most that two clocks drift apart; kernels slew them by up to 500."""
KEPT_NS: Final = 60_000_000_000
GOOD, TIGHT = 1.2, 1.35
"""Halves of the shortest round trip that a bound is after good probes, and that it may
grow to before it needs others."""
MILLION: Final = 1_000_000


class Probe(NamedTuple):
    """The four stamps of one probe, ns."""

    sent: int
    heard: int
    answered: int
    back: int

    @property
    def round_trip(self) -> int:
        """Return the time that it was on its way, ns."""
        return self.back - self.sent - (self.answered - self.heard)


class Bound(NamedTuple):
    """An offset, other clock minus ours: it lies in [low, high], ns."""

    low: int
    high: int

    @property
    def middle(self) -> int:
        """Return the point that is told."""
        return (self.low + self.high) // 2

    @property
    def error(self) -> int:
        """Return how far the truth may be from it, ns, rounded up."""
        return (self.high - self.low + 1) // 2


class Extreme:
    """Hold the largest value, or by another order, of the last minute."""

    def __init__(self, better: Callable[[int, int], bool]) -> None:
        """Take the order: whether a value beats another."""
        self._better = better
        self._kept: deque[tuple[int, int]] = deque()

    def add(self, value: int, now_ns: int) -> None:
        """Take a value; those that it beats will never count again."""
        while self._kept and not self._better(self._kept[-1][0], value):
            self._kept.pop()
        self._kept.append((value, now_ns))
        while now_ns - self._kept[0][1] > KEPT_NS:
            self._kept.popleft()

    @property
    def value(self) -> int:
        """Return the extreme of what was added; there must be something."""
        return self._kept[0][0]

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()


class Offset:
    """Bound the offset of one other clock.

    Attributes:
        probes: How many were answered.
        jumps: How often a probe contradicted those before: a clock was set, or drifts
            by more than it may. Until then nothing that was told is to be believed.
        best: The shortest round trip, ns; 0 before the first probe.
    """

    def __init__(self, drift_ppm: int = DRIFT_PPM) -> None:
        """Take the most that the clocks drift apart, parts per million."""
        self._ppm = drift_ppm
        self._low = Extreme(lambda a, b: a > b)
        self._high = Extreme(lambda a, b: a < b)
        self.probes = self.jumps = self.best = 0

    def add(self, probe: Probe) -> None:
        """Take a probe that was answered; they come in the order of ``back``.

        One whose stamps contradict each other is no answer, and is dropped.
        """
        if probe.round_trip < 0 or probe.answered < probe.heard:
            return
        self._take(probe)
        self.probes += 1
        self.best = min(self.best or probe.round_trip, probe.round_trip)
        bound = self.at(probe.back)
        if bound is not None and bound.low > bound.high:
            self.jumps += 1
            self._low.clear()
            self._high.clear()
            self._take(probe)

    def _take(self, probe: Probe) -> None:
        # Low bounds hold from `back` on, high ones from `sent` on; what a bound loses
        # by drift is added back, so that bounds of different times can be compared.
        self._low.add(probe.answered - probe.back + self._slack(probe.back), probe.back)
        self._high.add(probe.heard - probe.sent - self._slack(probe.sent), probe.back)

    def at(self, now_ns: int) -> Bound | None:
        """Return the bound at a time of our clock, not before the last probe's."""
        if not self.probes:
            return None
        slack = self._slack(now_ns)
        return Bound(self._low.value - slack, self._high.value + slack)

    def is_good(self, now_ns: int) -> bool:
        """Tell whether the bound is about as narrow as it can be.

        Half the shortest round trip is the least; drift adds to that.
        """
        return self._spare_ns(now_ns, GOOD) >= 0

    def tight_ns(self, now_ns: int) -> int:
        """Return how long the bound stays nearly as narrow; 0 if it is not."""
        return max(self._spare_ns(now_ns, TIGHT), 0) * MILLION // max(self._ppm, 1)

    def _spare_ns(self, now_ns: int, halves: float) -> int:
        """Return by how much the bound is narrower than some halves of a trip."""
        bound = self.at(now_ns)
        return int(halves * self.best / 2) - bound.error if bound is not None else -1

    def _slack(self, time_ns: int) -> int:
        """Return how far clocks may have drifted apart in a time, ns, rounded up."""
        return -(-time_ns * self._ppm // MILLION)
