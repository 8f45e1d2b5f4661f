"""Ticks: one fixed form, any width is read, anything else is none."""

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.wire.ticks import LIMIT, MOST_STEPS, SIZE, Tick, read_tick, write_tick

U16, U32, U64 = (st.integers(0, (1 << bits) - 1) for bits in (16, 32, 64))
TICKS = st.builds(
    Tick, U32, st.integers(0, MOST_STEPS - 1), U32, U32, U64, U16, U64, U16
)


@given(U32, TICKS)
def test_what_was_written_is_read_in_either_width(mark, tick):
    data = write_tick(mark, tick)
    assert len(data) == SIZE
    assert msgpack.unpackb(data) == [1, mark, *tick]
    assert read_tick(data, mark) == tick
    assert read_tick(msgpack.packb([1, mark, *tick]), mark) == tick
    assert read_tick(data, mark ^ 1) is None


@given(st.binary(max_size=LIMIT + 1))
def test_any_bytes_are_a_tick_or_none(data):
    assert read_tick(data, 7) is None


@given(st.integers(0, SIZE - 1), st.integers(0, 255))
def test_a_changed_byte_gives_another_tick_or_none(place, value):
    data = bytearray(write_tick(7, Tick(1, 2, 3, 4, 5, 6, 7, 8)))
    data[place] = value
    found = read_tick(bytes(data), 7)
    assert found is None or found.step < MOST_STEPS


@pytest.mark.parametrize("place", range(10))
@pytest.mark.parametrize("value", [-1, 1 << 65, True, None, 1.5, "x"])
def test_each_field_is_an_integer_of_its_width(place, value):
    fields = [1, 7, *Tick(1, 2, 3, 4, 5, 6, 7, 8)]
    fields[place] = value
    try:
        data = msgpack.packb(fields)
    except OverflowError:
        return
    assert read_tick(data, 7) is None


def test_a_step_that_no_barrier_has_is_refused():
    assert read_tick(msgpack.packb([1, 7, *Tick(1, MOST_STEPS)]), 7) is None
