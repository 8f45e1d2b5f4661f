"""Arriving packets: what is taken and counted, and each broken rule with its words."""

import msgpack
import numpy as np
import pytest

from neurocluster.errors import RemoteLinkError
from neurocluster.link import records as r
from neurocluster.metrics.histogram import percentile
from neurocluster.wire.packet import FAILED, POTENTIALS, decode_packet, packet_fields
from tests.support.links import EPOCH, Node, link, packet, words_of

SECOND = 10**9
LINKS = (link(3, "a->x", 10, 20), link(5, "b->x", 0, 40, width=4))


def node(window=2):
    return Node(LINKS, window=window)


def test_spikes_are_counted_where_they_arrive():
    n = node()
    n.now[0] = 5000
    data = packet(3, close=4, payload=words_of([(10, 1), (19, -1), (12, -1)]))
    assert n.accept(data) == r.MORE
    context, slot, words, kind, close, time, opened, frame = n.result.tolist()
    assert (slot, words, kind, close, time, opened, frame) == (0, 3, 1, 4, 5000, 1, 0)
    row = n.buffers.inbound[0]
    assert [row[f] for f in ("spikes", "negative", "packets", "bytes")] == [
        3, 2, 1, len(data),
    ]  # fmt: skip
    assert row["transit_max"] == 4000
    assert n.buffers.spans[0, r.TRANSIT].sum() == 1
    assert n.buffers.contexts["is_open"][context] == 1


def test_wide_words_are_read_wide():
    n = Node((link(0, "a->x", 40_000, 70_000, 70_000, 4),))
    assert n.accept(packet(payload=words_of([(69_999, -1), (40_000, 1)], 4))) == 0
    assert n.buffers.inbound["negative"][0] == 1
    assert n.accept(packet(sequence=2, payload=words_of([(70_000, 1)], 4))) == -4


def test_only_packets_that_met_an_idle_inbox_measure_the_wire():
    n = node()
    for sequence in (1, 2):
        assert n.accept(packet(3, sequence=sequence)) == r.MORE
    n.flush()
    for sequence in (3, 4):
        assert n.accept(packet(3, sequence=sequence)) == r.MORE
    assert n.buffers.spans[0, r.WIRE].sum() == 1
    assert n.buffers.spans[0, r.TRANSIT].sum() == 4


def told(n, span):
    """Return the one duration that a span of the first link has recorded."""
    assert n.buffers.spans[0, span].sum() == 1
    return percentile(n.buffers.spans[0, span], 50)


def test_times_of_another_clock_are_told_by_ours():
    """Its clock is 10 s ahead: what it sent at 10 s + 1 us arrives at 5 us."""
    n = node()
    n.now[0] = 5000
    n.buffers.set_clock(0, 10 * SECOND, 300, at_ns=5000 - 2_000_000, ppm=200)
    assert n.accept(packet(3, sent_ns=10 * SECOND + 1000, held_us=7)) == r.MORE
    row = n.buffers.inbound[0]
    assert row["transit_max"] == 4000
    assert told(n, r.TRANSIT) == pytest.approx(4000, rel=0.02)
    assert told(n, r.BATCHING) == pytest.approx(7000, rel=0.02)
    assert row["error_max"] == 300 + 400  # 2 ms later, 200 parts in a million
    assert row["unclocked"] == 0


def test_clocks_drift_on_while_a_packet_is_under_way():
    """It was sent 2 s before our last look at that clock, whose offset was another."""
    n = node()
    n.now[0] = 5 * SECOND
    n.buffers.set_clock(0, 10 * SECOND, 300, at_ns=5 * SECOND, ppm=200)
    assert n.accept(packet(3, sent_ns=13 * SECOND)) == r.MORE
    assert n.buffers.inbound[0]["error_max"] == 300 + 400_000


def test_while_its_clock_is_unknown_no_time_is_told():
    n = node()
    n.buffers.forget_clock(0)
    assert n.accept(packet(3, held_us=7)) == r.MORE
    row = n.buffers.inbound[0]
    assert (row["transit_max"], row["unclocked"]) == (0, 1)
    assert not n.buffers.spans[0, r.TRANSIT].any()
    assert not n.buffers.spans[0, r.WIRE].any()
    assert told(n, r.BATCHING) == pytest.approx(7000, rel=0.02)  # one clock alone
    n.buffers.set_clock(0, 0, 9)
    assert n.accept(packet(3, sequence=2)) == r.MORE
    assert row["error_max"] == 9
    assert n.buffers.spans[0, r.TRANSIT].sum() == 1


def test_a_frame_closes_when_every_link_has_closed():
    n = node()
    assert n.receive(packet(3, close=3, payload=words_of([(11, 1), (12, 1)]))) == r.MORE
    assert n.receive(packet(5, payload=words_of([(1, 1)], 4))) == r.MORE
    assert n.receive(packet(5, sequence=2, close=2)) == r.FRAME_CLOSED
    assert n.buffers.record["open_frames"][0] == 0
    assert n.buffers.record["next_frame"][0] == 1


def test_a_link_without_spikes_closes_with_one():
    n = node()
    assert n.receive(packet(3, close=1)) == r.MORE
    assert n.receive(packet(5, close=1)) == r.FRAME_CLOSED


def test_links_may_run_ahead_within_the_window():
    n = node()
    assert n.receive(packet(3, 0, 1, close=1)) == r.MORE
    assert n.receive(packet(3, 1, 2, close=2, payload=words_of([(11, 1)]))) == r.MORE
    assert n.buffers.record["open_frames"][0] == 2
    assert n.receive(packet(5, 0, 1, close=1)) == r.FRAME_CLOSED
    assert n.receive(packet(5, 1, 2, close=1)) == r.FRAME_CLOSED
    assert n.buffers.record["contexts_peak"][0] == 2


def test_contexts_are_used_again():
    n = node(window=2)
    for frame in range(50):
        payload = words_of([(10, 1)] * (frame % 3))
        assert n.receive(
            packet(3, frame, frame + 1, close=1 + frame % 3, payload=payload)
        ) == r.MORE  # fmt: skip
        assert n.receive(packet(5, frame, frame + 1, close=1)) == r.FRAME_CLOSED
    assert n.buffers.record["free_count"][0] == 2
    assert n.buffers.record["contexts_peak"][0] == 1


def test_a_failed_packet_marks_the_frame():
    n = node()
    payload = np.array([6, 123], "<u4").tobytes()
    data = packet(3, close=1, payload=payload, kind=FAILED)
    assert n.receive(data) == r.MORE
    context = n.buffers.contexts[n.result[0]]
    assert (context["failed"], context["failed_neuron"]) == (7, 123)


def test_the_first_failure_of_a_frame_is_kept():
    n = node()
    for index, number in ((3, 6), (5, 2)):
        payload = np.array([number, number], "<u4").tobytes()
        n.receive(packet(index, close=1, payload=payload, kind=FAILED))
    assert n.buffers.contexts[n.result[0]]["failed"] == 7


def test_a_packet_of_another_epoch_is_counted_and_dropped():
    n = node()
    for epoch in (EPOCH - 1, EPOCH + 1, 0):
        assert n.accept(packet(3, 7, 9, epoch=epoch)) == r.STALE
    assert n.buffers.record["stale"][0] == 3
    assert n.buffers.inbound["packets"].tolist() == [0, 0]
    assert n.accept(packet(3)) == r.MORE


def fields(data):
    return packet_fields(decode_packet(data, 1 << 16))


@pytest.mark.parametrize(
    "data",
    [
        packet(3)[:47], packet(3) + b"x", packet(3)[:1] + b"\x02" + packet(3)[2:],
        msgpack.packb(fields(packet(3))), packet(3, payload=bytes(20_000)),
        b"\xdc\0\x0b" + packet(3)[1:], b"\xdd\0\0\0\x0b" + packet(3)[1:],
    ],
)  # fmt: skip
def test_what_is_not_canonical_is_left_to_the_slow_decoder(data):
    n = node()
    assert n.accept(data) == r.NOT_CANONICAL
    assert n.buffers.inbound["packets"].tolist() == [0, 0]


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x9b\x01", bytes(48), bytes(10_000), b"\x9a" + packet(3)[1:],
        b"\xdc\0\x0c" + packet(3)[1:], b"\xdd\0\0\x0b\x0b" + packet(3)[1:],
    ],
)  # fmt: skip
def test_what_is_no_packet_at_all_is_counted_and_dropped(data):
    n = node()
    assert n.accept(data) == r.STALE
    assert n.buffers.record["strangers"][0] == 1
    assert n.buffers.inbound["packets"].tolist() == [0, 0]


@pytest.mark.parametrize("at", [3, 8, 11, 16, 19, 24, 29, 38, 43, 47])
def test_a_header_of_other_widths_is_not_canonical(at):
    data = bytearray(packet(3))
    data[at] ^= 1
    assert node().accept(bytes(data)) == r.NOT_CANONICAL


FIRST = packet(3, close=1)
BAD = {
    "unknown link": (
        [packet(4)], r.BAD_LINK, "link 4, frame 0: packet of a link that is not ours"
    ),
    "link above all": (
        [packet(60_000)], r.BAD_LINK, "link 60000, frame 0: packet of a link"
    ),
    "gap": (
        [packet(3), packet(3, sequence=3)], r.BAD_SEQUENCE,
        "link a->x, frame 0: packet lost, repeated or out of order "
        "(expected 2, got 3)",
    ),
    "duplicate": (
        [packet(3), packet(3)], r.BAD_SEQUENCE, "(expected 2, got 1)"
    ),
    "sequence 0": ([packet(5, sequence=0)], r.BAD_SEQUENCE, "b->x, frame 0"),
    "closed frame": (
        [FIRST, packet(3, 0, 2)], r.BAD_FRAME,
        "link a->x, frame 0: frame outside the window (expected 1, got 0)",
    ),
    "beyond the window": (
        [packet(3, 2)], r.BAD_FRAME, "frame 2: frame outside the window"
    ),
    "a phase": ([packet(5, phase=7)], r.BAD_PHASE, "b->x, frame 0"),
    "unknown kind": (
        [packet(3, kind=4)], r.BAD_KIND, "packet of a kind that this link does not"
    ),
    "address too low": (
        [packet(3, payload=words_of([(12, 1), (9, -1)]))], r.BAD_ADDRESS,
        "link a->x, frame 0: spike outside the link's addresses (expected 20, got 9)",
    ),
    "address too high": (
        [packet(3, payload=words_of([(19, 1), (20, 1)]))], r.BAD_ADDRESS,
        "(expected 20, got 20)",
    ),
    "half a word": (
        [packet(3, payload=b"\x14\0\x16")], r.BAD_ADDRESS, "(expected 2, got 3)"
    ),
    "half a wide word": (
        [packet(5, payload=bytes(6))], r.BAD_ADDRESS, "(expected 4, got 6)"
    ),
    "too few spikes": (
        [packet(3, payload=words_of([(10, 1)])), packet(3, sequence=2, close=3)],
        r.BAD_COUNT,
        "link a->x, frame 0: spikes received differ from spikes sent "
        "(expected 2, got 1)",
    ),
    "too many spikes": (
        [packet(3, close=1, payload=words_of([(10, 1)]))], r.BAD_COUNT,
        "(expected 0, got 1)",
    ),
    "close out of order": (
        [packet(3, 1, 1, close=1)], r.BAD_ORDER,
        "link a->x, frame 1: frames closed out of order (expected 0, got 1)",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_broken_rule_names_link_frame_and_both_values(case):
    *before, last = BAD[case][0]
    n = node()
    for data in before:
        assert n.receive(data) >= 0
    counted = n.buffers.inbound["spikes"].tolist()
    code = n.receive(last)
    assert code == BAD[case][1]
    error = n.fault(code)
    assert isinstance(error, RemoteLinkError)
    assert BAD[case][2] in str(error)
    if code != r.BAD_COUNT:
        assert n.buffers.inbound["spikes"].tolist() == counted


def test_potentials_carry_no_spikes():
    n = node()
    assert n.receive(packet(3, close=1, payload=bytes(40), kind=POTENTIALS)) == r.MORE
    assert n.buffers.inbound["spikes"][0] == 0
