"""Make clocks that are wrong by a known amount; turn their stamps into the truth.

A worker's clock has an offset, from a Linux time namespace or injected, and a drift,
always injected: the kernel has no namespace for rates. Both are known exactly, so each
stamp can be told by the one real clock, to the nanosecond.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from time import monotonic_ns
from typing import Final

import numpy as np

from neurocluster.dtypes import I64
from neurocluster.kernels.clock import Clock
from neurocluster.kernels.jit import native
from neurocluster.kernels.memory import read_int64, read_monotonic
from neurocluster.member.clocks import own_clock

SECOND_NS: Final = 1_000_000_000
MILLION: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Wrong:
    """How a clock is wrong.

    Attributes:
        seconds: How far it is ahead.
        ppm: By how much it is fast, parts per million; negative: slow.
        begin_ns: When the drift began, by the real clock.
    """

    seconds: int = 0
    ppm: int = 0
    begin_ns: int = 0

    @property
    def is_real(self) -> bool:
        """Tell whether it is not wrong at all."""
        return not self.seconds and not self.ppm

    def real(self, stamps: I64) -> I64:
        """Return what the real clock said at some stamps of this one, ns."""
        ran = stamps - self.seconds * SECOND_NS - self.begin_ns
        drift = ran * self.ppm // (MILLION + self.ppm)
        found: I64 = self.begin_ns + ran - drift
        return found

    def clock(self, *, namespace: bool) -> Clock:
        """Return the clock of this process.

        Args:
            namespace: The process is in a time namespace that has the offset.
        """
        own = own_clock()
        begin_ns = self.begin_ns + (self.seconds * SECOND_NS if namespace else 0)
        ahead_ns = 0 if namespace else self.seconds * SECOND_NS
        if not self.ppm and not ahead_ns:
            return own
        ppm = self.ppm

        def read() -> int:
            now = monotonic_ns()
            return now + ahead_ns + (now - begin_ns) * ppm // MILLION

        memory = np.array([0, 0, ahead_ns, begin_ns, ppm], np.int64)
        name = f"{own.name}/{self.seconds}/{ppm}"
        return Clock(name, read, (wrong_clock(), memory))


@cache
def wrong_clock() -> int:
    """Return the address of a function that reads a wrong clock.

    It takes the address of int64 (5,): two of scratch, the offset, when the drift
    began by CLOCK_MONOTONIC of this process, and its parts per million.
    """

    @native("int64(uint64)")
    def read(memory: int) -> int:
        now = read_monotonic(memory)
        drift = (now - read_int64(memory, 3)) * read_int64(memory, 4) // 1_000_000
        told: int = now + read_int64(memory, 2) + drift
        return told

    return read.address
