"""Control messages: every field checked, every limit kept, bytes as WIRE.md says."""

import re
import tracemalloc
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
from neurocluster.wire.shapes import INBOUND_ROW, OUTBOUND_ROW, RECEIVED_ROW, SENT_ROW
from tests.support.status import member, wire_status

WIRE = (Path(__file__).parents[3] / "WIRE.md").read_text()
GOOD = {
    str: "text", int: 7, bool: True, bytes: b"\1\2", dict: {"a": 1},
    tuple: (1, (2, "b")),
}  # fmt: skip
REPORT = {
    "inbound": ((1, *range(len(INBOUND_ROW) - 1)),),
    "outbound": ((2, *range(len(OUTBOUND_ROW) - 1)),), "worker": {"pid": 4},
}  # fmt: skip
STATUS = wire_status(
    [member("client"), member("a.0", received=bytes(24))],
    lost=({"node": "", "pid": 3, "host": "h", "how": "left", "ago_ms": 1},),
    recoveries=((5, -1, "why"),),
)
LINK = (3, "a->b", 0, 9, 9, 2)
SHAPED = {
    "inbound": (LINK, LINK), "outbound": (), "endpoints": ((5, "ipc://x"),),
    "clocks": ((3, ""), (4, "udp://h:1")), "partners": ("ipc://x",),
    "rounds": bytes(32),
    "roster": ({"partition": "p", "host": "h", "pid": 1, "endpoint": "e"},),
    "received": bytes(48), "sent": b"", "rows": bytes(40), "report": REPORT,
    "reports": (REPORT, {"inbound": (), "outbound": (), "worker": {}}),
    "what": "ping", "table": "spans", "status": STATUS, "asked_ns": 0,
    "heard_ns": 2**63 - 1, "answered_ns": 5, "role": "worker",
    "barrier": {"rounds": 3, "nodes": (("a.0", 5, 1, 4), ("client", 0, 2, 9))},
    "controller": {
        "pid": 7, "host": "h", "start": 1, "endpoint": "ipc://x", "version": "1",
    },
}  # fmt: skip
BAD = {str: b"bytes", int: True, bool: 1, bytes: "text", dict: (1,), tuple: {}}


def types_of(kind, name):
    types = SCHEMAS[kind][name]
    return types if isinstance(types, tuple) else (types,)


def body_of(kind):
    return {
        name: SHAPED.get(name, GOOD[types_of(kind, name)[0]]) for name in SCHEMAS[kind]
    }


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
        (1, 0, 0, 0, {}), (1, 99, 0, 0, {}), (1, "4", 0, 0, {}), (1, True, 0, 0, {}),
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
    many = [(0, "e")] * (MOST_ITEMS + 1)
    with pytest.raises(MalformedMessage):
        decode_control(
            raw(1, 7, 0, 0, {"endpoints": many, "clocks": (), "partners": ()})
        )
    assert decode_control(
        raw(1, 7, 0, 0, {"endpoints": many[1:], "clocks": (), "partners": ()})
    )
    with pytest.raises(MalformedMessage):
        decode_control(raw(1, 15, 0, 0, {"report": {str(k): 0 for k in range(65)}}))
    deep = b"\x91" * 2000 + b"\x90"
    with pytest.raises(MalformedMessage):
        decode_control(deep)


def test_a_short_message_takes_no_memory_however_long_it_claims_to_be():
    """Each level claims an array of 65,536; together they would take 500 MB."""
    bomb = b"\xdd\0\1\0\0" * 1000
    tracemalloc.start()
    with pytest.raises(MalformedMessage, match="no message: OutOfData"):
        decode_control(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


DAMAGED = {
    "role": ["", "Client", "x" * 1000], "host": ["x" * 256], "version": ["x" * 256],
    "clock": ["x" * 256],
    "inbound": [((3, "a->b", 0, 9, 9),), ((3, 4, 0, 9, 9, 2),), (7,), (LINK, ())],
    "outbound": [((True, "a->b", 0, 9, 9, 2),)],
    "endpoints": [(("ipc://x", 5),), (5,)],
    "roster": [({"partition": "p"},), ((),), (SHAPED["roster"][0] | {"pid": "1"},)],
    "received": [bytes(15), bytes(16), bytes(8 * len(RECEIVED_ROW) - 1)],
    "sent": [bytes(8), bytes(16), bytes(8 * len(SENT_ROW) + 8)],
    "rows": [bytes(39)],
    "report": [
        {}, REPORT | {"inbound": ((1, 2),)}, REPORT | {"worker": {"pid": "4"}},
        REPORT | {"worker": ()}, REPORT | {"more": 1}, {"outbound": (), "worker": {}},
    ],
    "reports": [(1,), ({},)],
    "what": ["", "reboot"],
    "barrier": [
        {"rounds": 1}, {"rounds": "1", "nodes": ()},
        {"rounds": 1, "nodes": (("a.0", 5, 1),)}, {"rounds": 1, "nodes": {}},
    ],
    "partners": [(1,)], "rounds": [bytes(8)],
    "asked_ns": [-1, 2**63],
    "heard_ns": [-1, 2**63],
    "answered_ns": [-1, 2**63],
    "controller": [{}, SHAPED["controller"] | {"pid": "7"}],
    "status": [
        {}, STATUS | {"phase": 1}, STATUS | {"members": (member("a.0", pid="1"),)},
        STATUS | {"members": (member("a.0", sent=bytes(8)),)},
        STATUS | {"members": (7,)}, STATUS | {"links": ((0, "a", 1),)},
        STATUS | {"lost": ({},)}, STATUS | {"recoveries": ((1, 2, 3),)},
        STATUS | {"partitions": (1,)}, STATUS | {"more": 1},
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGED)
def test_what_lies_inside_a_field_is_checked_too(name):
    """The controller reads rows and reports without looking twice."""
    kinds = [kind for kind in Kind if name in SCHEMAS[kind]]
    for kind in kinds:
        for damaged in DAMAGED[name]:
            with pytest.raises(MalformedMessage, match=f"{name} is not of its form"):
                decode_control(raw(1, int(kind), 0, 0, body_of(kind) | {name: damaged}))


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
