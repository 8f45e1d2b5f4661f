"""What is said of the ways between hosts, and of their clocks."""

import pytest

from neurocluster.doctor.findings import Level
from neurocluster.doctor.needs import Needs
from neurocluster.doctor.report import HERE, Ends, Machine, Trial
from neurocluster.doctor.seen import Seen
from neurocluster.doctor.ways import judge_ways

GOOD = Trial(
    round_trip_ns=90_000, whole=True, asked=24, answered=24, best_ns=60_000,
    error_ns=31_000, heard=24,
)  # fmt: skip
CUT = Trial("no answer within 4 s", asked=90)
HOSTS = (HERE, "n1", "n2")
NEEDS = Needs({}, {(HERE, "n1"): ("client->a.0",), ("n1", "n2"): ("a.0->b.0",)})


def seen(changed=(), clocks=("x", "x", "x")):
    ways = {(a, b): GOOD for a in HOSTS for b in HOSTS if a != b}
    return Seen(
        machines={
            host: Machine(clock=clock)
            for host, clock in zip(HOSTS, clocks, strict=True)
        },
        ends={host: Ends(f"tcp://{host}:1", "") for host in HOSTS},
        trials=ways | dict(changed),
    )


def wrong(found):
    return [f for f in found if f.level is not Level.OK]


def test_where_all_is_well_each_host_says_how_far_the_others_are():
    slow = Trial(round_trip_ns=2_340_000, whole=True, asked=24, answered=24)
    found = judge_ways(seen({("n2", HERE): slow}), NEEDS)
    assert not wrong(found)
    texts = {f.where: f.text for f in found if f.subject == "connect"}
    assert texts["n1"] == (
        "reaches n2 and this machine; a message there and back takes 90 us at most"
    )
    assert "2.34 ms at most" in texts["n2"]
    clock = {f.where: f.text for f in found if f.subject == "clock"}
    assert clock["n1"] == "has one with n2 and this machine: no error"


def test_a_way_that_a_link_takes_is_an_error_and_its_direction_is_told():
    found = wrong(judge_ways(seen({("n1", "n2"): Trial("Connection refused")}), NEEDS))
    assert [(f.where, f.level) for f in found] == [("n1 -> n2", Level.ERROR)]
    assert found[0].text == (
        "no connection: Connection refused (links a.0->b.0); n2 listens at tcp://n2:1"
    )
    assert "TCP" in found[0].remedy


def test_a_way_that_no_link_takes_is_a_warning():
    found = wrong(judge_ways(seen({("n2", "n1"): CUT}), NEEDS))
    assert [(f.where, f.level) for f in found] == [("n2 -> n1", Level.WARNING)]
    assert "no link goes there now; after a loss one may" in found[0].text


def test_datagrams_tell_which_direction_is_cut():
    """Packets from n2 to n1 are dropped: neither can connect, but n2 hears n1."""
    heard = Trial("no answer within 4 s", asked=90, heard=80)
    cut = {("n1", "n2"): CUT, ("n2", "n1"): heard}
    found = {f.where: f.text for f in wrong(judge_ways(seen(cut), NEEDS))}
    assert "datagrams of n1 reach n2, those of n2 do not come back" in found["n1 -> n2"]
    assert "datagrams of n1 reach n2, those of n2 do not arrive" in found["n2 -> n1"]


def test_a_path_that_drops_large_packets():
    small = Trial(round_trip_ns=90_000, asked=24, answered=24)
    (found,) = wrong(judge_ways(seen({("n1", "n2"): small}), NEEDS))
    assert found.level is Level.ERROR
    assert "small messages pass, one of 64 KiB does not" in found.text
    assert "MTU" in found.remedy


@pytest.mark.parametrize(
    ("clocks", "count"), [(("x", "x", "y"), 1), (("x", "x", "x"), 0)]
)
def test_udp_is_needed_only_where_clocks_differ(clocks, count):
    silent = Trial(round_trip_ns=90_000, whole=True, asked=90)
    found = wrong(judge_ways(seen({("n1", "n2"): silent}, clocks), NEEDS))
    assert [f.level for f in found] == [Level.WARNING] * count
    for one in found:
        assert one.where == "n1 -> n2"
        assert "none of 90 datagrams was answered" in one.text
        assert "let UDP pass" in one.remedy


def test_the_bound_of_other_clocks():
    found = judge_ways(seen(clocks=("x", "x", "y")), NEEDS)
    clock = {f.where: f.text for f in found if f.subject == "clock"}
    assert clock["n2"] == (
        "knows the clocks of n1 and this machine to within 31 us (round trip 60 us)"
    )
    assert clock["n1"].endswith(
        "to within 31 us (round trip 60 us); has one with this machine"
    )
    assert "n2 to within" in clock["n1"]


def test_the_same_cause_is_told_once_a_host():
    cut = {("n1", "n2"): CUT, ("n1", HERE): CUT, (HERE, "n1"): CUT}
    needs = Needs({}, {("n1", "n2"): ("a->b",), ("n1", HERE): ("b->client",)})
    found = wrong(judge_ways(seen(cut), needs))
    assert [(f.where, f.level) for f in found] == [
        ("this machine -> n1", Level.WARNING),
        ("n1 -> this machine and n2", Level.ERROR),
    ]
    assert "(links b->client and a->b)" in found[1].text


def test_an_unknown_clock_is_nobodys():
    silent = Trial(round_trip_ns=90_000, whole=True, asked=90)
    found = wrong(judge_ways(seen({("n1", "n2"): silent}, ("x", "", "")), NEEDS))
    assert [f.where for f in found] == ["n1 -> n2"]


def test_alone_a_machine_tries_itself():
    alone = Seen({HERE: Machine()}, {HERE: Ends("ipc://x")}, {(HERE, HERE): GOOD})
    (found,) = judge_ways(alone, Needs({}, {}))
    assert (found.level, found.text) == (Level.OK, "socket files work")
    alone.trials[HERE, HERE] = Trial("Permission denied")
    (found,) = judge_ways(alone, Needs({}, {}))
    assert found.level is Level.ERROR
