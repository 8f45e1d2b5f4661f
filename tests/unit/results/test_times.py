"""Times in few letters."""

import pytest

from neurocluster.results.times import short


@pytest.mark.parametrize(
    ("value_ns", "told"),
    [
        (0, "0 ns"),
        (999, "999 ns"),
        (999.6, "1 us"),
        (999_600, "1 ms"),
        (1_234_567, "1.23 ms"),
        (999_600_000, "1 s"),
        (12e9, "12 s"),
    ],
)
def test_a_time_has_the_unit_of_what_is_shown(value_ns, told):
    assert short(value_ns) == told
