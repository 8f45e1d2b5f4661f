"""Stream images through an engine: what starts, what finished, in order.

Images of one uint8 array are offered to the engine, which starts them itself as
frames finish. Anything else comes one by one from an iterator, is checked and may be
refused. Finished frames are handed over in chunks: at once when nothing else is in
flight, else every few milliseconds, so that a fast stream costs little Python.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from neurocluster.client.engine import RESULTS, Engine
from neurocluster.client.ledger import Ledger
from neurocluster.client.results import Chunk
from neurocluster.coding.delay import (
    check_image,
    image_shapes,
    input_order,
    plain_bytes,
)
from neurocluster.errors import FrameError
from neurocluster.model.graph import Input

DELIVERY_S: Final = 0.005
"""How long finished frames may wait for others while more are in flight."""
Later = Callable[[float, Callable[[], None]], object]


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
    """Feed an engine and collect its results.

    Attributes:
        chunks: Finished frames that nobody has taken yet.
        last: Position of the frame that finished last, or -1.
        error: What the iterator of images raised, or None.
    """

    def __init__(
        self, engine: Engine, source: Input, *, why_failed: Callable[[Any, int], str],
        later: Later, on_news: Callable[[], None],
    ) -> None:  # fmt: skip
        """Take an engine.

        Args:
            engine: Of the client.
            source: The network's input.
            why_failed: See `ledger.Ledger.finish`.
            later: Runs a callback after some seconds.
            on_news: Called when `chunks` has grown or the stream has ended.
        """
        self._engine, self._input, self._why_failed = engine, source, why_failed
        self._later, self._on_news = later, on_news
        self._ledger = Ledger(engine.outputs)
        self._images: Iterator[Any] | None = None
        self._scheduled = False
        self.chunks: deque[Chunk] = deque()
        self.last = -1
        self.error: Exception | None = None

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
        return self._images is None and not self._ledger

    def submit(self, images: Iterable[Any]) -> None:
        """Begin to stream; positions count from 0 again when nothing is left."""
        if self.ended:
            self._ledger.begin()
            self.last, self.error = -1, None
        if isinstance(images, np.ndarray) and self._plain(images):
            self._ledger.frames(len(images))
            self._engine.offer(images.reshape(len(images), self._input.shape.size))
        else:
            self._images = iter(images)
            self._start()

    def _plain(self, images: npt.NDArray[Any]) -> bool:
        """Tell whether images need no check, one by one."""
        return (
            images.dtype == np.uint8
            and images.shape[1:] in image_shapes(self._input)
            and plain_bytes(self._input)
        )

    def stop(self) -> None:
        """Start no more frames; those in flight finish."""
        self._images = None
        self._ledger.withdraw(self._engine.withdraw())
        self._on_news()

    def after_turn(self) -> None:
        """Start what the window has room for; hand over what finished."""
        if self._images is not None:
            self._start()
        count = self._engine.finished
        if not count or (self._scheduled and count < RESULTS // 2):
            return
        if self._engine.in_flight and self.last >= 0 and count < RESULTS // 2:
            self._scheduled = True
            self._later(DELIVERY_S, self.collect)
        else:
            self.collect()

    def collect(self) -> None:
        """Move finished frames into `chunks`."""
        self._scheduled = False
        chunks = self._ledger.finish(*self._engine.take_results(), self._why_failed)
        if chunks:
            self.chunks += chunks
            self.last = int(chunks[-1].frames[-1])
            self._on_news()

    def _start(self) -> None:
        """Check and start images of the iterator while the window has room."""
        while self._images is not None and self._engine.can_start:
            try:
                image = next(self._images)
            except StopIteration:
                self._images = None
                self._on_news()
                return
            except Exception as error:  # noqa: BLE001 - raised where results are read
                self._images, self.error = None, error
                self._on_news()
                return
            self._start_one(image)

    def _start_one(self, image: Any) -> None:
        number = self._ledger.next_index
        try:
            image = as_array(image, number)
            check_image(image, self._input, number)
        except FrameError as error:
            self._ledger.refuse(str(error))
            if self._ledger.refused_first:
                self.collect()
            return
        if image.dtype == np.uint8:
            self._engine.start(np.ascontiguousarray(image).reshape(-1))
        else:
            self._engine.start_order(input_order(image, self._input))
        self._ledger.frames()
