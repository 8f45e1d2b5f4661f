"""Reports of frames: joined by epoch and frame, each link checked, memory bounded."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.client.reports import FrameReports
from neurocluster.errors import MalformedMessage

NETWORK = {
    "partitions": [["a.0", 0, 4], ["a.1", 0, 4], ["b.0", 1, 3]],
    "links": [
        [0, "client->a.0", "client", "a.0"], [1, "client->a.1", "client", "a.1"],
        [2, "a.0->b.0", "a.0", "b.0"], [3, "a.1->b.0", "a.1", "b.0"],
        [4, "b.0->client", "b.0", "client"],
    ],
}  # fmt: skip
NAMES = ["a.0", "a.1", "b.0"]


def counts_of(frame, epoch):
    """Return (5, 2): spikes and negative spikes of each link in a frame."""
    return [[10 * link + frame + epoch, link + frame % 3] for link in range(5)]


def row(node, frame, epoch, change=0):
    """Return what a node reports of a frame; ``change`` spoils what it received."""
    counts = counts_of(frame, epoch)
    links = NETWORK["links"]
    got = [counts[k][0] + change for k, _, _, to in links if to == node]
    sent = [v for k, _, source, _ in links if source == node for v in counts[k]]
    if node == "client":
        return [frame, *got, *sent]
    index = NAMES.index(node)
    return [frame, frame + index, 2 * index, 100 * frame, 7, *got, *sent]


def feed(reports, node, frames, epoch=1, change=0):
    if not len(frames):
        return
    rows = np.array([row(node, f, epoch, change) for f in frames], np.uint64)
    if node == "client":
        reports.add_own(epoch, rows)
    else:
        reports.add(epoch, NAMES.index(node), rows.astype("<u8").tobytes())


def test_a_frame_is_complete_when_everybody_has_reported_it():
    reports = FrameReports(NETWORK)
    for node, frames in (("client", 4), ("a.0", 3), ("b.0", 5)):
        feed(reports, node, range(frames))
    assert len(reports.take()) == 0
    assert not reports.complete(1, 1)
    feed(reports, "a.1", range(2))
    assert reports.take().tolist() == [[1, 0, 3, 6, 0], [1, 1, 6, 6, 300]]
    assert reports.complete(1, 2)
    assert not reports.complete(1, 3)
    assert not reports.complete(2, 2)
    assert reports.totals.tolist() == [
        [1, 0, 100, 14],
        [3, 4, 100, 14],
        [5, 8, 100, 14],
    ]
    sent = [sum(counts_of(f, 1)[k][0] for f in range(2)) for k in range(5)]
    assert reports.links[:, 0].tolist() == sent
    assert reports.links[:, 2].tolist() == sent
    assert reports.unequal is None


def test_a_link_whose_ends_disagree_is_named():
    reports = FrameReports(NETWORK)
    for node in ("client", *NAMES):
        feed(reports, node, range(3), epoch=7)
        feed(reports, node, [3], epoch=7, change=node == "a.1")
    wrong = reports.unequal
    assert (wrong.link, wrong.epoch, wrong.frame) == ("client->a.1", 7, 3)
    assert (wrong.sent, wrong.received) == (20, 21)
    assert str(wrong).startswith("link client->a.1, frame 3 of epoch 7: 20 spikes sent")


def test_an_epoch_that_failed_leaves_only_what_was_complete():
    reports = FrameReports(NETWORK)
    for node in ("client", "a.0", "a.1"):
        feed(reports, node, range(6))
    feed(reports, "b.0", range(4))  # then it was killed
    for node in ("client", *NAMES):
        feed(reports, node, range(2), epoch=3)
    feed(reports, "b.0", [4, 5])  # comes too late
    assert reports.frames == 6
    assert reports.take()[:, :2].tolist() == [
        [1, 0],
        [1, 1],
        [1, 2],
        [1, 3],
        [3, 0],
        [3, 1],
    ]


@pytest.mark.parametrize(("partition", "size"), [(3, 64), (-1, 64), (0, 65), (2, 64)])
def test_rows_that_do_not_fit_are_refused(partition, size):
    with pytest.raises(MalformedMessage):
        FrameReports(NETWORK).add(1, partition, bytes(size))


@given(st.data())
def test_any_interleaving_gives_the_same(data):
    """Against the obvious: a set of who has reported each frame."""
    reports, seen, taken = FrameReports(NETWORK), {}, []
    nodes, at = ("client", *NAMES), dict.fromkeys(("client", *NAMES), 0)
    epoch = 1
    for _ in range(data.draw(st.integers(1, 25))):
        if data.draw(st.integers(0, 9)) == 0:
            epoch, at = epoch + data.draw(st.integers(1, 3)), dict.fromkeys(nodes, 0)
        node = data.draw(st.sampled_from(nodes))
        count = data.draw(st.integers(0, 40))
        frames = range(at[node], at[node] + count)
        feed(reports, node, frames, epoch)
        at[node] += count
        for frame in frames:
            seen.setdefault((epoch, frame), set()).add(node)
        if data.draw(st.booleans()):
            taken += reports.take().tolist()
    taken += reports.take().tolist()
    whole = sorted(key for key, who in seen.items() if len(who) == len(nodes))
    assert [tuple(line[:2]) for line in taken] == whole
    assert reports.frames == len(whole)
    for link in range(5):
        assert reports.links[link, 0] == sum(counts_of(f, e)[link][0] for e, f in whole)
        assert reports.links[link, 1] == sum(counts_of(f, e)[link][1] for e, f in whole)


def test_the_tables_do_not_grow_with_the_frames():
    reports = FrameReports(NETWORK)
    for first, node in itertools.product(range(0, 40_000, 100), ("client", *NAMES)):
        feed(reports, node, range(first, first + 100))
        reports.take()
    assert reports.frames == 40_000
    assert len(reports._seen) == 1024
