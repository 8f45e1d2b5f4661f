"""Tell when a datagram arrived by the kernel's stamp, not when its reader awoke.

A process that sleeps is told of a datagram some ten to a hundred microseconds late, and
a busy one later still. The kernel stamps datagrams as they arrive, by CLOCK_REALTIME.
That clock and CLOCK_MONOTONIC run at one rate, so the datagram's age is good by any
clock of ours, unless CLOCK_REALTIME was set meanwhile. That shows in the difference of
the two, which else is constant; then the stamp is not used.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from time import monotonic_ns, time_ns
from typing import Any, Final

_SO_TIMESTAMPNS: Final = 35
"""Of Linux on all but three old processors; not in the `socket` module."""
_STAMP: Final = struct.Struct("@qq")
ROOM: Final = socket.CMSG_SPACE(_STAMP.size)
"""Bytes of ancillary data to ask `recvmsg` for."""
READINGS: Final = 2
"""Of both clocks; the first one after a sleep takes longer."""
DOUBT_NS: Final = 10_000
"""Most that a reading of both clocks may take to be of use."""
OLD_NS: Final = 1_000_000_000
SECOND_NS: Final = 1_000_000_000


class Arrivals:
    """Have a socket's datagrams stamped by the kernel, where it can."""

    def __init__(self, end: socket.socket) -> None:
        """Take the socket, which must not have been read yet."""
        self._difference = (0, 0)
        try:
            end.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        except OSError:
            return  # no stamps, so every age is 0

    def age_ns(self, told: Iterable[tuple[int, int, Any]]) -> int:
        """Return how long ago a datagram arrived, ns: at most that, 0 if unknown.

        Read the clock that it is taken from afterwards: what passes in between makes
        the arrival later, so a bound wider, never wrong.

        Args:
            told: Its ancillary data, of `socket.recvmsg`.
        """
        for level, kind, data in told:
            if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
                seconds, ns = _STAMP.unpack(data[: _STAMP.size])
                return self._checked(seconds * SECOND_NS + ns)
        return 0

    def _checked(self, stamp: int) -> int:
        readings = (_reading() for _ in range(READINGS))
        now, low, high = min(readings, key=lambda reading: reading[2] - reading[1])
        known_low, known_high = self._difference
        was_set = low > known_high or high < known_low
        if was_set:
            self._difference = (low, high)
        else:
            self._difference = (max(low, known_low), min(high, known_high))
        doubt = high - low  # a clock that was set by less was not noticed
        age = now - stamp - doubt
        if was_set or doubt > DOUBT_NS or age > OLD_NS:
            return 0
        return max(age, 0)


def _reading() -> tuple[int, int, int]:
    """Return CLOCK_REALTIME, and the least and most that it is ahead of the other."""
    before = monotonic_ns()
    now = time_ns()
    return now, now - monotonic_ns(), now - before
