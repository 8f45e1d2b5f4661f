"""Stream images through an engine: what starts, what finished, in order.

Images of one uint8 array are offered to the engine, which starts them itself as
frames finish. Anything else comes one by one from an iterator, is checked and may be
refused. Finished frames are handed over in chunks: at once when nothing else is in
flight, else every few milliseconds, so that a fast stream costs little Python.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from neurocluster.client.feed import ArrayFeed, Feed, IteratorFeed, Starter
from neurocluster.client.ledger import Ledger
from neurocluster.client.records import RESULTS
from neurocluster.client.results import Chunk
from neurocluster.client.suspect import Suspect
from neurocluster.coding.delay import (
    check_image,
    image_shapes,
    input_order,
    plain_bytes,
)
from neurocluster.dtypes import I32, U8, U32, Records
from neurocluster.errors import FrameError
from neurocluster.model.graph import Input

DELIVERY_S: Final = 0.005
"""How long finished frames may wait for others while more are in flight."""
Later = Callable[[float, Callable[[], None]], object]


class StreamEngine(Starter, Protocol):
    """What a stream needs of `client.engine.Engine`."""

    outputs: int

    @property
    def paced(self) -> bool:
        """Tell whether input is played over real time."""

    @property
    def epoch(self) -> int:
        """Return the epoch that this engine is of."""

    @property
    def in_flight(self) -> int:
        """Return how many started frames have not finished."""

    @property
    def finished(self) -> int:
        """Return how many finished frames `take_results` would return."""

    def take_results(self) -> tuple[Records, I32, I32]:
        """Return and forget finished frames: RESULT rows, counts, potentials."""

    def open_since(self) -> list[int]:
        """Return when each frame in flight was started, ns, oldest first."""


def as_array(image: Any, frame: int) -> npt.NDArray[Any]:
    """Return an image as an array.

    Raises:
        FrameError: It is none.
    """
    try:
        return np.asarray(image)
    except (ValueError, TypeError) as error:
        message = f"frame {frame}: the image is no array: {error}"
        raise FrameError(message, frame) from error


class Stream:
    """Feed an engine and collect its results; carry on with the next epoch's.

    Attributes:
        chunks: Finished frames that nobody has taken yet.
        last: Position of the frame that finished last, or -1; what was refused or
            given up has not finished.
        error: What the iterator of images raised, or None.
        again: Frames that were started again because their epoch failed.
    """

    def __init__(
        self, engine: StreamEngine, source: Input, *,
        why_failed: Callable[[Any, int], str], later: Later,
        on_news: Callable[[], None], on_collect: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        """Take an engine.

        Args:
            engine: Of the first epoch.
            source: The network's input.
            why_failed: See `ledger.Ledger.finish`.
            later: Runs a callback after some seconds.
            on_news: Called when `chunks` has grown or the stream has ended.
            on_collect: Called when results were taken from the engine.
        """
        self._engine, self._input, self._why_failed = engine, source, why_failed
        self._later, self._on_news = later, on_news
        self._on_collect = on_collect
        self._ledger = Ledger(engine.outputs)
        self._feed: Feed | None = None
        self._suspect = Suspect()
        self._first_ns: dict[int, int] = {}
        self._scheduled = self._filling = False
        self.chunks: deque[Chunk] = deque()
        self.last = -1
        self.error: Exception | None = None
        self.again = 0

    @property
    def in_flight(self) -> int:
        """Return how many frames were started and have no result."""
        return self._engine.in_flight

    @property
    def unfinished(self) -> tuple[int, ...]:
        """Return the positions of images that have no result."""
        return self._ledger.unfinished

    @property
    def ended(self) -> bool:
        """Tell whether all that was submitted is in `chunks` or was taken."""
        return (self._feed is None or self._feed.ended) and not self._ledger

    def submit(self, images: Iterable[Any]) -> None:
        """Begin to stream; positions count from 0 again when nothing is left."""
        if self.ended:
            self._ledger.begin()
            self.last, self.error = -1, None
        if isinstance(images, np.ndarray) and self._plain(images):
            self._ledger.frames(len(images))
            flat = images.reshape(len(images), self._input.shape.size)
            self._feed = ArrayFeed(flat)
        else:
            self._feed = IteratorFeed(iter(images), self._draw)
        self._fill()

    def _plain(self, images: npt.NDArray[Any]) -> bool:
        """Tell whether images need no check, one by one."""
        return (
            images.dtype == np.uint8
            and images.shape[1:] in image_shapes(self._input)
            and plain_bytes(self._input)
        )

    def _draw(self, image: Any) -> U8 | U32 | None:
        """Check an image and number it; return its frame, or None if refused."""
        number = self._ledger.next_index
        try:
            image = as_array(image, number)
            check_image(image, self._input, number)
            if self._engine.paced and image.dtype != np.uint8:
                message = f"frame {number}: paced playback takes uint8 images"
                raise FrameError(message, number)
        except FrameError as error:
            self._ledger.refuse(str(error))
            if self._ledger.refused_first:
                self.collect()
            return None
        self._ledger.frames()
        if image.dtype == np.uint8:
            return np.array(image, np.uint8).reshape(-1)
        return input_order(image, self._input)

    def _fill(self) -> None:
        """Start what the window has room for, and see whether that is all there is."""
        if self._feed is None:
            return
        self._feed.fill(self._engine)
        self._filling = not self._feed.ended
        if not self._filling:
            self.error = self.error or self._feed.error
            self._on_news()

    def stop(self) -> bool:
        """Start no more frames; those in flight finish.

        Returns:
            True if that leaves images out, or an iterator not drawn to its end.
        """
        begun, left = self._feed is None or self._feed.ended, 0
        if self._feed is not None:
            left = self._feed.withdraw(self._engine)
            self._ledger.withdraw(left)
        self._on_news()
        return left > 0 or not begun

    def after_turn(self) -> None:
        """Start what the window has room for; hand over what finished."""
        if self._filling:
            self._fill()
        count = self._engine.finished
        if not count or (self._scheduled and count < RESULTS // 2):
            return
        if self._engine.in_flight and self.last >= 0 and count < RESULTS // 2:
            self._scheduled = True
            self._later(DELIVERY_S, self.collect)
        else:
            self.collect()
            if self._filling:  # a frame that had to run alone has finished
                self._fill()

    def collect(self) -> None:
        """Move finished frames into `chunks`."""
        self._scheduled = False
        found = self._engine.take_results()
        self._on_collect()
        chunks = self._ledger.finish(*found, self._why_failed, self._engine.epoch)
        if self._feed is not None:
            self._feed.finished(len(found[0]))
        if chunks:
            self._date_back(chunks)
            self.chunks += chunks
            done = [chunk for chunk in chunks if chunk.epoch]
            if done:
                self.last = int(done[-1].frames[-1])
            if self._suspect.frame <= self.last:
                self._suspect = Suspect()
            self._on_news()

    def _date_back(self, chunks: list[Chunk]) -> None:
        """Count the latency of frames that were started again from their first start.

        That start is of the same process, so of the same clock.
        """
        for chunk in chunks if self._first_ns else ():
            for k, frame in enumerate(chunk.frames.tolist()):
                if (first := self._first_ns.pop(frame, None)) is not None:
                    chunk.rows["started_ns"][k] = first

    # -- the next epoch --------------------------------------------------------

    def restart(self, engine: StreamEngine) -> None:
        """Carry on with the engine of the next epoch, which runs: start what is open.

        The epoch of the engine up to now may have failed because of its oldest frame.
        """
        self.collect()
        since = self._engine.open_since()
        self.again += len(since)
        for frame, time_ns in zip(self._ledger.oldest(len(since)), since, strict=True):
            self._first_ns.setdefault(frame, time_ns)
        self._engine = engine
        if since:
            self._suspect.failed(self._ledger.oldest()[0])
        if self._suspect.guilty:
            self._condemn()
        if self._feed is not None:
            self._feed.restart(engine, alone=self._suspect.alone)
            self._filling = True

    def _condemn(self) -> None:
        """Give up the frame that ended epoch after epoch, the last one alone."""
        frame, times = self._suspect.frame, self._suspect.times
        self._ledger.refuse_oldest(
            f"frame {frame}: given up; {times} times in a row the cluster failed while "
            "it was the oldest open frame, the last time alone"
        )
        self._first_ns.pop(frame, None)
        if self._feed is not None:
            self._feed.finished(1)
        self._suspect = Suspect()
        self.collect()
