"""What a feed starts, keeps and starts again."""

import numpy as np

from neurocluster.client.feed import ArrayFeed, IteratorFeed
from tests.support.engines import FrameEngine, image_of

IMAGES = np.array([image_of(k) for k in range(6)])


def values(engine):
    return [value for value, _ in engine.open]


def test_an_array_is_offered_whole_and_again_from_what_is_not_done():
    feed, engine = ArrayFeed(IMAGES), FrameEngine()
    assert not feed.ended
    feed.fill(engine)
    assert feed.ended
    engine.finish()
    feed.finished(1)
    second = FrameEngine(2)
    feed.restart(second, alone=False)
    assert values(second) == [1, 2, 3, 4]
    assert second.withdraw() == 1


def test_an_array_that_is_withdrawn_ends_with_what_was_started():
    feed, engine = ArrayFeed(IMAGES), FrameEngine()
    feed.fill(engine)
    assert feed.withdraw(engine) == 2
    second = FrameEngine(2)
    feed.restart(second, alone=False)
    assert values(second) == [0, 1, 2, 3]
    assert feed.withdraw(second) == 0


def test_an_array_that_runs_alone_offers_one_image_until_it_is_finished():
    feed, engine = ArrayFeed(IMAGES), FrameEngine()
    feed.restart(engine, alone=True)
    feed.finished(0)
    feed.fill(engine)
    assert values(engine) == [0]
    assert not feed.ended
    engine.finish()
    feed.finished(1)
    feed.fill(engine)
    assert values(engine) == [1, 2, 3, 4]


def test_nothing_left_may_run_alone():
    feed, engine = ArrayFeed(IMAGES[:0]), FrameEngine()
    feed.restart(engine, alone=True)
    assert feed.ended
    assert values(engine) == []


def iterator_feed(images):
    return IteratorFeed(iter(images), lambda image: image)


def test_an_iterator_is_drawn_as_the_window_has_room():
    drawn = []
    feed, engine = (
        iterator_feed(drawn.append(k) or i for k, i in enumerate(IMAGES)),
        (FrameEngine(window=2)),
    )
    feed.fill(engine)
    assert drawn == [0, 1]
    second = FrameEngine(2, window=2)
    feed.restart(second, alone=False)
    assert (drawn, values(second)) == ([0, 1], [0, 1])
    second.finish()
    feed.finished(1)
    feed.fill(second)
    assert (drawn, values(second)) == ([0, 1, 2], [1, 2])


def test_an_iterator_runs_its_oldest_frame_alone():
    feed, engine = iterator_feed(IMAGES), FrameEngine()
    feed.fill(engine)
    second = FrameEngine(2)
    feed.restart(second, alone=True)
    feed.finished(0)
    feed.fill(second)
    assert values(second) == [0]
    second.finish()
    feed.finished(1)
    feed.fill(second)
    assert values(second) == [1, 2, 3, 4]


def test_a_withdrawn_iterator_still_runs_what_was_drawn():
    feed, engine = iterator_feed(IMAGES), FrameEngine()
    feed.fill(engine)
    assert feed.withdraw(engine) == 0
    assert feed.ended
    second = FrameEngine(2)
    feed.restart(second, alone=False)
    assert values(second) == [0, 1, 2, 3]


def test_an_error_of_the_iterator_is_kept():
    def images():
        yield IMAGES[0]
        raise KeyError

    feed = IteratorFeed(images(), lambda image: image)
    feed.fill(FrameEngine())
    assert feed.ended
    assert isinstance(feed.error, KeyError)
