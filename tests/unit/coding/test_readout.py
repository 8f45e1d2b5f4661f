"""The read-out: count, then potential, then the lowest index."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from neurocluster.coding.readout import class_by_count, class_by_potential

pairs = st.integers(1, 6).flatmap(
    lambda n: st.tuples(
        arrays.arrays(np.int32, (3, n), elements=st.integers(-2, 2)),
        arrays.arrays(np.int32, (3, n), elements=st.integers(-3, 3)),
    )
)


@given(pairs)
def test_the_class_is_the_first_of_the_best(pair):
    counts, potentials = pair
    found = class_by_count(counts, potentials)
    for k in range(len(counts)):
        rows = list(zip(counts[k].tolist(), potentials[k].tolist(), strict=True))
        assert found[k] == rows.index(max(rows))
    expected = [row.index(max(row)) for row in potentials.tolist()]
    assert class_by_potential(potentials).tolist() == expected


@pytest.mark.parametrize(
    ("counts", "potentials", "chosen"),
    [
        ([0, 3, 2], [9, 1, 9], 1),
        ([3, 3, 2], [1, 2, 9], 1),
        ([0, 0, 0], [-5, -3, -4], 1),
        ([-1, -1, -2], [7, 7, 9], 0),
        ([2, 2], [-(2**31), 2**31 - 1], 1),
        ([2, 2, 1], [-(2**31), -(2**31), 0], 0),
    ],
)
def test_ties(counts, potentials, chosen):
    found = class_by_count(
        np.array([counts], np.int32), np.array([potentials], np.int32)
    )
    assert found.tolist() == [chosen]
