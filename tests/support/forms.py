"""Compile forms of one function: a form of number k returns k.

python -m tests.support.forms compile K BARRIER COUNT   when COUNT are ready
python -m tests.support.forms check COUNT               print the wrong ones
"""

import ctypes
import sys
import time
from pathlib import Path

from neurocluster.kernels.jit import native

EACH = 20


def form(k):
    """Return form k; as a kernel of the package, it closes over integers."""

    @native("int64(int64)")
    def add(value: int) -> int:
        return value + k

    return add


def call(k):
    """Return what form k, called with 1000, adds to it."""
    return (
        ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(form(k).address)(1000) - 1000
    )


def compile_together(k, barrier, count):
    """Compile forms while others compile theirs."""
    (barrier / str(k)).touch()
    while len(list(barrier.iterdir())) < count:
        time.sleep(0.001)
    for number in range(k, EACH * count, count):
        form(number)


if __name__ == "__main__":
    if sys.argv[1] == "compile":
        compile_together(int(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
    else:
        print([k for k in range(EACH * int(sys.argv[2])) if call(k) != k])
