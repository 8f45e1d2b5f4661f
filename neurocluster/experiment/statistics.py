"""Estimate medians and ratios with bootstrap intervals; nothing but arithmetic.

Intervals are percentile intervals of resampled medians (Efron and Tibshirani, An
Introduction to the Bootstrap, 1993, section 13.3). Of n values without a tie the
resampled median reaches the least and the greatest when n is five or fewer, and the
true median lies between those with probability 1 - 2 / 2^n: 94 % for five. More is not
to be had of five runs without assuming a distribution, so who needs 95 % runs six.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from neurocluster.dtypes import F64, I64

RESAMPLES: Final = 10_000
FRAME_RESAMPLES: Final = 2_000
"""Enough where a sample has thousands of frames, each resample of which takes long."""
LEVEL: Final = 95
"""Percent of the resampled values that an interval holds."""
TAILS: Final = ((100 - LEVEL) / 2, (100 + LEVEL) / 2)
AT_ONCE: Final = 1 << 20
"""Most resampled values in memory at a time."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a sample says of a quantity.

    Attributes:
        n: Values in the sample.
        low: Lower end of the median's interval.
        high: Upper end.
    """

    n: int
    median: float
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with the ends of its interval."""

    value: float
    low: float
    high: float


def estimate(values: Sequence[float], seed: int = 0) -> Estimate | None:
    """Return the median of a sample with its interval; None without values.

    The order of the values does not matter, and the same seed gives the same ends.
    """
    if not len(values):
        return None
    sample = np.sort(np.asarray(values, np.float64))
    low, high = _ends(_resampled(sample, RESAMPLES, seed))
    return Estimate(
        len(sample), float(np.median(sample)), float(sample.mean()), low, high
    )


def _resampled(sample: F64, count: int, seed: int) -> F64:
    """Return (count,) medians of samples drawn from a sample with replacement."""
    drawn = np.random.default_rng(seed).integers(len(sample), size=(count, len(sample)))
    medians: F64 = np.median(sample[drawn], axis=1)
    return medians


def _ends(resampled: F64) -> tuple[float, float]:
    low, high = np.percentile(resampled, TAILS)
    return float(low), float(high)


def ratios(
    first: Sequence[float | None], second: Sequence[float | None]
) -> list[float]:
    """Return first / second of each pair; pairs without both, or with 0, are left out.

    Raises:
        ValueError: There are not as many of the one as of the other.
    """
    pairs = zip(first, second, strict=True)
    return [a / b for a, b in pairs if a is not None and b is not None and b != 0]


def ratio_of_medians(
    first: Sequence[float], second: Sequence[float], seed: int = 0
) -> Interval | None:
    """Return the ratio of two medians, of samples that have no pairs.

    None without values on a side, or where the second median may be 0.
    """
    if not len(first) or not len(second):
        return None
    a, b = (np.sort(np.asarray(s, np.float64)) for s in (first, second))
    below = _resampled(b, RESAMPLES, seed + 1)
    if np.any(below == 0):
        return None
    low, high = _ends(_resampled(a, RESAMPLES, seed) / below)
    return Interval(float(np.median(a) / np.median(b)), low, high)


def median_difference(
    first: F64, second: F64, *, block: int = 1, seed: int = 0
) -> Interval:
    """Return the median of first - second, frame by frame.

    Args:
        first: (n,) float64, one value a frame.
        second: (n,) float64, the same frames in the same order.
        block: Frames that are drawn together: neighbours in flight wait for each other,
            and frames drawn one by one would look more certain than they are.
        seed: Of the draws.
    """
    differences = first - second
    return _of_frames(len(differences), lambda at: np.median(differences[at], axis=-1),
                      block, seed)  # fmt: skip


def median_ratio(
    first: F64, second: F64, *, block: int = 1, seed: int = 0
) -> Interval | None:
    """Return the ratio of two medians of the same frames; None if it may divide by 0.

    Args:
        first: (n,) float64, one value a frame.
        second: (n,) float64, the same frames in the same order.
        block: See `median_difference`.
        seed: Of the draws.
    """
    return _ratio(first, second, lambda v: np.median(v, axis=-1), block, seed)


def total_ratio(
    first: F64, second: F64, *, block: int = 1, seed: int = 0
) -> Interval | None:
    """Return the ratio of two sums over the same frames; see `median_ratio`."""
    return _ratio(first, second, lambda v: v.sum(axis=-1), block, seed)


def _ratio(
    first: F64, second: F64, statistic: Callable[[F64], F64], block: int, seed: int
) -> Interval | None:
    with np.errstate(divide="ignore", invalid="ignore"):
        found = _of_frames(
            len(first), lambda at: statistic(first[at]) / statistic(second[at]),
            block, seed,
        )  # fmt: skip
    known = all(map(math.isfinite, (found.value, found.low, found.high)))
    return found if known else None


def _of_frames(
    n: int, statistic: Callable[[I64], F64], block: int, seed: int
) -> Interval:
    """Resample frames in blocks that wrap around the end.

    Args:
        n: Frames; at least one.
        statistic: Given (k, n) int64 indices of frames, returns (k,) values.
        block: Frames that are drawn together.
        seed: Of the draws.
    """
    block = max(1, min(block, n))
    blocks = -(-n // block)
    rng, within = np.random.default_rng(seed), np.arange(block)
    found: list[F64] = []
    left = FRAME_RESAMPLES
    while left:
        count = min(left, max(1, AT_ONCE // n))
        starts = rng.integers(n, size=(count, blocks, 1))
        drawn = ((starts + within) % n).reshape(count, -1)[:, :n]
        found.append(statistic(drawn))
        left -= count
    low, high = _ends(np.concatenate(found))
    return Interval(float(statistic(np.arange(n)[None])[0]), low, high)
