"""Clocks that differ: in time namespaces, on hosts, behind a firewall."""

import pytest

from tests.integration.test_latency import check, prove

pytestmark = pytest.mark.hosts
SHUT = (
    "table inet shut { chain in { type filter hook input priority 0; "
    "meta l4proto udp drop; }; }"
)
NO_DATAGRAMS = (
    "unshare", "--net", "bash", "-c",
    f"ip link set lo up && nft '{SHUT}' && exec \"$@\"", "shut",
)  # fmt: skip
"""A network of its own, that goes with the command; no datagram arrives in it."""


def test_the_truth_lies_within_the_bound_in_time_namespaces(tmp_path):
    code, found = prove(tmp_path / "latency", "--seconds", 4)
    check(code, found)
    assert "network" in found


def test_where_a_firewall_stops_them_the_controller_passes_questions_on(tmp_path):
    """The bound is wider, and the truth within it all the same."""
    options = ("--seconds", 4, "--no-namespaces")
    code, found = prove(tmp_path / "latency", *options, prefix=NO_DATAGRAMS)
    check(code, found, "zmq")
    for link in list(found["idle"]["links"].values())[:-1]:
        assert 0 < link["unknown"] < link["packets"]
        assert link["bound_us_p50"] > link["half_trip_us"] / 2
