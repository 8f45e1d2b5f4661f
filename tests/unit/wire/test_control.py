"""Control messages: every field checked, every limit kept, bytes as WIRE.md says."""

import re
from pathlib import Path

import msgpack
import pytest

from neurocluster.errors import MalformedMessage, MessageTooLarge, UnsupportedVersion
from neurocluster.wire.control import (
    MOST_ITEMS,
    SCHEMAS,
    Control,
    Kind,
    decode_control,
    encode_control,
)

WIRE = (Path(__file__).parents[3] / "WIRE.md").read_text()
GOOD = {
    str: "text", int: 7, bool: True, bytes: b"\1\2", dict: {"a": 1},
    tuple: (1, (2, "b")),
}  # fmt: skip
BAD = {str: b"bytes", int: True, bool: 1, bytes: "text", dict: (1,), tuple: {}}


def types_of(kind, name):
    types = SCHEMAS[kind][name]
    return types if isinstance(types, tuple) else (types,)


def body_of(kind):
    return {name: GOOD[types_of(kind, name)[0]] for name in SCHEMAS[kind]}


def raw(*values):
    return msgpack.packb(values)


@pytest.mark.parametrize("kind", list(Kind))
def test_each_kind_survives_and_is_five_fields(kind):
    message = Control(kind, body_of(kind), 2**64 - 1, 2**32 - 1)
    data = encode_control(message)
    assert decode_control(data) == message
    assert data[:2] == b"\x95\x01"
    assert msgpack.unpackb(data)[1] == int(kind)


FIELDS = [(kind, name) for kind in Kind for name in SCHEMAS[kind]]


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_each_field_must_be_there_and_of_its_type(kind, name):
    body = body_of(kind)
    for wrong in (BAD[types_of(kind, name)[0]], 1.5):
        with pytest.raises(MalformedMessage, match=f"{kind.name}: {name} is "):
            decode_control(raw(1, int(kind), 0, 0, body | {name: wrong}))
    del body[name]
    with pytest.raises(MalformedMessage, match=f"{kind.name}: the body must have"):
        decode_control(raw(1, int(kind), 0, 0, body))


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_nil_is_allowed_only_where_the_table_says_so(kind, name):
    data = raw(1, int(kind), 0, 0, body_of(kind) | {name: None})
    if type(None) in types_of(kind, name):
        assert decode_control(data).body[name] is None
    else:
        with pytest.raises(MalformedMessage, match="NoneType"):
            decode_control(data)


@pytest.mark.parametrize("kind", list(Kind))
def test_unknown_fields_are_refused(kind):
    with pytest.raises(MalformedMessage, match="the body must have the fields"):
        decode_control(raw(1, int(kind), 0, 0, body_of(kind) | {"more": 1}))


@pytest.mark.parametrize(
    "values",
    [
        (1, 0, 0, 0, {}), (1, 22, 0, 0, {}), (1, "4", 0, 0, {}), (1, True, 0, 0, {}),
        (1, 4, -1, 0, {}), (1, 4, 0, 2**32, {}), (1, 4, True, 0, {}),
        (1, 4, 0, 1.0, {}), (1, 4, 0, 0, []), (1, 4, 0, 0, None), (1, 4, 0, 0),
        (1, 4, 0, 0, {}, 0),
    ],
)  # fmt: skip
def test_a_header_that_is_wrong(values):
    with pytest.raises(MalformedMessage):
        decode_control(raw(*values))


@pytest.mark.parametrize("version", [0, 2, True, "1", None])
def test_another_version_is_named(version):
    with pytest.raises(UnsupportedVersion, match="this is version 1"):
        decode_control(raw(version, 4, 0, 0, {}))


@pytest.mark.parametrize("data", [b"", b"\xc1", raw(1, 4, 0, 0, {}) + b"\0", b"\x90"])
def test_bytes_that_are_no_message(data):
    with pytest.raises(MalformedMessage):
        decode_control(data)


def test_limits_hold_before_anything_is_allocated():
    data = encode_control(Control(Kind.BYE, {"reason": "x" * 100}))
    with pytest.raises(MessageTooLarge, match=f"of {len(data)} bytes, the limit is 99"):
        decode_control(data, 99)
    many = [0] * (MOST_ITEMS + 1)
    with pytest.raises(MalformedMessage):
        decode_control(raw(1, 18, 0, 0, {"reports": many}))
    assert decode_control(raw(1, 18, 0, 0, {"reports": many[1:]}))
    with pytest.raises(MalformedMessage):
        decode_control(raw(1, 15, 0, 0, {"report": {str(k): 0 for k in range(65)}}))
    deep = b"\x91" * 2000 + b"\x90"
    with pytest.raises(MalformedMessage):
        decode_control(deep)


def test_kinds_and_fields_are_those_of_wire_md():
    rows = re.findall(r"^\| (\d+) \| ([A-Z]+) \|[^|]+\|([^|]*)\|$", WIRE, re.MULTILINE)
    assert {int(n): name for n, name, _ in rows} == {int(k): k.name for k in Kind}
    for _, name, text in rows:
        plain = re.sub(r"\(.*?\)|`\[.*?\]`|`\w+`", "", text).replace(":", "")
        for field in SCHEMAS[Kind[name]]:
            assert re.search(rf"\b{field}\b", plain), (name, field)


def test_the_bytes_of_a_message_are_pinned():
    hello = Control(
        Kind.HELLO, {"cluster": "c", "link": 3, "width": 2, "plan_hash": "h"}, 5, 1
    )
    assert encode_control(hello).hex() == (
        "95011505" "01" "84" "a7636c7573746572" "a163" "a46c696e6b" "03"
        "a57769647468" "02" "a9706c616e5f68617368" "a168"
    )  # fmt: skip
