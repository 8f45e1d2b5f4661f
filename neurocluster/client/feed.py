"""Hold what a stream has still to start, and what it may have to start again.

A frame whose epoch failed is started again, in the original order, before anything
new. Images of an array stay where they are; of others the frame is kept until it has
finished. Both feeds start frames through an engine and know nothing else of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from neurocluster.dtypes import U8, U32


class Starter(Protocol):
    """What a feed needs of `client.engine.Engine`."""

    @property
    def can_start(self) -> bool:
        """Tell whether the window has room for another frame."""

    def offer(self, images: U8) -> None:
        """Stream images: start as many as the window takes, the rest by and by."""

    def withdraw(self) -> int:
        """Start no more of the offered images; return how many that leaves out."""

    def start(self, image: U8) -> None:
        """Encode a flat uint8 image and start its frame."""

    def start_order(self, addresses: U32) -> None:
        """Start a frame given as uint32 addresses in firing order."""


class ArrayFeed:
    """Feed the images of one array; the engine starts them itself as frames finish."""

    def __init__(self, images: U8) -> None:
        """Take (n, pixels) uint8."""
        self._images = images
        self._done = self._offered = 0
        self._alone = False
        self.error: Exception | None = None

    @property
    def ended(self) -> bool:
        """Tell whether the engine has been offered everything."""
        return self._offered == self._total

    def fill(self, engine: Starter) -> None:
        """Offer what was not offered yet."""
        if not self.ended and not self._alone:
            images = self._images[self._offered :]
            self._offered = self._total
            engine.offer(images)

    def finished(self, count: int) -> None:
        """Forget the oldest frames: they have their results."""
        self._done += count
        self._alone = self._alone and not count

    def restart(self, engine: Starter, *, alone: bool) -> None:
        """Start again what has not finished; first only the oldest, if ``alone``."""
        self._offered, self._alone = self._done, alone and self._done < self._total
        if self._alone:
            self._offered += 1
            engine.offer(self._images[self._done : self._offered])
        self.fill(engine)

    @property
    def _total(self) -> int:
        return len(self._images)

    def withdraw(self, engine: Starter) -> int:
        """Start no more; return how many images that leaves out."""
        left = self._total - self._offered + engine.withdraw()
        self._images = self._images[: self._total - left]
        self._offered = self._total
        return left


Draw = Callable[[Any], U8 | U32 | None]
"""Checks an image; returns its frame as pixels or addresses, or None if refused."""


class IteratorFeed:
    """Feed images one by one, each checked."""

    def __init__(self, images: Iterator[Any], draw: Draw) -> None:
        """Take the images; ``draw`` makes a frame of each."""
        self._images: Iterator[Any] | None = images
        self._draw = draw
        self._kept: deque[U8 | U32] = deque()
        self._started = 0
        self._alone = False
        self.error: Exception | None = None

    @property
    def ended(self) -> bool:
        """Tell whether there is nothing left to start."""
        return self._images is None and self._started == len(self._kept)

    def fill(self, engine: Starter) -> None:
        """Start frames while the window has room: those of before, then new ones."""
        while engine.can_start and not (self._alone and self._started):
            if self._started == len(self._kept) and not self._take():
                return
            frame = self._kept[self._started]
            self._started += 1
            if frame.dtype == np.uint8:
                engine.start(frame.astype(np.uint8, copy=False))
            else:
                engine.start_order(frame.astype(np.uint32, copy=False))

    def _take(self) -> bool:
        """Draw the next frame; False when there are no more images."""
        while self._images is not None:
            try:
                image = next(self._images)
            except StopIteration:
                self._images = None
            except Exception as error:  # noqa: BLE001 - raised where results are read
                self._images, self.error = None, error
            else:
                frame = self._draw(image)
                if frame is not None:
                    self._kept.append(frame)
                    return True
        return False

    def finished(self, count: int) -> None:
        """Forget the oldest frames: they have their results."""
        for _ in range(count):
            self._kept.popleft()
        self._started -= count
        self._alone = self._alone and not count

    def restart(self, engine: Starter, *, alone: bool) -> None:
        """Start again what has not finished; first only the oldest, if ``alone``."""
        self._started, self._alone = 0, alone
        self.fill(engine)

    def withdraw(self, engine: Starter) -> int:
        """Draw no more; what was drawn still runs."""
        del engine
        self._images = None
        return 0


Feed = ArrayFeed | IteratorFeed
