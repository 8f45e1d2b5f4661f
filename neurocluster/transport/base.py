"""Define what a transport gives a node: one inbox, one ordered outlet a link."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Inbox(Protocol):
    """Receive packets of all inbound links."""

    def receive_into(self, buffer: memoryview) -> int:
        """Receive one message into the buffer.

        Returns:
            Its size, which may exceed the buffer (the rest is cut off), or -1 when
            nothing waits. After -1 the inbox calls its wake-up when more arrives.
        """

    def close(self) -> None:
        """Release everything; may be called twice."""


class Outlet(Protocol):
    """Send packets of one link, in order."""

    def send(self, packet: memoryview) -> bool:
        """Take one packet (it is copied), or return False when the link is full.

        After False the outlet calls its wake-up when there is room again.
        """

    def close(self) -> None:
        """Release everything; may be called twice."""


Schedule = Callable[[Callable[[], None]], object]
"""Run a callback soon, as `asyncio.AbstractEventLoop.call_soon` does."""
