"""A clock's stash: every packet comes out once, in order, as soon as it may."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from neurocluster.link import gate as g
from neurocluster.link import records as r
from neurocluster.link.stashed import add_stashed
from tests.support.links import Node, link, packet, words_of

ROOM = 1 << 14


class Stash:
    """A gate before a node whose links are not looked at."""

    def __init__(self):
        self.node = Node((link(0), link(1)), window=4)
        self.room = np.zeros(ROOM, np.uint8)
        self.gate = np.zeros(1, g.GATE)
        self.gate[0]["stash_at"] = self.room.ctypes.data
        self.gate[0]["stash_size"] = ROOM

    def put(self, data):
        buffers = self.node.buffers
        buffers.message[: len(data)] = np.frombuffer(data, np.uint8)
        held = g.holds_back(self.gate[0], buffers.record[0], len(data))
        if held:
            code = g.stash(self.gate[0], buffers.record[0], len(data))
            assert code == r.MORE
        return held

    def take(self):
        """Return the next packet that may be handled, or None."""
        if not self.gate[0]["looking"]:
            return None
        size = g.from_stash(self.gate[0], self.node.buffers.record[0])
        return None if size < 0 else self.node.buffers.message[:size].tobytes()

    def let_in(self, limit):
        g.let_in(self.gate.ctypes.data, limit)

    @property
    def spikes(self):
        counts = np.zeros((2, 2), np.int64)
        record = self.node.buffers.record
        add_stashed(self.gate.ctypes.data, record.ctypes.data, counts)
        return int(counts[:, 0].sum())


def spikes_of(number, frame):
    return packet(
        number % 2, frame, sequence=1 + number,
        payload=words_of([(5, 1)] * (number % 3)),
    )  # fmt: skip


steps = st.lists(
    st.tuples(st.sampled_from(["put", "put", "take", "let"]), st.integers(0, 2)),
    min_size=10, max_size=60,
)  # fmt: skip


@given(steps)
@settings(max_examples=300)
def test_a_packet_comes_out_once_and_in_order_however_often_the_limit_moves(steps):
    stash, limit, waiting, free = Stash(), 0, [], []
    for number, (what, value) in enumerate(steps):
        if what == "put":
            data = spikes_of(number, limit + value)
            assert stash.put(data)
            waiting.append((limit + value, data))
        elif what == "let":
            limit += value
            free += [entry for entry in waiting if entry[0] < limit]
            waiting = [entry for entry in waiting if entry[0] >= limit]
            # What was let in before and not taken comes in its place again.
            free.sort(key=lambda entry: int.from_bytes(entry[1][20:24]))
            stash.let_in(limit)
        else:
            for _ in range(1 + value):
                found = stash.take()
                assert found == (free.pop(0)[1] if free else None)
    left = [data for _, data in free + waiting]
    assert stash.spikes == sum((len(data) - g.HEADER) // 2 for data in left)


def test_a_limit_that_moves_before_the_stash_was_looked_through():
    """The last packet of a round was taken; that it was the last is not known yet."""
    stash = Stash()
    first, second = spikes_of(0, 0), spikes_of(2, 1)
    stash.let_in(0)
    assert stash.put(first)
    assert stash.put(second)
    stash.let_in(1)
    assert stash.take() == first
    stash.let_in(2)
    assert stash.take() == second
    assert stash.take() is None
    assert stash.gate[0]["used"] == 0
