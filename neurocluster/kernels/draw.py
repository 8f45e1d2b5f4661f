"""Draw random numbers in compiled code, from a state of 8 bytes that a seed sets.

SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): small, fast, good enough to disturb a
network with; not for secrets.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numba import carray

from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import pointer

U = np.uint64
NORMAL, EXPONENTIAL, HEAVY = 1, 2, 3
SHAPES: Final = {"normal": NORMAL, "exponential": EXPONENTIAL, "heavy": HEAVY}
"""By name, what `draw` takes."""
TAIL = 2.5
"""Exponent of the heavy tail: it has a mean and a variance, and nothing beyond."""


@jit
def uniform(state_at: int) -> float:
    """Return a float64 in [0, 1).

    Args:
        state_at: Address of a uint64.
    """
    state = carray(pointer(U(state_at)), 1, np.uint64)
    state[0] += U(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> U(30))) * U(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> U(27))) * U(0x94D049BB133111EB)
    z ^= z >> U(31)
    return float(z >> U(11)) * 2.0**-53


@jit
def normal(state_at: int) -> float:
    """Return a standard normal float64 (Box and Muller 1958)."""
    u, v = uniform(state_at), uniform(state_at)
    return math.sqrt(-2.0 * math.log(1.0 - u)) * math.cos(2.0 * math.pi * v)


@jit
def draw(state_at: int, shape: int, size: float) -> float:
    """Return a number that is not negative.

    Args:
        state_at: See `uniform`.
        shape: NORMAL: the magnitude of a normal one. EXPONENTIAL. HEAVY: Lomax (Pareto
            II), of exponent TAIL.
        size: Standard deviation of the normal one, mean of the others.
    """
    if shape == NORMAL:
        return abs(normal(state_at)) * size
    u = 1.0 - uniform(state_at)
    if shape == EXPONENTIAL:
        return -math.log(u) * size
    return (TAIL - 1.0) * size * (u ** (-1.0 / TAIL) - 1.0)


@jit
def chance(state_at: int, of_32_bits: int) -> bool:
    """Return True with a probability, given in units of 2^-32."""
    return uniform(state_at) * 4294967296.0 < of_32_bits
