"""Find the frame that fails the cluster again and again; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TIMES_TOGETHER: Final = 2
"""Epochs that may fail with one oldest open frame before it is run alone."""


@dataclass(slots=True)
class Suspect:
    """Remember the frame that was the oldest open one when epochs failed.

    After two such epochs in a row it is run alone; after three it is given up, and the
    others go on without it (protocol of recovery, "poison").
    """

    frame: int = -1
    times: int = 0

    def failed(self, frame: int) -> None:
        """Note that an epoch failed with this oldest open frame."""
        self.times = self.times + 1 if frame == self.frame else 1
        self.frame = frame

    @property
    def alone(self) -> bool:
        """Tell whether it must run alone."""
        return self.times == TIMES_TOGETHER

    @property
    def guilty(self) -> bool:
        """Tell whether it failed even alone."""
        return self.times > TIMES_TOGETHER
