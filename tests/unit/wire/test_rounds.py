"""DONE and OPEN: one form that is msgpack, read the same by both decoders."""

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.errors import MalformedMessage
from neurocluster.wire import rounds
from neurocluster.wire.control import Control, Kind, decode_control, encode_control

kinds = st.sampled_from([Kind.DONE, Kind.OPEN])
words = st.integers(0, 2**32 - 1)


@given(kinds, st.integers(0, 2**64 - 1), words, words, words)
def test_the_fixed_form_is_msgpack_and_reads_back(
    kind, generation, epoch, number, count
):
    body = {"round": number, "started": count}
    message = Control(kind, body, generation, epoch)
    data = encode_control(message)
    assert len(data) == rounds.SIZE
    assert msgpack.unpackb(data) == [1, int(kind), generation, epoch, body]
    assert decode_control(data) == message
    assert decode_control(msgpack.packb([1, int(kind), generation, epoch, body])) == (
        message
    )


def test_numbers_that_do_not_fit_take_the_general_form():
    message = Control(Kind.DONE, {"round": 2**33, "started": 0}, 1, 1)
    assert decode_control(encode_control(message)) == message


@given(st.binary(min_size=rounds.SIZE, max_size=rounds.SIZE))
def test_other_bytes_of_that_length_have_no_fixed_form(data):
    found = rounds.read_round(data)
    assert found is None or rounds.write_round(*found) == data


@pytest.mark.parametrize("kind", [0, 1, 27, 200])
def test_the_form_of_another_kind_is_left_to_the_general_decoder(kind):
    data = rounds.write_round(kind, 1, 1, 1, 1)
    assert rounds.read_round(data)[0] == kind
    with pytest.raises(MalformedMessage):
        decode_control(data)
