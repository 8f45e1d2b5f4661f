"""Know which submitted image each of the engine's frames is; pure.

The engine numbers the frames that it starts; an image that is refused never becomes
a frame. The ledger keeps both in order of submission, as runs of images that went the
same way, so that a million images of an array cost as much as one.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from neurocluster.client.records import RESULT
from neurocluster.client.results import Chunk
from neurocluster.dtypes import I32, Records


@dataclass(slots=True)
class Run:
    """Images in a row: all frames, or one that was refused."""

    first: int
    count: int
    error: str | None = None


class Ledger:
    """Hold what was submitted and has no result yet."""

    def __init__(self, outputs: int) -> None:
        """Start empty; ``outputs`` is the network's number of outputs."""
        self._outputs = outputs
        self._runs: deque[Run] = deque()
        self.next_index = 0

    def __repr__(self) -> str:
        """Show the runs."""
        return f"<Ledger next={self.next_index} {list(self._runs)}>"

    def __len__(self) -> int:
        """Return how many images have no result yet."""
        return sum(run.count for run in self._runs)

    def __bool__(self) -> bool:
        """Tell whether any has none."""
        return bool(self._runs)

    @property
    def unfinished(self) -> tuple[int, ...]:
        """Return the positions of images without a result."""
        return tuple(
            index
            for run in self._runs
            for index in range(run.first, run.first + run.count)
        )

    @property
    def refused_first(self) -> bool:
        """Tell whether the oldest image without a result was refused."""
        return bool(self._runs) and self._runs[0].error is not None

    def oldest(self, count: int = 1) -> tuple[int, ...]:
        """Return the positions of the oldest ``count`` frames without a result."""
        frames = (
            index
            for run in self._runs
            if run.error is None
            for index in range(run.first, run.first + run.count)
        )
        return tuple(itertools.islice(frames, count))

    def begin(self) -> None:
        """Count positions from 0 again: a new stream."""
        self.next_index = 0

    def frames(self, count: int = 1) -> None:
        """Note that the next ``count`` images are the engine's next frames."""
        if not count:
            return
        last = self._runs[-1] if self._runs else None
        if last is not None and last.error is None:
            last.count += count
        else:
            self._runs.append(Run(self.next_index, count))
        self.next_index += count

    def refuse(self, error: str) -> None:
        """Note that the next image is no frame."""
        self._runs.append(Run(self.next_index, 1, error))
        self.next_index += 1

    def refuse_oldest(self, error: str) -> None:
        """Give the oldest frame an error in place of a result."""
        run = next(run for run in self._runs if run.error is None)
        at = self._runs.index(run)
        self._runs.insert(at, Run(run.first, 1, error))
        run.first, run.count = run.first + 1, run.count - 1
        if not run.count:
            self._runs.remove(run)

    def withdraw(self, count: int) -> None:
        """Take back the last ``count`` images: the engine did not start them."""
        if count:
            self._runs[-1].count -= count
            self.next_index -= count
            if not self._runs[-1].count:
                self._runs.pop()

    def finish(
        self, rows: Records, counts: I32, potentials: I32,
        why_failed: Callable[[Any, int], str], epoch: int = 0,
    ) -> list[Chunk]:  # fmt: skip
        """Match finished frames with their images.

        Args:
            rows: (n,) RESULT, in the engine's order.
            counts: (n, outputs) int32.
            potentials: (n, outputs) int32.
            why_failed: Given a row and the image's position; returns its error.
            epoch: In which they finished.

        Returns:
            The frames, and refused images that precede nothing unfinished.
        """
        chunks, at = [], 0
        while self._runs:
            if self.refused_first:
                chunks.append(self._refused())
                continue
            run = self._runs[0]
            count = min(run.count, len(rows) - at)
            if not count:
                break
            part = slice(at, at + count)
            frames, done = np.arange(run.first, run.first + count), rows[part]
            errors = {}
            if done["failed"].any():
                for k in done["failed"].nonzero()[0]:
                    frame = int(frames[k])
                    errors[frame] = why_failed(done[k], frame)
            chunks.append(
                Chunk(frames, done, counts[part], potentials[part], errors, epoch)
            )
            run.first, run.count, at = run.first + count, run.count - count, at + count
            if not run.count:
                self._runs.popleft()
        return chunks

    def _refused(self) -> Chunk:
        """Return the refused images at the front."""
        errors: dict[int, str] = {}
        while self.refused_first:
            run = self._runs.popleft()
            errors[run.first] = run.error or ""
        empty = np.zeros((len(errors), self._outputs), np.int32)
        rows = np.zeros(len(errors), RESULT)
        return Chunk(np.array(list(errors), np.int64), rows, empty, empty, errors)
