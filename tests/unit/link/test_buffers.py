"""Buffers: sizes that follow from the settings, and names in faults."""

import numpy as np
import pytest

from neurocluster.link import records as r
from neurocluster.link.buffers import CONTROL_BYTES, LinkBuffers, link_fault
from neurocluster.link.records import SPANS
from neurocluster.metrics.histogram import BINS
from neurocluster.wire.packet import HEADER_BYTES
from tests.support.links import Node, link


def buffers(**changes):
    settings = {"window": 3, "max_spikes": 5, "epoch": 1, "burst_words": 20}
    return LinkBuffers(
        (link(2, "a->x"), link(9, "b->x", width=4)), (link(4, "x->c"),),
        **(settings | changes),
    )  # fmt: skip


def test_a_message_of_the_widest_link_and_a_hello_fit():
    found = buffers()
    assert found.record["message_size"][0] == HEADER_BYTES + 5 * 4
    assert len(found.message) == HEADER_BYTES + 5 * 4 + CONTROL_BYTES
    assert buffers(payload_bytes=400).record["message_size"][0] == HEADER_BYTES + 400


def test_records_start_empty_and_know_their_links():
    found = buffers()
    assert found.inbound["index"].tolist() == [2, 9]
    assert found.inbound["sequence"].tolist() == [1, 1]
    assert found.outbound["sequence"].tolist() == [1]
    assert found.outbound["everything"].tolist() == [1]
    assert Node((), (link(0, "x->a", 1, 100),)).buffers.outbound["everything"] == [0]
    assert found.record["free_count"][0] == 3
    assert found.waiting == 0
    assert len(found.contexts) == 3
    assert found.spans.shape == (2, len(SPANS), BINS)
    assert not found.spans.any()


def test_an_outbox_takes_the_burst_of_one_packet():
    for max_spikes in (1, 5, 512):
        found = buffers(max_spikes=max_spikes, burst_words=1000)
        packets = 1000 // max_spikes + 2 * 3 + 4
        assert len(found.pieces[0]) == packets
        assert len(found.outboxes[0]) >= packets * (HEADER_BYTES + 2 * max_spikes)


def test_without_links_there_is_still_a_node():
    found = Node().buffers
    assert found.record["link_limit"][0] == 1
    assert found.outboxes == []


@pytest.mark.parametrize("code", list(r.FAULTS))
def test_every_fault_has_words_and_names_both_values(code):
    found = buffers()
    state = found.record[0]
    for field, value in zip(("link", "frame", "expected", "got"), (9, 8, 7, 6),
                            strict=True):  # fmt: skip
        state[f"fault_{field}"] = value
    error = link_fault(found, code)
    assert str(error) == f"link b->x, frame 8: {r.FAULTS[code]} (expected 7, got 6)"
    assert (error.link, error.frame, error.expected, error.got) == ("b->x", 8, 7, 6)


def test_outgoing_and_unknown_links_are_named_too():
    found = buffers()
    for number, name in ((4, "x->c"), (77, "77")):
        found.record[0]["fault_link"] = number
        assert link_fault(found, r.FULL).link == name


def test_histograms_belong_to_their_links():
    found = buffers()
    assert found.inbound["spans_at"].tolist() == [
        row.ctypes.data for row in found.spans
    ]
    assert found.spans.dtype == np.uint32
