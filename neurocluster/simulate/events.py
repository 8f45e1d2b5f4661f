"""Keep the events of a simulation in order of time; compiled.

Events of the same time come in the order in which they were made, so the same seed
gives the same run.
"""

from __future__ import annotations

import numpy as np
from numba import carray

from neurocluster.dtypes import Records
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import pointer

U = np.uint64
KINDS = 8


@jit
def push(loop: Records, time: int, kind: int, index: int) -> None:
    """Let something happen at a time; there is room for one event more, always."""
    heap = carray(pointer(loop.heap_at), (loop.heap_size, 3), np.int64)
    k, number = loop.heap_count, loop.number
    loop.heap_count += 1
    loop.number += 1
    while k > 0:
        above = (k - 1) >> 1
        if heap[U(above), 0] <= time:  # it has the smaller number
            break
        for j in range(3):
            heap[U(k), j] = heap[U(above), j]
        k = above
    heap[U(k), 0], heap[U(k), 1], heap[U(k), 2] = time, number, index * KINDS + kind


@jit
def pop(loop: Records) -> int:
    """Remove the next event, set the time to its own; return ``KINDS index + kind``."""
    heap = carray(pointer(loop.heap_at), (loop.heap_size, 3), np.int64)
    loop.now, found = heap[0, 0], heap[0, 2]
    loop.heap_count -= 1
    count = loop.heap_count
    time, number, what = heap[U(count), 0], heap[U(count), 1], heap[U(count), 2]
    k = 0
    while 2 * k + 1 < count:
        low = 2 * k + 1
        if low + 1 < count and before(heap, low + 1, low):
            low += 1
        if time < heap[U(low), 0] or (
            time == heap[U(low), 0] and number < heap[U(low), 1]
        ):
            break
        for j in range(3):
            heap[U(k), j] = heap[U(low), j]
        k = low
    heap[U(k), 0], heap[U(k), 1], heap[U(k), 2] = time, number, what
    return found


@jit
def before(heap, a: int, b: int) -> bool:  # type: ignore[no-untyped-def]
    """Tell whether one entry of a heap comes before another."""
    return heap[U(a), 0] < heap[U(b), 0] or (
        heap[U(a), 0] == heap[U(b), 0] and heap[U(a), 1] < heap[U(b), 1]
    )
