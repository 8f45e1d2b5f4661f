"""The rules of turns, each of which fails visibly when left out."""

import ctypes
import weakref
from collections import deque

import pytest

from neurocluster.link.buffers import Handler
from neurocluster.link.records import MORE, NOT_CANONICAL
from neurocluster.transport.memory import MemoryInbox, Wire
from neurocluster.transport.pump import Pump
from neurocluster.transport.turn import BUDGET_NS, BUDGET_PACKETS
from neurocluster.wire.packet import decode_packet
from tests.support.links import Node, link, packet

DATA = packet(0)
RECEIVE = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, ctypes.c_uint64)
FLUSH = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64)


class Loop:
    """An event loop that counts: callbacks run one by one, timers by their time."""

    def __init__(self, now):
        self._now = now
        self.ready = deque()
        self.late = []

    @property
    def now(self):
        return int(self._now[0])

    @now.setter
    def now(self, value):
        self._now[0] = value

    def time(self):
        return self.now

    def soon(self, action):
        self.ready.append(action)

    def timer(self, every_ns, until_ns):
        """Note how late a periodic timer runs, among the other callbacks."""
        due = self.now + every_ns

        def look():
            nonlocal due
            if self.now >= due:
                self.late.append(self.now - due)
                due += every_ns
            if self.now < until_ns:
                self.soon(look)

        self.soon(look)

    def run(self, most=10_000):
        """Run callbacks until none is left; return how many ran."""
        for count in range(most):
            if not self.ready:
                return count
            self.ready.popleft()()
        return most


class World:
    """A pump between one inbound wire and two outbound ones; a handler that relays."""

    def __init__(self, *, always=False, hwm=2, inbound=1000, cost_ns=0):
        self.node = Node((link(0, "a->x"),), (link(1, "x->b"), link(2, "x->c")))
        self.loop = Loop(self.node.now)
        self.source = Wire(inbound, lambda _d: 0)
        self.outlets = [Wire(hwm, lambda _d: 0) for _ in range(2)]
        self.pump = Pump(
            self.node.buffers, MemoryInbox([self.source], self.loop.time),
            self.outlets, schedule=self.loop.soon, clock=self.loop.time,
            always_receive=always,
        )  # fmt: skip
        self.source.on_send = lambda _time: self.pump.wake()
        for wire in self.outlets:
            wire.on_room = self.pump.wake
        self.cost_ns, self.received, self.flushes = cost_ns, 0, 0
        self.relay = ()
        self.codes = {}
        self.faults, self.others, self.after = [], [], 0
        self._functions = (
            RECEIVE(lambda _handles, size: self.receive(size)),
            FLUSH(lambda _handles: self.flush()),
        )

    @property
    def handler(self):
        receive, flush = (
            ctypes.cast(function, ctypes.c_void_p).value for function in self._functions
        )
        return Handler(receive, flush, 0, self)

    # what the pump asks of its handler
    def receive(self, _size):
        self.received += 1
        self.loop.now += self.cost_ns
        if self.received in self.codes:
            return self.codes[self.received]
        for number in self.relay:
            self.emit(number)
        return MORE

    def flush(self):
        self.flushes += 1
        return MORE

    def emit(self, number):
        """Put an empty packet into one link's outbox."""
        buffers = self.node.buffers
        record, data = buffers.outbound[number], packet(number + 1, sequence=1)
        count = int(record["pieces_count"])
        start = 64 * count
        buffers.outboxes[number][start : start + len(data)] = list(data)
        buffers.pieces[number][count] = start, len(data)
        record["pieces_count"] = count + 1
        buffers.record["outboxes"] += count == 0

    def start(self):
        self.pump.start(
            self.handler, on_fault=self.faults.append,
            on_other=lambda data: self.others.append(data) or MORE,
            after_turn=self._after,
        )  # fmt: skip
        return self

    def _after(self):
        self.after += 1

    def feed(self, count):
        for _ in range(count):
            assert self.source.send(DATA)


def test_a_worker_receives_nothing_while_an_outbox_is_full():
    w = World(hwm=3).start()
    w.relay = (0,)
    w.feed(10)
    w.loop.run()
    assert w.received == 4  # three in the wire, the fourth waits in the outbox
    assert w.pump.blocked
    turns = w.pump.turns
    assert w.loop.run() == 0  # a paused node does not spin
    for k in range(6):
        w.outlets[0].take()
        w.loop.run()
        assert w.received == 5 + k
    assert w.pump.turns - turns <= 12
    while w.received != 10 or w.pump.blocked:
        w.outlets[0].take()
        w.loop.run()
    assert not w.pump.blocked


def test_one_full_link_pauses_but_the_other_keeps_sending():
    w = World(hwm=2).start()
    w.relay = (0, 1)
    w.feed(5)
    w.loop.run()
    assert w.received == 3
    w.outlets[1].take()
    w.loop.run()
    assert w.received == 3  # link 0 is still full
    assert [w.pump.blocked_total(k) > 0 for k in range(2)] == [False, False]
    w.loop.now += 500
    assert w.pump.blocked_total(0) == 500
    assert w.pump.blocked_total(1) == 0
    w.outlets[0].take()
    w.loop.run()
    assert w.received == 4
    assert w.pump.blocked_total(0) == 500


def test_the_client_always_receives():
    w = World(always=True, hwm=1).start()
    w.emit(0)
    w.emit(0)
    w.feed(10)
    w.loop.run()
    assert w.received == 10
    assert w.pump.blocked
    w.outlets[0].take()
    w.loop.run()
    assert not w.pump.blocked


def test_what_waits_is_stamped_again_and_keeps_its_order():
    w = World(hwm=1).start()
    w.relay = (0,)
    w.feed(3)
    w.loop.run()
    found = [w.outlets[0].take()]
    for _ in range(2):
        w.loop.now += 7000
        w.loop.run()
        found.append(w.outlets[0].take())
    w.loop.run()
    assert [decode_packet(data, 1 << 10).sent_ns for data in found] == [
        1000, 8000, 15_000,
    ]  # fmt: skip


def test_a_turn_ends_after_its_packets():
    w = World().start()
    w.loop.run()
    w.feed(3 * BUDGET_PACKETS)
    for turn in range(1, 4):
        w.loop.ready.popleft()()
        assert w.received == turn * BUDGET_PACKETS
        assert w.loop.ready, "a turn that ends by its budget schedules the next"
    w.loop.run()
    assert w.received == 3 * BUDGET_PACKETS


def test_a_turn_ends_after_its_time():
    w = World(cost_ns=BUDGET_NS // 10).start()
    w.loop.run()
    w.feed(100)
    w.loop.ready.popleft()()
    assert 8 <= w.received <= 24


@pytest.mark.parametrize("always", [False, True])
def test_a_flooding_link_leaves_timers_on_time(always):
    """Every packet received is replaced at once; a timer must still get its turn."""
    w = World(always=always, cost_ns=20_000).start()
    receive = w.receive

    def flood(size):
        w.feed(1)
        return receive(size)

    w.receive = flood
    w.feed(10)
    w.loop.timer(2_000_000, until_ns=200_000_000)
    while w.loop.now < 200_000_000:
        w.loop.ready.popleft()()
    assert len(w.loop.late) > 80
    assert max(w.loop.late) <= BUDGET_NS + 8 * 20_000
    assert w.received > 5000


def test_an_idle_outlet_causes_no_turns():
    """A PUSH that only ever has room wakes nobody; a wake-up alone costs one turn."""
    w = World().start()
    w.loop.run()
    turns = w.pump.turns
    assert w.loop.run() == 0
    for _ in range(5):
        w.pump.wake()
    assert w.loop.run() == 1
    assert w.pump.turns == turns + 1
    assert w.received == 0


def test_an_empty_inbox_is_told_once_a_turn():
    w = World().start()
    w.loop.run()
    w.feed(5)
    flushes = w.flushes
    w.loop.run()
    assert (w.received, w.flushes) == (5, flushes + 1)
    assert w.after == w.pump.turns


def test_what_flush_leaves_is_sent():
    w = World().start()
    w.loop.run()
    flush = w.flush

    def leave():
        w.emit(1)
        return flush()

    w.flush = leave
    w.pump.wake()
    w.loop.run()
    assert w.outlets[1].ready(w.loop.now)
    assert w.node.record["outboxes"] == 0


def test_a_fault_is_told_once_and_stops_the_pump():
    w = World().start()
    w.codes = {3: -4}
    w.feed(10)
    w.loop.run()
    assert (w.faults, w.received) == ([-4], 3)
    w.pump.wake()
    assert w.loop.run() == 0


def test_a_fault_of_flush_is_a_fault_too():
    w = World()
    w.flush = lambda: -8
    w.start()
    w.loop.run()
    assert w.faults == [-8]


def test_what_is_not_canonical_goes_elsewhere():
    w = World().start()
    w.codes = {2: NOT_CANONICAL}
    w.feed(3)
    w.loop.run()
    assert w.others == [DATA]
    assert w.received == 3
    w.codes = {4: NOT_CANONICAL}
    w.source.send(bytes(100_000))
    w.loop.run()
    assert w.others[1] == b""  # larger than the buffer: it was cut off


def test_before_start_and_after_close_nothing_turns():
    w = World()
    w.feed(3)
    assert w.loop.run() == 0
    w.start()
    w.pump.close()
    w.pump.close()
    assert w.loop.run() == 1
    w.feed(1)
    assert w.loop.run() == 0
    assert w.received == 0


class Owner:
    """Own a pump, and be called by it: a cycle."""

    def __init__(self, pump):
        self.pump = pump

    def other(self, _data):
        return MORE


def test_a_closed_pump_keeps_its_owner_no_longer_alive():
    w = World()
    owner = Owner(w.pump)
    w.pump.start(w.handler, on_fault=w.faults.append, on_other=owner.other)
    there = weakref.ref(owner)
    del owner
    assert there() is not None
    w.pump.close()
    assert there() is None
