"""Streams over several epochs: order, frames that are started again, quarantine."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurocluster.client.stream import DELIVERY_S, Stream
from tests.support.engines import SOURCE, FrameEngine, image_of

FEEDS = ("array", "iterator")


class Client:
    """A stream, its engines one after the other, and what it delivered."""

    def __init__(self, window=4):
        self.now, self.window, self.timers, self.news = 100, window, [], 0
        self.engine = self.make()
        self.stream = Stream(
            self.engine, SOURCE, why_failed=lambda _row, frame: f"overflow {frame}",
            later=lambda seconds, action: self.timers.append((seconds, action)),
            on_news=self.hear,
        )  # fmt: skip
        self.results = []

    def hear(self):
        self.news += 1

    def make(self, epoch=1):
        return FrameEngine(epoch, self.window, clock=lambda: self.now)

    def submit(self, values, feed="array"):
        images = [image_of(value) for value in values]
        self.stream.submit(np.array(images) if feed == "array" else iter(images))
        return self

    def finish(self, count=1, **how):
        for _ in range(count):
            self.now += 10
            self.engine.finish(**how)
            self.stream.after_turn()
        return self.take()

    def fail(self):
        """Let the epoch fail and the next one run."""
        self.now += 1000
        self.engine = self.make(self.engine.epoch + 1)
        self.stream.restart(self.engine)
        return self.take()

    def timer(self):
        for _, action in self.timers:
            action()
        self.timers.clear()

    def take(self):
        self.timer()
        while self.stream.chunks:
            self.results += self.stream.chunks.popleft().results()
        return self

    @property
    def open(self):
        return [value for value, _ in self.engine.open]

    @property
    def delivered(self):
        return [(r.frame, r.error or int(r.counts[0])) for r in self.results]


VALUES = range(500, 510)


@pytest.mark.parametrize("feed", FEEDS)
def test_a_window_of_frames_is_in_flight_and_results_come_in_order(feed):
    client = Client().submit(VALUES, feed)
    assert client.open == [500, 501, 502, 503]
    client.finish(10)
    assert client.delivered == list(enumerate(VALUES))
    assert client.stream.ended
    assert client.stream.last == 9


@pytest.mark.parametrize("feed", FEEDS)
def test_open_frames_are_started_again_in_order_before_anything_new(feed):
    client = Client().submit(VALUES, feed).finish(3)
    assert client.open == [503, 504, 505, 506]
    client.fail()
    assert client.open == [503, 504, 505, 506]
    assert client.stream.again == 4
    assert client.stream.unfinished == tuple(range(3, 10 if feed == "array" else 7))
    client.finish(7)
    assert client.delivered == list(enumerate(VALUES))
    assert client.stream.ended


@pytest.mark.parametrize("feed", FEEDS)
def test_what_finished_before_the_epoch_failed_is_not_started_again(feed):
    """Results may wait in the engine's table when the next epoch begins."""
    client = Client().submit(VALUES, feed).finish(1)
    client.engine.finish()
    client.engine.finish()
    client.fail()
    assert client.open[0] == 503
    client.finish(7)
    assert client.delivered == list(enumerate(VALUES))


@pytest.mark.parametrize("feed", FEEDS)
def test_a_latency_counts_from_the_first_start(feed):
    client = Client(window=2).submit(VALUES, feed)
    client.finish(1)
    client.fail().fail()
    client.finish(3)
    assert [r.latency_ns for r in client.results] == [10, 2020, 2020, 20]
    assert all(r.decided_ns <= r.latency_ns for r in client.results)


@pytest.mark.parametrize("feed", FEEDS)
def test_a_collection_that_finds_nothing_does_not_end_the_quarantine(feed):
    """A timer of the epoch before may still be due."""
    client = poisoned(feed)
    client.stream.collect()
    client.stream.after_turn()
    assert client.open == [502]


def poisoned(feed, first=2):
    client = Client().submit(VALUES, feed).finish(first)
    return client.fail().fail()


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("first", [0, 2, 9])
def test_the_oldest_frame_of_two_failed_epochs_runs_alone(feed, first):
    client = poisoned(feed, first)
    assert client.open == [500 + first]
    client.timer()
    client.stream.after_turn()
    assert client.open == [500 + first]


@pytest.mark.parametrize("feed", FEEDS)
def test_who_finishes_alone_is_innocent_and_the_others_go_on(feed):
    client = poisoned(feed)
    client.finish(1)
    assert client.open == [503, 504, 505, 506]
    client.fail()
    assert client.open == [503, 504, 505, 506]
    client.finish(7)
    assert client.delivered == list(enumerate(VALUES))


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize("first", [0, 2, 9])
def test_who_fails_even_alone_gets_an_error_and_the_others_go_on(feed, first):
    client = poisoned(feed, first).fail()
    assert client.open == list(VALUES)[first + 1 : first + 5]
    client.finish(9 - first)
    frame, text = client.delivered[first]
    assert frame == first
    assert text == (
        f"frame {first}: given up; 3 times in a row the cluster failed while it was "
        "the oldest open frame, the last time alone"
    )
    others = [pair for pair in client.delivered if pair[0] != first]
    assert others == [(k, v) for k, v in enumerate(VALUES) if k != first]
    assert [r.frame for r in client.results] == list(range(10))
    assert client.stream.ended


def test_a_frame_that_fails_in_an_epoch_now_and_then_is_not_suspected():
    client = Client(window=2).submit(VALUES)
    for _ in range(4):
        client.fail()
        client.finish(1)
        assert len(client.open) == 2
        client.finish(1)


def test_a_stop_withdraws_what_was_not_started():
    client = Client().submit(VALUES).finish(1)
    client.stream.stop()
    assert client.stream.unfinished == (1, 2, 3, 4)
    client.fail().finish(4)
    assert client.stream.ended
    assert [frame for frame, _ in client.delivered] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("feed", FEEDS)
@pytest.mark.parametrize(("count", "left_out"), [(1, False), (9, True)])
def test_a_stop_tells_whether_images_are_left_out(feed, count, left_out):
    client = Client()
    assert not client.stream.stop()
    client.submit(range(count), feed)
    assert client.stream.stop() is left_out
    assert not client.stream.stop()


@pytest.mark.parametrize("feed", FEEDS)
def test_a_stop_during_recovery_finishes_what_was_in_flight(feed):
    client = poisoned(feed)
    client.stream.stop()
    client.finish(1)
    while client.open:
        client.finish(1)
    assert client.stream.ended


def test_refused_images_keep_their_place_over_epochs():
    client = Client(window=2)
    bad = np.zeros(3, np.uint8)
    images = [image_of(1), bad, image_of(2), bad, bad, image_of(3)]
    client.stream.submit(iter(images))
    client.fail().finish(1).fail().finish(2)
    assert [(f, isinstance(r, str)) for f, r in client.delivered] == [
        (0, False), (1, True), (2, False), (3, True), (4, True), (5, False),
    ]  # fmt: skip
    assert client.stream.ended


def test_an_iterator_that_raises_ends_the_stream_after_its_images():
    def images():
        yield image_of(1)
        message = "disk gone"
        raise OSError(message)

    client = Client()
    client.stream.submit(images())
    assert not client.stream.ended
    client.fail().finish(1)
    assert client.stream.ended
    assert isinstance(client.stream.error, OSError)


def test_a_second_stream_counts_from_zero():
    client = Client().submit([1, 2]).finish(2)
    client.submit([3, 4]).finish(2)
    assert client.delivered == [(0, 1), (1, 2), (0, 3), (1, 4)]


def test_a_failed_frame_has_its_reason_and_no_second_chance():
    client = Client().submit([1, 2])
    client.finish(1, failed=1)
    client.fail().finish(1)
    assert client.delivered == [(0, "overflow 0"), (1, 2)]


def test_finished_frames_wait_a_little_for_others():
    client = Client().submit(VALUES).finish(1)
    client.engine.finish()
    client.stream.after_turn()
    assert not client.stream.chunks
    assert [seconds for seconds, _ in client.timers] == [DELIVERY_S]
    client.timer()
    assert client.stream.chunks


@given(
    st.integers(0, 12), st.integers(1, 5), st.sampled_from(FEEDS),
    st.lists(st.integers(0, 4), max_size=30),
)  # fmt: skip
def test_every_frame_is_delivered_once_in_order_whatever_fails(
    count, window, feed, steps
):
    client = Client(window).submit(range(1, count + 1), feed)
    for step in steps:
        if step == 0:
            client.fail()
        elif step == 1:
            client.stream.collect()
        elif client.open:
            client.finish(1)
        assert len(client.open) <= window
    for _ in range(2 * count):
        if client.open:
            client.finish(1)
    assert client.stream.ended
    assert [r.frame for r in client.results] == list(range(count))
    good = [(r.frame, int(r.counts[0])) for r in client.results if r.error is None]
    assert all(value == frame + 1 for frame, value in good)
