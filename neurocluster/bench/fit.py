"""Fit costs to what was measured; pure.

Least squares of relative errors, no term below 0. What took `LONG` times the fitted
value, and `PAUSE_NS` more, met something else (an interrupt, a page that was new); it
is left out, and how much that was is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from neurocluster.dtypes import F64
from neurocluster.simulate.costs import Cost, factors_of

LONG: Final = 6.0
ROUNDS: Final = 5
PAUSE_NS: Final = 30_000.0
LEAST_NS: Final = 50.0


@dataclass(frozen=True, slots=True)
class Fitted:
    """A cost, and how well it fits.

    Attributes:
        cost: Terms and factors.
        samples: How many it was fitted to.
        r2: Share of the variance that the terms explain.
        error: Median of the relative errors' sizes.
        left_out: Share of the samples that took too long.
    """

    cost: Cost
    samples: int
    r2: float
    error: float
    left_out: float

    def told(self) -> dict[str, Any]:
        """Return what a file of costs says of it."""
        return {
            "samples": self.samples, "r2": round(self.r2, 4),
            "median_error": round(self.error, 4), "left_out": round(self.left_out, 5),
        }  # fmt: skip


def fit(terms: Sequence[str], counts: F64, times: F64) -> Fitted:
    """Fit a cost.

    Args:
        terms: Names of the columns.
        counts: (n, terms) float64, one column of ones for ``fixed``.
        times: (n,) float64, ns.
    """
    kept = np.ones(len(times), bool)
    predicted = np.full(len(times), max(float(np.median(times)), LEAST_NS))
    found = np.zeros(len(terms))
    for _ in range(ROUNDS):
        kept = times <= LONG * predicted + PAUSE_NS
        weights = 1 / predicted[kept]
        found = not_negative(counts[kept] * weights[:, None], times[kept] * weights)
        predicted = np.maximum(counts @ found, LEAST_NS)
    good, wanted = predicted[kept], times[kept]
    scale = float(wanted.sum() / good.sum())  # so that sums are met
    found, good = found * scale, good * scale
    ratios = wanted / good
    spread = float(((wanted - wanted.mean()) ** 2).sum())
    r2 = 1 - float(((wanted - good) ** 2).sum()) / spread if spread else 1.0
    cost = Cost(
        {t: float(v) for t, v in zip(terms, found, strict=True) if v > 0},
        factors_of(ratios),
    )
    error = float(np.median(np.abs(ratios - 1)))
    return Fitted(cost, len(times), r2, error, float(1 - kept.mean()))


def not_negative(matrix: F64, values: F64) -> F64:
    """Return the least squares solution with nothing below 0.

    Columns whose factor would be negative are taken out, the most negative first.
    """
    active = np.flatnonzero(np.abs(matrix).sum(0) > 0)
    found = np.zeros(matrix.shape[1])
    while len(active):
        scale = np.abs(matrix[:, active]).max(0)
        solved = np.linalg.lstsq(matrix[:, active] / scale, values, rcond=None)[0]
        if (solved >= 0).all():
            found[active] = solved / scale
            break
        active = np.delete(active, int(solved.argmin()))
    return found
