"""Clocks that differ: what members ask each other, and what links then tell.

A clock that is ahead is ours plus an offset, so the truth is known.
"""

import asyncio
import socket
from pathlib import Path
from time import monotonic_ns
from types import SimpleNamespace

import pytest

from neurocluster.errors import LocalLinkError
from neurocluster.member import clocks as clocks_module
from neurocluster.member.clocks import clock_domain, reading_ns
from neurocluster.member.data import DataPath
from neurocluster.member.meeting import Meeting, Place
from neurocluster.member.probing import (
    AGAIN,
    BUSY,
    PATIENCE,
    RELAY_EVERY,
    UDP,
    ZMQ,
    Asking,
    Clocks,
    Known,
)
from neurocluster.metrics.offset import DRIFT_PPM, Offset, Probe
from neurocluster.transport.address import Reach
from neurocluster.transport.echo import SIZE, Echo, resolve
from neurocluster.transport.sockets import Sockets
from neurocluster.wire.control import Control, Kind
from tests.support.links import Node, link

SECRET = b"secret"
AHEAD = 5000 * 10**9


class Ahead:
    """A clock that is ahead of ours, and runs faster."""

    def __init__(self, offset, ppm=0):
        self.offset, self.ppm, self.begin = offset, ppm, monotonic_ns()

    def at(self, now):
        return self.offset + (now - self.begin) * self.ppm // 1_000_000

    def __call__(self):
        now = monotonic_ns()
        return now + self.at(now)


def asking(send=lambda _kind, _body: None, clock=monotonic_ns):
    return Asking(clock, SECRET.decode(), send)


@pytest.fixture
async def pair():
    """Two ends; the second one's clock is ahead."""
    clock = Ahead(AHEAD, ppm=50)
    ends = [
        Echo(SECRET, "127.0.0.1", ["*"]), Echo(SECRET, "127.0.0.1", ["*"], clock=clock)
    ]  # fmt: skip
    yield *ends, clock
    for end in ends:
        end.close()
        end.close()


async def until(condition):
    """Wait until a condition holds, for two seconds at most."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.002)
    raise AssertionError


async def test_an_answer_bounds_the_truth_and_tightly(pair):
    mine, other, clock = pair
    offset, got, errors = Offset(DRIFT_PPM), [], []

    def answered(number, probe):
        got.append(number)
        offset.add(probe)
        errors.append(offset.at(probe.back).error)
        now = monotonic_ns()
        bound = offset.at(now)
        assert bound.low <= clock.at(now) <= bound.high

    mine.on_answer = answered
    for _ in range(100):
        mine.ask(7, ("127.0.0.1", other.port))
        await asyncio.sleep(0.005)
    await until(lambda: len(got) == 100)
    assert set(got) == {7}
    assert offset.jumps == 0
    # Half the shortest round trip is the least that can be; drift adds a little.
    assert min(errors) <= 1.1 * offset.best / 2


async def test_strangers_are_counted_and_get_no_answer(pair):
    mine, _, _ = pair
    answers = []
    mine.on_answer = lambda *found: answers.append(found)
    stranger = Echo(b"another", "127.0.0.1", ["*"])
    stranger.on_answer = mine.on_answer
    stranger.ask(1, ("127.0.0.1", mine.port))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as raw:
        for data in (b"", b"x", bytes(SIZE), bytes(SIZE + 1), bytes(9000)):
            raw.sendto(data, ("127.0.0.1", mine.port))
    await until(lambda: mine.strangers == 6)
    await asyncio.sleep(0.05)
    assert answers == []
    stranger.close()


async def test_what_cannot_be_bound_or_found(pair):
    mine, _, _ = pair
    with pytest.raises(
        LocalLinkError, match=r"cannot bind udp://127.0.0.1: Address al"
    ):
        Echo(SECRET, "127.0.0.1", [mine.port])
    other = Echo(SECRET, "127.0.0.1", [mine.port, "*"])
    assert other.port != mine.port
    other.close()
    assert resolve("udp://nowhere.invalid:1") is None
    assert resolve("nonsense") is None
    assert resolve("udp://127.0.0.1:5") == ("127.0.0.1", 5)


async def test_links_learn_the_clocks_of_their_sources(pair):
    mine, other, clock = pair
    node = Node((link(0, "a->x"), link(1, "b->x"), link(2, "c->x"))).buffers
    clocks = Clocks(node, mine, asking())
    place = f"udp://127.0.0.1:{other.port}"
    clocks.connect({0: place, 1: "", 2: place})
    assert node.inbound["clock_known"].tolist() == [0, 1, 0]
    await until(lambda: node.inbound["clock_known"].all())
    await asyncio.sleep(0.2)  # the burst, and more
    now = monotonic_ns()
    for slot in (0, 2):
        row = node.inbound[slot]
        error = row["clock_error"] + (now - row["clock_ns"]) * row["clock_ppm"] // 10**6
        assert abs(int(row["clock_offset"]) - clock.at(now)) <= error
        known = clocks.known(slot)
        assert (known.method, known.jumps) == (UDP, 0)
        assert known.round_trip > 0
        assert known.probes >= 16
    assert clocks.known(1) == Known()
    assert node.inbound[1]["clock_error"] == reading_ns()
    clocks.close()
    clocks.close()


async def test_a_clock_that_nobody_answers_for_stays_unknown(pair):
    mine, _, _ = pair
    node = Node((link(0, "a->x"), link(1, "b->x"))).buffers
    clocks = Clocks(node, mine, asking())
    clocks.connect({0: "udp://nowhere.invalid:1", 1: "udp://127.0.0.1:9"})
    await asyncio.sleep(0.1)
    assert not node.inbound["clock_known"].any()
    clocks.close()


class Relay:
    """A controller that passes questions on to a member whose clock is ahead."""

    def __init__(self, clock):
        self.asked, self.mine = [], None
        node = Node((link(9, "y->z"),)).buffers
        self.other = Clocks(node, None, asking(self.back, clock))

    def ask(self, kind, body):
        assert kind is Kind.PROBE
        self.asked.append(body["link"])
        self.other.told(Control(kind, body))

    def back(self, kind, body):
        assert kind is Kind.ECHO
        self.mine.told(Control(kind, body))


@pytest.mark.parametrize("place", ["udp://nowhere.invalid:1", "udp://127.0.0.1:9"])
async def test_where_no_datagram_passes_the_controller_is_asked(pair, place):
    mine, _, clock = pair
    node = Node((link(4, "a->x"), link(5, "a->x"))).buffers
    relay = Relay(clock)
    relay.mine = clocks = Clocks(node, mine, asking(relay.ask))
    clocks.connect({4: place, 5: place})
    await asyncio.sleep(0.1)  # the burst, and more
    assert relay.asked == []
    await until(lambda: len(relay.asked) == 3)
    clocks.close()
    assert set(relay.asked) == {4}  # one question for all links from there
    now = monotonic_ns()
    for slot in (0, 1):
        row = node.inbound[slot]
        error = row["clock_error"] + (now - row["clock_ns"]) * row["clock_ppm"] // 10**6
        assert abs(int(row["clock_offset"]) - clock.at(now)) <= error
        assert clocks.known(slot).method == ZMQ


async def test_the_controller_is_left_alone_where_datagrams_pass(pair):
    mine, other, clock = pair
    relay = Relay(clock)
    node = Node((link(4, "a->x"),)).buffers
    clocks = Clocks(node, mine, asking(relay.ask))
    clocks.connect({4: f"udp://127.0.0.1:{other.port}"})
    await until(lambda: clocks.known(0).probes > 2 * (PATIENCE + RELAY_EVERY))
    assert relay.asked == []
    assert clocks.known(0).method == UDP
    other.close()  # its host's firewall is shut
    await until(lambda: relay.asked)
    clocks.close()


@pytest.mark.parametrize("packets", [0, 3 * BUSY])
async def test_an_answer_that_took_long_is_asked_for_again_at_once(pair, packets):
    """Some times at most, and not while packets keep everybody busy."""
    mine, other, _ = pair
    node = Node((link(4, "a->x"),)).buffers
    clocks, asked = Clocks(node, mine, asking()), []
    clocks.connect({4: f"udp://127.0.0.1:{other.port}"})
    await until(lambda: clocks.known(0).probes > 20)
    mine.ask = lambda number, where: asked.append(number)
    await until(lambda: asked)  # one that was due
    asked.clear()
    now = monotonic_ns()
    ahead = int(node.inbound[0]["clock_offset"])
    slow = Probe(now - 10**9, now + ahead, now + ahead, now + 10**9)
    node.inbound["packets"] = packets  # within a second
    for _ in range(2 * AGAIN):
        mine.on_answer(0, slow)
    assert (0 < len(asked) <= AGAIN) == (not packets)  # some may be under way
    assert set(asked) <= {0}
    assert clocks.known(0).busy == (2 * AGAIN if packets else 0)
    clocks.close()


def test_without_time_namespaces_or_a_boot_id_there_is_still_a_name(monkeypatch):
    monkeypatch.setattr(clocks_module, "TIME_NAMESPACE", Path("/proc/no/such"))
    assert clock_domain() == clock_domain()
    assert clock_domain().endswith("/0")
    monkeypatch.setattr(clocks_module, "BOOT", Path("/proc/no/such"))
    assert clock_domain() != clock_domain()  # it shares with nobody


async def test_a_member_that_cannot_listen_leaves_no_socket_open(pair):
    """The port of its echo is taken: an error, not a context that never ends."""
    mine, _, _ = pair
    node = Node((link(0, "a->x"),)).buffers
    reach = Reach(bind="127.0.0.1", ports=(mine.port, mine.port))
    place = Place(Meeting("tcp://127.0.0.1:1", reach=reach))
    sockets = Sockets(4)
    engine = SimpleNamespace(node=node)
    settings = {"where": "tcp", "hwm": 1, "linger_us": 0, "impair": {}}
    with pytest.raises(LocalLinkError, match="cannot bind udp://"):
        DataPath(sockets, engine, place, settings, lambda: None, asking())
    sockets.close()


def test_a_domain_is_the_same_for_us_alone():
    assert clock_domain() == clock_domain()
    assert clock_domain().count("/") == 1
    assert 0 < reading_ns() < 100_000
