"""Sizes of memory are read as people write them, and refused with the remedy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.errors import ConfigError
from neurocluster.sizes import parse_size, show_size

KIB, MIB, GIB, TIB = (1 << bits for bits in (10, 20, 30, 40))


@pytest.mark.parametrize(
    ("value", "size"),
    [
        ("500M", 500 * MIB),
        ("2G", 2 * GIB),
        ("1500MiB", 1500 * MIB),
        ("1.5G", 3 * GIB // 2),
        (" 7 KiB ", 7 * KIB),
        ("1T", TIB),
        ("4096", 4096),
        (4096, 4096),
        (1, 1),
    ],
)
def test_sizes_are_read(value, size):
    assert parse_size(value, "memory") == size


@pytest.mark.parametrize(
    "value",
    ["", "M", "5x", "500MB", "500m", "-1M", "0", 0, -5, 1.5, True, None, "1e9", "0.1",
     "5 0M", "\u0665M", [1]],
)  # fmt: skip
def test_anything_else_is_refused(value):
    with pytest.raises(ConfigError) as caught:
        parse_size(value, "memory")
    assert f"memory: {value!r} is no size" in str(caught.value)
    assert "500M or 2GiB" in str(caught.value)


@given(st.integers(1, 1 << 62))
def test_bytes_are_themselves(size):
    assert parse_size(size, "x") == size
    assert parse_size(str(size), "x") == size or size >= 1 << 53


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1536, "1.5 KiB"),
        (500 * MIB, "500.0 MiB"),
        (5 * GIB // 4, "1.25 GiB"),
        (2 * TIB, "2048.00 GiB"),
    ],
)
def test_sizes_are_shown(size, text):
    assert show_size(size) == text
