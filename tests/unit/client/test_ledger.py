"""Images and frames: what was submitted, refused, withdrawn, finished."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.client.ledger import Ledger
from neurocluster.client.records import RESULT

OUTPUTS = 3


def finished(first, count, failed=()):
    """Return what an engine gives for frames first, first + 1, ..."""
    rows = np.zeros(count, RESULT)
    rows["frame"] = np.arange(first, first + count)
    for frame in failed:
        rows["failed"][frame - first] = 1
    counts = np.repeat(rows["frame"].astype(np.int32)[:, None], OUTPUTS, 1)
    return rows, counts, counts


def why(row, position):
    return f"engine {row['frame']} position {position}"


def test_an_array_is_one_run_however_long():
    ledger = Ledger(OUTPUTS)
    ledger.frames(1_000_000)
    assert (len(ledger), ledger.next_index) == (1_000_000, 1_000_000)
    [chunk] = ledger.finish(*finished(0, 3), why)
    assert chunk.frames.tolist() == [0, 1, 2]
    assert len(ledger) == 999_997
    ledger.withdraw(999_990)
    assert ledger.unfinished == (3, 4, 5, 6, 7, 8, 9)


def test_no_images_are_nothing_to_wait_for():
    ledger = Ledger(OUTPUTS)
    ledger.frames(0)
    assert not ledger
    ledger.frames(1)
    assert ledger
    ledger.finish(*finished(0, 1), why)
    assert not ledger


def test_a_refused_image_keeps_its_place():
    ledger = Ledger(OUTPUTS)
    ledger.frames()
    ledger.refuse("bad shape")
    ledger.frames(2)
    assert not ledger.refused_first
    first, refused = ledger.finish(*finished(0, 1), why)
    assert first.frames.tolist() == [0]
    assert (refused.frames.tolist(), refused.errors) == ([1], {1: "bad shape"})
    [rest] = ledger.finish(*finished(1, 2), why)
    assert (rest.frames.tolist(), rest.counts[:, 0].tolist()) == ([2, 3], [1, 2])
    assert not ledger


def test_a_failed_frame_is_named_by_its_position():
    ledger = Ledger(OUTPUTS)
    ledger.refuse("bad")
    ledger.frames(3)
    _, chunk = ledger.finish(*finished(0, 3, failed=[1]), why)
    assert chunk.errors == {2: "engine 1 position 2"}
    assert [r.error for r in chunk.results()] == [None, "engine 1 position 2", None]


def test_positions_start_again():
    ledger = Ledger(OUTPUTS)
    ledger.frames(2)
    ledger.finish(*finished(0, 2), why)
    ledger.begin()
    ledger.frames(1)
    [chunk] = ledger.finish(*finished(2, 1), why)
    assert chunk.frames.tolist() == [0]


def test_the_oldest_frames_are_those_that_were_not_refused():
    ledger = Ledger(OUTPUTS)
    ledger.refuse("bad")
    ledger.frames(2)
    ledger.refuse("bad")
    ledger.frames(2)
    assert ledger.oldest() == (1,)
    assert ledger.oldest(3) == (1, 2, 4)
    assert ledger.oldest(9) == (1, 2, 4, 5)


def test_the_oldest_frame_may_be_given_up():
    ledger = Ledger(OUTPUTS)
    ledger.refuse("bad")
    ledger.frames(3)
    ledger.refuse_oldest("given up")
    assert ledger.oldest() == (2,)
    refused, rest = ledger.finish(*finished(0, 2), why, 7)
    assert refused.errors == {0: "bad", 1: "given up"}
    assert (rest.frames.tolist(), rest.epoch) == ([2, 3], 7)
    ledger.frames(1)
    ledger.refuse_oldest("given up too")
    [chunk] = ledger.finish(*finished(0, 0), why)
    assert chunk.errors == {4: "given up too"}
    assert not ledger


@given(st.lists(st.booleans(), max_size=60), st.lists(st.integers(1, 9), max_size=9))
def test_every_image_gets_one_result_in_order(good, sizes):
    ledger = Ledger(OUTPUTS)
    for ok in good:
        if ok:
            ledger.frames()
        else:
            ledger.refuse("bad")
    positions = [k for k, ok in enumerate(good) if ok]
    found, done = [], 0
    for size in (*sizes, len(positions)):
        count = min(size, len(positions) - done)
        for chunk in ledger.finish(*finished(done, count), why):
            for result in chunk.results():
                assert (result.error is None) == good[result.frame]
                if result.error is None:
                    assert positions[result.counts[0]] == result.frame
                found.append(result.frame)
        done += count
        assert len(ledger) == len(good) - len(found)
    assert found == list(range(len(good)))
