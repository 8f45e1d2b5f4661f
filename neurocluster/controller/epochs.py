"""Count epochs, and those that got nobody anywhere.

Only the client knows what an epoch finished, and it tells with its BEATs. So an epoch
that failed is judged by the client's first BEAT of the next one: it has closed the old
one's links then, and nothing of it can finish any more. Members send a BEAT with
PREPARE; epochs that fail within milliseconds would outrun the usual ones.
"""

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
        reason: Why the last epoch of this session failed; empty if none did.
        partition: Which one made it fail, if one did.
        barren: So many in a row finished no frame, as far as they are judged.
    """

    def __init__(self) -> None:
        """Start before the first epoch."""
        self.number = self._begun_ns = 0
        self.begin_session()

    def begin_session(self) -> None:
        """Forget how epochs of other sessions ended."""
        self.reason, self.barren = "", 0
        self.partition: str | None = None
        self._fruitful = self._ran = False
        self._unwired = 0

    def begin(self, now_ns: int) -> bool:
        """Count an epoch; return True if it follows one that failed."""
        self.number += 1
        self._begun_ns = now_ns
        return bool(self.reason)

    def fail(
        self, reason: str, partition: str | None, now_ns: int, *, running: bool
    ) -> None:
        """Note that the epoch failed, while it ran or before."""
        self.reason, self.partition = reason, partition
        together = now_ns - self._begun_ns < TOGETHER_NS
        self._ran = self._ran or running
        self._unwired += not running and not together

    def progress(self) -> None:
        """Note that a frame was finished."""
        self.barren, self._fruitful = 0, True

    def judge(self, *, busy: bool) -> bool:
        """Judge the epochs that failed since the last call.

        One that ran while no frame was open had nothing to finish, and is not barren.

        Args:
            busy: The client has frames that are started and not finished.

        Returns:
            True if too many in a row were barren.
        """
        if not self._ran and not self._unwired:
            return False
        if not self._fruitful:
            self.barren += self._unwired + (self._ran and busy)
        self._fruitful, self._ran, self._unwired = False, False, 0
        return self.barren >= MOST_BARREN
