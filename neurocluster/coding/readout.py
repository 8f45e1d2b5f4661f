"""Read classes out of spike counts and potentials."""

from __future__ import annotations

from typing import cast

import numpy as np

from neurocluster.dtypes import I32, I64


def class_by_count(counts: I32, potentials: I32 | I64) -> I64:
    """Return the class of the largest net spike count.

    Ties are broken by the potential, ties there by the lowest index; without any
    output spike the potential decides (which a tie of zeros gives by itself).

    Args:
        counts: (frames, outputs) int32.
        potentials: (frames, outputs) int32, units of threshold / 2^16.

    Returns:
        (frames,) int64.
    """
    best = counts.max(-1, keepdims=True)
    tied = counts == best
    lowest = np.iinfo(np.int64).min
    chosen = np.where(tied, potentials.astype(np.int64), lowest).argmax(-1)
    return cast("I64", chosen)


def class_by_potential(potentials: I32) -> I64:
    """Return the class of the largest potential, (frames,) int64."""
    return cast("I64", potentials.argmax(-1))
