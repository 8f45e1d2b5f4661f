"""Name clocks, and give them to compiled code by address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from neurocluster.dtypes import I64
from neurocluster.kernels.jit import native
from neurocluster.kernels.memory import read_int64, read_monotonic, read_thread_cpu


@dataclass(frozen=True, slots=True)
class Clock:
    """A clock, for Python and for compiled code.

    Attributes:
        name: Two processes give the same one only if they read the same clock.
        read: Returns nanoseconds.
        native: Address of a function that does so, and its memory; None if it is
            CLOCK_MONOTONIC.
    """

    name: str
    read: Callable[[], int]
    native: tuple[int, I64] | None = None


@cache
def monotonic_clock() -> int:
    """Return the address of a function that reads CLOCK_MONOTONIC.

    It takes the address of 16 bytes of scratch memory.
    """

    @native("int64(uint64)")
    def read(scratch: int) -> int:
        return read_monotonic(scratch)

    return read.address


@cache
def processor_clock() -> int:
    """Return the address of a function that reads the thread's processor time.

    It takes the address of 16 bytes of scratch memory.
    """

    @native("int64(uint64)")
    def read(scratch: int) -> int:
        return read_thread_cpu(scratch)

    return read.address


@cache
def virtual_clock() -> int:
    """Return the address of a function that reads a test's own time.

    It takes the address of an int64 that the test advances.
    """

    @native("int64(uint64)")
    def read(now_ns: int) -> int:
        return read_int64(now_ns, 0)

    return read.address
