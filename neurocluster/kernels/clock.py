"""Give compiled code a clock by address, so that a test can bring its own."""

from __future__ import annotations

from functools import cache

from neurocluster.kernels.jit import native
from neurocluster.kernels.memory import read_int64, read_monotonic


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
def virtual_clock() -> int:
    """Return the address of a function that reads a test's own time.

    It takes the address of an int64 that the test advances.
    """

    @native("int64(uint64)")
    def read(now_ns: int) -> int:
        return read_int64(now_ns, 0)

    return read.address
