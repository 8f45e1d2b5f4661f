"""Say how far a prediction is off, and whether that is near enough."""

from __future__ import annotations

import math
from typing import Final

WITHIN: Final = 0.15
"""How far a prediction may be off: of the measured, of shares in points."""
SHARES: Final = ("waiting",)
"""Quantities that are shares of time, from 0 to 1."""


def error_of(name: str, said: float, found: float) -> float:
    """Return how far a prediction is off, of the measured; of shares, the difference.

    A worker that hardly waits would have any relative error of its waiting.
    """
    if name in SHARES:
        return said - found
    if not found:
        return 0.0 if not said else math.copysign(math.inf, said)
    return said / found - 1


def is_near(error: float) -> bool:
    """Tell whether a prediction that is so far off agrees; NaN does not."""
    return abs(error) <= WITHIN
