"""A client's engine without kernels: it starts frames, a test finishes them.

An image is two bytes, the frame's value 256 * first + second. What a finished frame
gives is one output, so that results that belong to another frame are seen.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from neurocluster.client.records import RESULT
from neurocluster.dtypes import I32, U8, U32, Records
from neurocluster.model.graph import Input, Shape

SOURCE = Input(Shape(1, 2, 1), scale=1 / 255)


def image_of(value: int) -> U8:
    """Return the image of a value."""
    return np.array(divmod(value, 256), np.uint8)


class FrameEngine:
    """Keep the frames of one epoch; implements `client.stream.StreamEngine`.

    Attributes:
        started: How many frames were started; the next one's number.
        open: Value and start time (ns) of each frame in flight, oldest first.
    """

    outputs = 1
    paced = False

    def __init__(
        self, epoch: int = 1, window: int = 4,
        clock: Callable[[], int] = lambda: 1,
        send: Callable[[int, int], None] = lambda _frame, _value: None,
    ) -> None:  # fmt: skip
        """Take a clock, and what is told of each frame that starts."""
        self.epoch, self.window = epoch, window
        self._clock, self._send = clock, send
        self.started = 0
        self.open: list[tuple[int, int]] = []
        self._images: U8 = np.zeros((0, 2), np.uint8)
        self._rows: list[tuple[int, int, int, int, int]] = []

    @property
    def in_flight(self) -> int:
        """Return how many started frames have not finished."""
        return len(self.open)

    @property
    def next_frame(self) -> int:
        """Return the oldest frame that has not finished."""
        return self.started - len(self.open)

    @property
    def can_start(self) -> bool:
        """Tell whether the window has room."""
        return len(self.open) < self.window

    @property
    def finished(self) -> int:
        """Return how many finished frames nobody has taken."""
        return len(self._rows)

    def open_since(self) -> list[int]:
        """Return when each frame in flight was started."""
        return [time for _, time in self.open]

    def offer(self, images: U8) -> None:
        """Start images as the window has room."""
        self._images = images
        self._fill()

    def withdraw(self) -> int:
        """Start no more of them; return how many that leaves out."""
        left, self._images = len(self._images), self._images[:0]
        return left

    def _fill(self) -> None:
        while len(self._images) and self.can_start:
            image, self._images = self._images[0], self._images[1:]
            self.start(image)

    def start(self, image: U8) -> None:
        """Start a frame."""
        self._start(256 * int(image[0]) + int(image[1]))

    def start_order(self, addresses: U32) -> None:
        """Start a frame given as addresses in firing order."""
        self._start(int(addresses.sum()))

    def _start(self, value: int) -> None:
        assert self.can_start, "the window is full"
        frame, self.started = self.started, self.started + 1
        self.open.append((value, self._clock()))
        self._send(frame, value)

    def finish(self, output: int | None = None, *, failed: int = 0) -> None:
        """Finish the oldest frame; its output is its value unless given."""
        frame, (value, since) = self.next_frame, self.open.pop(0)
        output = value if output is None else output
        self._rows.append((frame, since, self._clock(), failed, output))
        self._fill()

    def take_results(self) -> tuple[Records, I32, I32]:
        """Return and forget what finished."""
        rows, self._rows = self._rows, []
        table = np.zeros(len(rows), RESULT)
        counts = np.zeros((len(rows), 1), np.int32)
        for k, (frame, since, done, failed, output) in enumerate(rows):
            entry = table[k]
            entry["frame"], entry["started_ns"], entry["done_ns"] = frame, since, done
            entry["failed"] = failed
            counts[k, 0] = output
        return table, counts, counts.copy()
