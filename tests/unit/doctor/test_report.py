"""What probe and doctor tell each other survives any bytes, and other versions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.doctor.report import (
    MOST_TEXT,
    TRIED,
    Ends,
    Machine,
    Trial,
    decode,
    encode,
)

MACHINE = Machine("1.0", 1, {"Python": "3.11"}, "n1", "a/b", 2.0, 0.5, 10, 20, 30)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize("value", [MACHINE, Ends("tcp://a:1", "udp://a:2"), Trial("x")])
def test_what_is_sent_arrives(value):
    kind, body = decode(encode(TRIED, value=value.to_wire()))
    assert kind == TRIED
    assert type(value).from_wire(body["value"]) == value


def test_another_version_is_read_as_far_as_it_goes():
    told = {"version": "9.9", "wire": "two", "cores": 4, "news": 1, "load": None}
    found = Machine.from_wire(told)
    assert (found.version, found.wire, found.cores, found.load) == ("9.9", 0, 4.0, 0.0)
    assert Machine.from_wire({}) == Machine.from_wire(None) == Machine()


def test_long_texts_are_cut():
    assert len(Trial.from_wire({"problem": "x" * 9999}).problem) == MOST_TEXT
    assert Machine.from_wire({"software": {"a": "y" * 9999}}).software == {
        "a": "y" * MOST_TEXT
    }


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_a_message_or_none(data):
    kind, body = decode(data)
    assert isinstance(kind, str)
    assert isinstance(body, dict)


@given(JSON)
def test_any_values_are_read(value):
    for form in (Machine, Ends, Trial):
        made = form.from_wire(value)
        for name, usual in form().to_wire().items():
            assert type(made.to_wire()[name]) is type(usual)
