"""Draw from tables of factors; compiled, one seed a process."""

from __future__ import annotations

import numpy as np
from numba import carray

from neurocluster.dtypes import Records
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import pointer
from neurocluster.simulate.records import FACTORS

U = np.uint64


@jit
def uniform(process: Records) -> float:
    """Return the next number in [0, 1) of a process's own series (xorshift64)."""
    x = U(process.random)
    x ^= x << U(13)
    x ^= x >> U(7)
    x ^= x << U(17)
    process.random = np.int64(x)
    return np.float64(x >> U(11)) / 9007199254740992.0


@jit
def draw(process: Records, factors_at: int) -> float:
    """Return a factor of a table, or 1 where there is none.

    Args:
        process: PROCESS, whose series goes on.
        factors_at: Address of (FACTORS + 1,) float64, quantiles; 0 for none.
    """
    if factors_at == U(0):
        return 1.0
    place = uniform(process) * FACTORS
    k = np.int64(place)
    table = carray(pointer(factors_at), FACTORS + 1, np.float64)
    return table[U(k)] + (place - k) * (table[U(k + 1)] - table[U(k)])
