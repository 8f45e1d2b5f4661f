"""Codecs: decode inverts encode; any bytes give a message or a WireError."""

import contextlib

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.errors import MessageTooLarge, UnsupportedVersion, WireError
from neurocluster.wire.control import (
    SCHEMAS,
    Control,
    Kind,
    decode_control,
    encode_control,
)
from neurocluster.wire.packet import (
    HEADER_BYTES,
    KINDS,
    Packet,
    decode_packet,
    encode_packet,
    packet_fields,
)
from neurocluster.wire.shapes import CONTROLLER, DETAILS, INBOUND_ROW, QUESTIONS, ROLES
from tests.support.status import entries, statuses

LIMIT = 1 << 16
packets = st.builds(
    Packet,
    st.sampled_from(KINDS),
    *[st.integers(0, 2**bits - 1) for bits in (32, 16, 32, 16, 32, 32, 64, 32)],
    st.binary(max_size=200),
)
VALUES = {
    str: st.text(max_size=20),
    int: st.integers(0, 2**40),
    bool: st.booleans(),
    bytes: st.binary(max_size=50),
    dict: st.dictionaries(st.text(max_size=5), st.integers(0, 9), max_size=3),
    tuple: st.lists(st.integers(0, 99), max_size=3).map(tuple),
    type(None): st.none(),
}


numbers = st.integers(0, 2**63)
link_rows = st.lists(
    st.tuples(numbers, st.text(max_size=9), numbers, numbers, numbers, numbers),
    max_size=3,
).map(tuple)
received = st.tuples(*[numbers] * len(INBOUND_ROW))
reports = st.fixed_dictionaries({
    "inbound": st.lists(received, max_size=2).map(tuple),
    "outbound": st.lists(st.tuples(*[numbers] * 7), max_size=2).map(tuple),
    "worker": st.dictionaries(st.text(max_size=5), numbers, max_size=3),
})  # fmt: skip
texts = st.text(max_size=9)
stamps = st.integers(0, 2**63 - 1)
SHAPED = {
    "table": st.sampled_from(sorted(DETAILS)),
    "what": st.sampled_from(QUESTIONS), "role": st.sampled_from(ROLES),
    "controller": entries(CONTROLLER),
    "status": st.none() | statuses(),
    "inbound": link_rows, "outbound": link_rows, "report": reports,
    "reports": st.lists(reports, max_size=2).map(tuple),
    "endpoints": st.lists(st.tuples(numbers, texts), max_size=3).map(tuple),
    "clocks": st.lists(st.tuples(numbers, texts), max_size=3).map(tuple),
    "partners": st.lists(texts, max_size=3).map(tuple),
    "rounds": st.integers(0, 3).map(lambda n: bytes(16 * n)),
    "roster": st.lists(
        st.fixed_dictionaries({
            "partition": texts, "host": texts, "pid": numbers, "endpoint": texts,
        }), max_size=2,
    ).map(tuple),
    "received": st.integers(0, 3).map(lambda n: bytes(24 * n)),
    "sent": st.integers(0, 3).map(lambda n: bytes(24 * n)),
    "rows": st.integers(0, 3).map(lambda n: bytes(40 * n)),
    "barrier": st.just({}) | st.fixed_dictionaries({
        "rounds": numbers,
        "nodes": st.lists(
            st.tuples(texts, numbers, numbers, numbers), max_size=3
        ).map(tuple),
    }),
    "asked_ns": stamps, "heard_ns": stamps, "answered_ns": stamps,
}  # fmt: skip


@st.composite
def controls(draw):
    kind = draw(st.sampled_from(Kind))
    body = {}
    for name, types in SCHEMAS[kind].items():
        options = types if isinstance(types, tuple) else (types,)
        usual = st.one_of(*(VALUES[t] for t in options))
        body[name] = draw(SHAPED.get(name, usual))
    return Control(kind, body, draw(st.integers(0, 2**64 - 1)), draw(st.integers(0, 9)))


@given(packets)
def test_a_packet_survives_the_wire(packet):
    data = encode_packet(packet)
    assert len(data) == HEADER_BYTES + len(packet.payload)
    assert decode_packet(data, LIMIT) == packet


@given(packets)
def test_any_integer_encoding_is_accepted(packet):
    assert decode_packet(msgpack.packb(packet_fields(packet)), LIMIT) == packet


@given(controls())
def test_a_control_message_survives_the_wire(message):
    assert decode_control(encode_control(message)) == message


@given(st.binary(max_size=300))
def test_arbitrary_bytes_never_escape(data):
    for decode in (lambda d: decode_packet(d, LIMIT), decode_control):
        with contextlib.suppress(WireError):
            decode(data)


@given(controls(), st.data())
def test_a_damaged_message_never_escapes(message, data):
    raw = bytearray(encode_control(message))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(WireError):
        decode_control(bytes(raw))


@pytest.mark.parametrize(
    "bomb",
    [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"],
)
def test_huge_announced_sizes_are_refused(bomb):
    for decode in (lambda d: decode_packet(d, LIMIT), decode_control):
        with pytest.raises(WireError):
            decode(bomb)


def test_limits_and_versions_are_named():
    data = encode_packet(Packet(1, 1, 0, 0, 0, 1, 1, 5, 0, b""))
    with pytest.raises(MessageTooLarge, match="limit is 10"):
        decode_packet(data, 10)
    with pytest.raises(UnsupportedVersion, match="version 2"):
        decode_packet(data[:1] + b"\x02" + data[2:], LIMIT)


def test_the_bytes_of_a_packet_are_pinned():
    packet = Packet(1, 2, 3, 4, 0, 5, 3, 6, 7, b"\x02\x00\x05\x00")
    assert encode_packet(packet).hex() == (
        "9b0101ce00000002cd0003ce00000004cd0000ce00000005ce00000003"
        "cf0000000000000006ce00000007c60000000402000500"
    )
