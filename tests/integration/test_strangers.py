"""What strangers send to open sockets is counted and dropped, and starves nobody."""

import asyncio
import itertools
import time
from types import SimpleNamespace

import msgpack
import pytest
import zmq

from neurocluster.bench.link import LINK, Near, take
from neurocluster.link.buffers import link_fault
from neurocluster.member.data import HELLOS, DataPath
from neurocluster.member.meeting import Meeting, Place
from neurocluster.transport.control import PEER_HWM, ControlSocket
from neurocluster.transport.sockets import Sockets
from neurocluster.wire.control import MEMBER_LIMIT, Control, Kind, encode_control
from neurocluster.wire.packet import (
    SPIKES,
    Packet,
    encode_packet,
    mark_of,
    packet_fields,
)

MARK = mark_of("name", 5, 1)
HELLO = Control(
    Kind.HELLO, {"cluster": "c", "link": 0, "width": 2, "plan_hash": "h"}, 5, 1
)  # fmt: skip


def packet(sequence, mark=MARK, payload=b"\4\0"):
    return Packet(SPIKES, mark, LINK.index, 0, 0, sequence, 0, 1, 0, payload)


class Listening:
    """One member's inbox, and a stranger who pushes into it."""

    def __init__(self):
        near = Near(8)
        self.node = near.node
        self.node.mark(MARK)
        self.sockets, self.faults = Sockets(4), []
        engine = SimpleNamespace(
            node=near.node, handler=near.handler,
            receive=lambda size: take(near._handles, size),
            fault=lambda code: link_fault(near.node, code),
        )  # fmt: skip
        place = Place(Meeting("tcp://127.0.0.1:1"))
        settings = {
            "where": "tcp", "hwm": 1000, "linger_us": 0, "impair": {}, "window": 1,
            "clock": {"mode": "none"},
        }  # fmt: skip
        self.wakes = 0
        self.data = DataPath(self.sockets, engine, place, settings, self.wake)
        self.context = zmq.Context()
        self.stranger = self.context.socket(zmq.PUSH)
        self.stranger.set(zmq.LINGER, 0)
        self.stranger.connect(self.data.endpoint)

    def wake(self):
        self.wakes += 1
        if self.data.pump is not None:
            self.data.pump.turn()

    def run(self):
        soon = asyncio.get_running_loop().call_soon
        self.data.connect([], {}, [], schedule=soon, always_receive=False)
        self.data.start(self.faults.append, lambda: None, {})

    def close(self):
        self.stranger.close()
        self.context.term()
        self.data.close()
        self.sockets.close()


@pytest.fixture
async def listening():
    made = Listening()
    yield made
    made.close()


async def until(condition):
    """Wait until a condition holds, for five seconds at most."""
    for _ in range(2500):
        if condition():
            return
        await asyncio.sleep(0.002)
    raise AssertionError


ARBITRARY = {
    "nothing": b"", "noise": b"\x01" * 50, "an array of another length": b"\x9a" * 60,
    "no packet after all": b"\x9b" + b"\xc1" * 60, "a HELLO": encode_control(HELLO),
    "another version": b"\x9b\x07" + encode_packet(packet(1))[2:],
    "another epoch": encode_packet(packet(1, mark=1)),
    "another epoch, wider": msgpack.packb(packet_fields(packet(1, mark=1))),
    "cut off": encode_packet(packet(1))[:-1],
}  # fmt: skip


@pytest.mark.parametrize("case", ARBITRARY)
async def test_an_arbitrary_message_ends_no_epoch(listening, case):
    listening.run()
    for data in (ARBITRARY[case], ARBITRARY[case], encode_packet(packet(1))):
        listening.stranger.send(data)
    await until(lambda: listening.node.inbound["packets"][0])
    assert listening.data.strangers == 2
    assert listening.faults == []
    assert listening.node.inbound["spikes"].tolist() == [1]


async def test_what_a_member_garbled_is_missing_from_its_link(listening):
    """A malformed message cannot be told from a stranger's, and hides nothing."""
    listening.run()
    garbled = encode_packet(packet(2))[:-1]
    for data in (encode_packet(packet(1)), garbled, encode_packet(packet(3))):
        listening.stranger.send(data)
    await until(lambda: listening.faults)
    assert "packet lost, repeated or out of order" in str(listening.faults[0])


async def test_a_flood_before_the_links_are_made_starves_nobody(listening):
    """A member that looks for a HELLO reads so many messages, then others' turn."""
    for _ in range(3 * HELLOS):
        listening.stranger.send(b"x")
    listening.stranger.send(encode_control(HELLO))
    await until(lambda: listening.wakes)
    await asyncio.sleep(0.2)  # all of it is there
    found, calls = None, 0
    while found is None:
        before = listening.data.strangers
        found, calls = listening.data.read_hello(), calls + 1
        assert listening.data.strangers - before <= HELLOS
    assert (found, calls) == (HELLO, 4)
    wakes = listening.wakes
    await asyncio.sleep(0)
    assert listening.wakes >= wakes + 3  # each time it asked to be called again


@pytest.fixture
async def desk():
    """A controller's socket that takes its time, and somebody who talks to it."""
    sockets, heard, taking_s = Sockets(4), [], [0.0]

    def received(_peer, data):
        heard.append((asyncio.get_running_loop().time(), data))
        time.sleep(taking_s[0])

    router = ControlSocket(
        sockets, received, bind="tcp://127.0.0.1:*", limit=MEMBER_LIMIT
    )
    context = zmq.Context()
    asker = context.socket(zmq.DEALER)
    asker.set(zmq.LINGER, 0)
    asker.connect(router.endpoint)
    yield router, asker, heard, taking_s
    asker.close()
    context.term()
    router.close(0)
    sockets.close()


async def test_messages_of_another_number_of_parts_are_counted(desk):
    router, asker, heard, _ = desk
    asker.send_multipart([b"a", b"b"])
    asker.send_multipart([b"a", b"b", b"c"])
    asker.send(b"d")
    await until(lambda: heard)
    assert router.strangers == 2
    assert [data for _, data in heard] == [b"d"]


async def test_messages_that_take_long_leave_timers_their_turn(desk):
    _, asker, heard, taking_s = desk
    taking_s[0] = 0.005
    turns = []

    def turn():
        turns.append(len(heard))
        asyncio.get_running_loop().call_soon(turn)

    turn()
    for _ in range(10):
        asker.send(b"x")
    await until(lambda: len(heard) == 10)
    assert max(b - a for a, b in itertools.pairwise(turns)) == 1


def pushed(end, data, seconds=1):
    """Send for a while, as fast as it goes; return how often."""
    sent, until_s = 0, time.monotonic() + seconds
    while time.monotonic() < until_s:
        try:
            end.send(data, zmq.NOBLOCK)
            sent += 1
        except zmq.Again:
            time.sleep(0.01)
    return sent


async def test_messages_of_one_peer_wait_with_the_peer(desk):
    """What a controller holds of one that floods it is bounded, whatever its speed."""
    _, asker, heard, _ = desk
    asker.set(zmq.SNDHWM, 1)
    size = MEMBER_LIMIT // 2
    sent = pushed(asker, bytes(size))  # the loop does not run: nobody takes anything
    kernel = 12 * 1024 * 1024  # of the two tcp buffers, at most
    assert sent <= PEER_HWM + 2 + kernel // size
    await until(lambda: len(heard) == sent)
