"""Wake a loop at a time, to some microseconds; asyncio's own timers are coarser.

asyncio rounds up to a millisecond and uvloop down to one, so `call_later` is for five
milliseconds or more. A timerfd is a descriptor that the loop watches like a socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
from collections.abc import Callable
from functools import cache
from typing import Any, Final

CLOCK_MONOTONIC: Final = 1
SECOND_NS: Final = 1_000_000_000


class _Spec(ctypes.Structure):
    """C's itimerspec: interval and value."""

    _fields_ = (("interval", ctypes.c_long * 2), ("value", ctypes.c_long * 2))


@cache
def _library() -> Any:
    return ctypes.CDLL(None, use_errno=True)


class Timer:
    """Call somebody once at a time; `close` ends it."""

    def __init__(self, clock: Callable[[], int], action: Callable[[], None]) -> None:
        """Make it; needs a running loop.

        Args:
            clock: Nanoseconds.
            action: Called when the time has come.

        Raises:
            OSError: There is no descriptor left.
        """
        self._clock, self._action = clock, action
        self._spec, self._due_ns = _Spec(), 0
        flags = os.O_NONBLOCK | os.O_CLOEXEC
        self._end = _library().timerfd_create(CLOCK_MONOTONIC, flags)
        if self._end < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._end, self._fired)

    def arm(self, due_ns: int) -> None:
        """Call at a time by the clock, in the place of any earlier wish."""
        if due_ns == self._due_ns:
            return
        self._due_ns = due_ns
        left = max(due_ns - self._clock(), 1)
        self._spec.value[0], self._spec.value[1] = divmod(left, SECOND_NS)
        _library().timerfd_settime(self._end, 0, ctypes.byref(self._spec), None)

    def _fired(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._end, 8)
        self._due_ns = 0
        self._action()

    def close(self) -> None:
        """Call nobody; may be called twice."""
        if self._end >= 0:
            self._loop.remove_reader(self._end)
            os.close(self._end)
            self._end = -1
