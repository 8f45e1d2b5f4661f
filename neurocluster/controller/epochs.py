"""Count epochs, and those that got nobody anywhere."""

from __future__ import annotations

from typing import Final

MOST_BARREN: Final = 4
"""So many epochs in a row without a finished frame fail the session: one more than
the client needs to give up a frame that fails every epoch (`client.stream`)."""
TOGETHER_NS: Final = 100_000_000
"""Members that are lost within this time of each other, such as those of one host, are
one failure: an epoch that was begun in between does not count."""


class Epochs:
    """Keep the number of the epoch, and how the last ones ended.

    Attributes:
        number: Of the present epoch; counts for the life of a controller.
        busy: The client has frames that are not finished, as far as is known.
        reason: Why the last epoch of this session failed; empty if none did.
    """

    def __init__(self) -> None:
        """Start before the first epoch."""
        self.number = self._begun_ns = 0
        self.begin_session()

    def begin_session(self) -> None:
        """Forget how epochs of other sessions ended."""
        self.busy, self.reason = True, ""
        self._barren, self._fruitful = 0, False

    def begin(self, now_ns: int) -> bool:
        """Count an epoch; return True if it follows one that failed."""
        self.number += 1
        self._begun_ns, self._fruitful = now_ns, False
        return bool(self.reason)

    def progress(self) -> None:
        """Note that a frame was finished in this epoch."""
        self._barren, self._fruitful = 0, True

    def fail(self, reason: str, now_ns: int, *, running: bool) -> int:
        """Note that the epoch failed; return how many in a row finished no frame.

        One that ran while no frame was open had nothing to finish, and does not count.
        """
        self.reason = reason
        together = now_ns - self._begun_ns < TOGETHER_NS
        if not self._fruitful and (self.busy if running else not together):
            self._barren += 1
        return self._barren
