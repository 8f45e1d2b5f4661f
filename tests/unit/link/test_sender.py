"""Outgoing links: packing, numbers, closing, and an outbox that has to wait."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.link import records as r
from neurocluster.link.outbox import stamp
from neurocluster.wire.packet import (
    FAILED,
    HEADER_BYTES,
    POTENTIALS,
    decode_packet,
    encode_packet,
)
from tests.support.links import EPOCH, Node, link, packet, words_of

WHOLE, PART = link(0, "x->a"), link(7, "x->b", 40, 60)


def spikes_of(packets, width=2):
    """Return the (address, sign) pairs of packets, in order."""
    words = np.frombuffer(b"".join(p.payload for p in packets), f"<u{width}")
    return [(int(w >> 1), -1 if w & 1 else 1) for w in words]


def sizes(packets, width=2):
    return [len(p.payload) // width for p in packets]


def test_full_packets_leave_and_the_rest_waits_for_an_idle_inbox():
    n = Node((), (WHOLE,), max_spikes=4)
    spikes = [(k, 1) for k in range(10)]
    assert n.send(0, spikes) == r.MORE
    first = n.outbox()
    assert sizes(first) == [4, 4]
    assert n.buffers.waiting == 0
    assert n.flush() == r.MORE
    second = n.outbox()
    assert sizes(second) == [2]
    assert n.flush() == r.MORE
    assert n.outbox() == []
    n.close(0)
    third = n.outbox()
    assert sizes(third) == [0]
    assert spikes_of(first + second + third) == spikes
    assert [p.close for p in first + second + third] == [0, 0, 0, 11]
    assert [p.sequence for p in first + second + third] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("count", "packed"),
    [(0, [0]), (1, [1]), (3, [3]), (4, [4]), (5, [4, 1]), (8, [4, 4]), (9, [4, 4, 1])],
)
def test_the_marker_rides_on_the_last_packet(count, packed):
    n = Node((), (WHOLE,), max_spikes=4)
    n.send(0, [(k, -1) for k in range(count)])
    n.close(0)
    found = n.outbox()
    assert sizes(found) == packed
    assert [p.close for p in found] == [0] * (len(packed) - 1) + [1 + count]
    assert {(p.kind, p.epoch, p.link, p.frame, p.phase) for p in found} == {
        (1, EPOCH, 0, 0, 0)
    }


def test_every_link_closes_every_frame_also_without_spikes():
    n = Node((), (WHOLE, PART))
    n.send(0, [(5, 1), (80, 1)])
    n.close(0)
    (marker,) = n.outbox(1)
    assert (marker.close, marker.payload, marker.link) == (1, b"", 7)
    n.close(1)
    assert [p.close for p in n.outbox(1)] == [1]
    assert [p.close for p in n.outbox(0)] == [3, 1]


def test_a_link_carries_its_own_addresses_alone():
    n = Node((), (WHOLE, PART), max_spikes=3)
    spikes = [(39, 1), (40, 1), (59, -1), (60, -1), (50, 1), (41, 1), (42, 1)]
    n.send(0, spikes)
    n.close(0)
    part = n.outbox(1)
    assert spikes_of(part) == [s for s in spikes if 40 <= s[0] < 60]
    assert part[-1].close == 6
    row = n.buffers.outbound[1]
    assert (row["spikes"], row["negative"]) == (5, 1)
    assert (n.buffers.outbound[0]["spikes"], n.buffers.outbound[0]["negative"]) == (
        7, 2,
    )  # fmt: skip


def test_wide_links_send_wide_words():
    wide = link(0, "x->a", 100, 70_000, 70_000, 4)
    n = Node((), (wide,), max_spikes=4)
    spikes = [(69_999, -1), (99, 1), (100, 1)]
    n.send(0, spikes, width=4)
    n.close(0)
    found = n.outbox()
    assert spikes_of(found, 4) == [spikes[0], spikes[2]]
    assert found[0].close == 3


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("send", "flush", "close")), st.integers(0, 1),
            st.lists(st.tuples(st.integers(0, 99), st.sampled_from((1, -1))),
                     max_size=9),
        ),
        max_size=30,
    ),
    st.integers(1, 6),
)  # fmt: skip
def test_whatever_is_packed_arrives_once_in_order(steps, max_spikes):
    """Two open frames, any sending, flushing, closing: law 1 on both links."""
    n = Node((), (WHOLE, PART), max_spikes=max_spikes, burst=300)
    ends = [Node((k,), (), max_spikes=max_spikes) for k in (WHOLE, PART)]
    sent, first = {}, 0
    for step, ahead, spikes in steps:
        if step == "send":
            n.send(first + ahead, spikes)
            sent.setdefault(first + ahead, []).extend(spikes)
        elif step == "flush":
            n.flush()
        else:
            n.close(first)
            sent.setdefault(first, [])
            first += 1
    while first <= max(sent, default=-1):
        n.close(first)
        first += 1
    for index, spec in enumerate((WHOLE, PART)):
        packets, frames = n.outbox(index), {}
        assert [p.sequence for p in packets] == list(range(1, len(packets) + 1))
        for p in packets:
            assert len(p.payload) <= 2 * max_spikes
            frames.setdefault(p.frame, []).append(p)
            assert ends[index].receive(encode_packet(p)) in (r.MORE, r.FRAME_CLOSED)
        for frame, wanted in sent.items():
            carried = [s for s in wanted if spec.first <= s[0] < spec.last]
            assert spikes_of(frames[frame]) == carried
            closes = [p.close for p in frames[frame]]
            assert closes[-1] == 1 + len(carried)
            assert not any(closes[:-1])
        assert ends[index].buffers.record["next_frame"][0] == first
        for field in ("spikes", "negative", "packets", "bytes"):
            got = ends[index].buffers.inbound[field][0]
            assert got == n.buffers.outbound[field][index]
    assert n.buffers.record["partials"][0] == 0


def test_partial_packets_leave_oldest_frame_first():
    n = Node((), (WHOLE,))
    n.send(0, [(1, 1)])
    n.send(1, [(2, 1)])
    n.send(0, [(3, 1)])
    n.flush()
    assert [(p.frame, spikes_of([p])) for p in n.outbox()] == [
        (0, [(1, 1), (3, 1)]), (1, [(2, 1)]),
    ]  # fmt: skip


def test_times_tell_when_sent_and_how_long_held():
    n = Node((), (WHOLE,))
    n.now[0] = 10_000
    n.send(0, [(1, 1)])
    n.now[0] = 52_000
    n.send(0, [(2, 1)])
    n.flush()
    (found,) = n.outbox()
    assert (found.sent_ns, found.held_us) == (52_000, 42)
    n.close(0)
    assert n.outbox()[0].held_us == 0


def test_a_packet_that_waited_is_stamped_again_in_place():
    data = np.frombuffer(packet(3, payload=words_of([(4, 1)])), np.uint8).copy()
    stamp(data.ctypes.data, 2**62 + 5)
    found = decode_packet(data.tobytes(), 1 << 16)
    assert found.sent_ns == 2**62 + 5
    assert found.payload == words_of([(4, 1)])


@pytest.mark.parametrize("kind", [POTENTIALS, FAILED])
def test_another_kind_closes_behind_the_last_spikes(kind):
    n = Node((), (WHOLE, PART))
    n.send(0, [(1, 1), (45, -1)])
    n.close_with(0, kind, b"12345678")
    spikes, last = n.outbox(0)
    assert spikes_of([spikes]) == [(1, 1), (45, -1)]
    assert (spikes.kind, spikes.close) == (1, 0)
    assert (last.kind, last.close, last.payload) == (kind, 3, b"12345678")
    assert [p.close for p in n.outbox(1)] == [0, 2]
    n.close(1)
    assert [p.close for p in n.outbox(0)] == [1]


def test_an_outbox_that_is_half_sent_takes_more():
    """The transport stops anywhere; what waits stays whole and in order."""
    n = Node((), (WHOLE,), max_spikes=4, burst=16)
    found = []
    for address in range(60):
        assert n.send(0, [(address, 1)] * 4) == r.MORE
        if address > 8:  # nine of twelve wait, and are moved when room is made
            found += n.outbox(most=1)
    n.close(0)
    found += n.outbox()
    assert [p.sequence for p in found] == list(range(1, len(found) + 1))
    assert [s[0] for s in spikes_of(found)] == [k // 4 for k in range(240)]
    assert found[-1].close == 241


def test_a_full_outbox_is_a_fault_and_not_a_loss():
    n = Node((), (WHOLE,), window=1, max_spikes=1, burst=2)
    code = 0
    for k in range(100):
        code = n.send(0, [(k, 1)])
        if code:
            break
    assert code == r.FULL
    kept = n.outbox()
    assert spikes_of(kept) == [(k, 1) for k in range(len(kept))]
    assert len(kept) == len(n.buffers.pieces[0])


def test_the_bytes_counted_are_the_bytes_sent():
    n = Node((), (WHOLE,))
    n.send(0, [(k, 1) for k in range(9)])
    n.close(0)
    found = n.outbox()
    total = sum(HEADER_BYTES + len(p.payload) for p in found)
    row = n.buffers.outbound[0]
    assert (row["bytes"], row["packets"]) == (total, len(found))
