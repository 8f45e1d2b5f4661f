"""Keep how the present client's session stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

REPORT_NS: Final = 500_000_000
"""How long to wait for the reports of the others once a session failed."""
STOP_NS: Final = 2_000_000_000
"""How long to wait for them at the end of one that did not."""
MOST_STOP_NS: Final = 25_000_000_000
"""How long, while their tables go on to come; less than a client waits for that."""
DRAIN_NS: Final = 5_000_000_000
"""How long a client may take for its frames in flight when somebody stops the cluster.
"""


class Session:
    """Hold a session's deadlines and its failure.

    Attributes:
        failure: Why it failed, in words; empty if it did not.
        finished: Position of the frame that the client finished last, or -1.
        limit_ns: When what is waited for now comes too late; None without a limit.
        drain_ns: When the client must have drained; None while nobody asked for it.
        ran: An epoch ran, so frames may be in flight.
        comparable: It ended in an epoch that ran, so both ends of a link count alike.
        handed_in: Tables of workers that stood back before its end, by peer.
    """

    def __init__(self) -> None:
        """Begin without a client, and without a limit."""
        self.forget()

    def forget(self) -> None:
        """Be as before the first client."""
        self.failure, self.finished = "", -1
        self.limit_ns: int | None = None
        self._closed_ns = 0
        self.drain_ns: int | None = None
        self.ran = self.comparable = False
        self.handed_in: dict[bytes, Mapping[str, Any]] = {}

    def close(self, now_ns: int, *, comparable: bool) -> None:
        """Begin to gather reports; for a shorter time if the session failed."""
        self._closed_ns = now_ns
        self.limit_ns = now_ns + self._patience_ns
        self.drain_ns, self.comparable = None, comparable

    @property
    def _patience_ns(self) -> int:
        return REPORT_NS if self.failure else STOP_NS

    def extend(self, now_ns: int) -> None:
        """Wait longer for reports: large tables come before them, piece by piece."""
        most = self._closed_ns + MOST_STOP_NS
        self.limit_ns = min(now_ns + self._patience_ns, most)

    def late(self, now_ns: int) -> bool:
        """Tell whether what is waited for comes too late."""
        return self.limit_ns is not None and now_ns >= self.limit_ns

    def undrained(self, now_ns: int) -> bool:
        """Tell whether the client had its time to drain."""
        return self.drain_ns is not None and now_ns >= self.drain_ns
