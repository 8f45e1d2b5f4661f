"""Decide whether a process that ended is started again; pure."""

from __future__ import annotations

from collections import deque
from typing import Final

MOST_RESTARTS: Final = 3
WITHIN_S: Final = 60.0
NEVER_AGAIN: Final = (0, 2, 76, 77)
"""Exit codes after which another would end the same way: done, usage, refused."""


class Restarts:
    """Allow each slot so many restarts within so many seconds."""

    def __init__(self, most: int = MOST_RESTARTS, within_s: float = WITHIN_S) -> None:
        """Start with none used."""
        self._most, self._within_s = most, within_s
        self._used: dict[str, deque[float]] = {}

    def allow(self, slot: str, code: int, now_s: float) -> bool:
        """Tell whether to start a slot again, and count it if so.

        Args:
            slot: Name of the place.
            code: Exit status, or minus the signal's number.
            now_s: Monotonic time.
        """
        if code in NEVER_AGAIN:
            return False
        used = self._used.setdefault(slot, deque())
        while used and now_s - used[0] > self._within_s:
            used.popleft()
        if len(used) >= self._most:
            return False
        used.append(now_s)
        return True
