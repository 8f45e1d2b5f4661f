"""Addresses: which one is bound, which one is told, which ones are this host's."""

import pytest

from neurocluster.errors import ConfigError
from neurocluster.transport import address as a
from neurocluster.transport.address import Reach

HERE = "tcp://127.0.0.1:7000"


@pytest.mark.parametrize(
    ("reach", "wanted"),
    [
        (Reach(), ("127.0.0.1", "127.0.0.1")),
        (Reach(bind="127.0.0.9"), ("127.0.0.9", "127.0.0.9")),
        (Reach(bind="0.0.0.0"), ("0.0.0.0", "127.0.0.1")),
        (Reach(bind="::"), ("::", "127.0.0.1")),
        (Reach(bind="*"), ("*", "127.0.0.1")),
        (Reach(bind="0.0.0.0", advertise="a.example"), ("0.0.0.0", "a.example")),
        (Reach(advertise="a.example"), ("127.0.0.1", "a.example")),
        (Reach(interface="lo"), ("127.0.0.1", "127.0.0.1")),
        (Reach(interface="127.0.0.0/8"), ("127.0.0.1", "127.0.0.1")),
        (Reach(interface="lo", advertise="nat"), ("127.0.0.1", "nat")),
    ],
)
def test_what_is_bound_and_what_is_told(reach, wanted):
    assert a.choose(reach, HERE) == wanted


def test_an_interface_that_is_not_there_names_those_that_are():
    for name in ("eth99", "203.0.113.0/24"):
        with pytest.raises(ConfigError, match=r"no address of this host; .* lo 127"):
            a.address_on(name)


@pytest.mark.parametrize(
    ("endpoint", "local"),
    [
        ("ipc:///tmp/x", True), ("tcp://127.0.0.1:1", True),
        ("tcp://127.9.9.9:1", True), ("tcp://localhost:1", True),
        ("tcp://[::1]:1", True), ("tcp://10.0.0.1:1", False),
        ("tcp://0.0.0.0:*", False), ("tcp://[::]:*", False), ("tcp://n1:1", False),
    ],
)  # fmt: skip
def test_which_endpoints_only_this_host_reaches(endpoint, local):
    assert a.is_local(endpoint) is local


@pytest.mark.parametrize("endpoint", ["", "tcp://", "udp://h:1", "h:1"])
def test_what_is_no_endpoint(endpoint):
    with pytest.raises(
        ConfigError, match="is no endpoint: neither ipc:// nor tcp://HOST"
    ):
        a.host_of(endpoint)


def test_ipv6_has_brackets_in_an_endpoint_only():
    assert a.tcp("fe80::1", 5) == "tcp://[fe80::1]:5"
    assert a.tcp("10.0.0.1", "*") == "tcp://10.0.0.1:*"
    assert a.host_of("tcp://[fe80::1]:5") == "fe80::1"


def test_no_route_is_told():
    with pytest.raises(ConfigError, match=r"no route to nowhere\.invalid"):
        a.route_to("tcp://nowhere.invalid:1")


def test_ports_come_in_turn():
    ports = a.Ports((7000, 7002))
    assert ports.next() == [7000, 7001, 7002]
    assert ports.next() == [7001, 7002, 7000]
    assert ports.next() == [7002, 7000, 7001]
    assert ports.next() == [7000, 7001, 7002]
    assert a.Ports(None).next() == ["*"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("7000", "is no range within 1024-65535"), ("a-b", "is no range"),
        ("7002-7000", "is no range"), ("80-90", "is no range"),
        ("7000-70000", "is no range"), ("7000-7000", "a worker needs 2 in turn"),
        ("-5-7", "is no range"),
    ],
)  # fmt: skip
def test_what_is_no_range_of_ports(text, words):
    with pytest.raises(ConfigError, match=words):
        a.parse_ports(text)


def test_a_range_of_ports():
    assert a.parse_ports("7000-7009") == (7000, 7009)
