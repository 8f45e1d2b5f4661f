"""Count epochs, and those that got nobody anywhere."""

from __future__ import annotations

from typing import Final

MOST_BARREN: Final = 3
"""So many epochs in a row without a finished frame fail the session."""


class Epochs:
    """Keep the number of the epoch, and how the last ones ended.

    Attributes:
        number: Of the present epoch; counts for the life of a controller.
        busy: The client has frames that are not finished.
        reason: Why the last epoch of this session failed; empty if none did.
    """

    def __init__(self) -> None:
        """Start before the first epoch."""
        self.number = 0
        self.busy = False
        self.reason = ""
        self._barren = 0

    def begin_session(self) -> None:
        """Forget how epochs of other sessions ended."""
        self.busy, self.reason, self._barren = False, "", 0

    def begin(self) -> bool:
        """Count an epoch; return True if it follows one that failed."""
        self.number += 1
        return bool(self.reason)

    def progress(self) -> None:
        """Note that a frame was finished."""
        self._barren = 0

    def fail(self, reason: str, *, running: bool) -> int:
        """Note that the epoch failed; return how many in a row finished no frame.

        One that ran while no frame was open had nothing to finish, and does not count.
        """
        self.reason = reason
        self._barren += self.busy or not running
        return self._barren
