"""Learn why a peer ends our handshakes: most often it does not admit our key."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Final

import zmq
from zmq.utils.monitor import recv_monitor_message

EVENTS: Final = (
    zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
)
HUNG_UP: Final = (errno.EPIPE, errno.ECONNRESET)
"""The peer closed; a handshake that only timed out has another number."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A handshake that the peer ended.

    Attributes:
        reason: For a person; it follows on what is connected to.
        certain: True if asking again is of no use. Who is turned away without a word
            may have met somebody who has just ended.
    """

    reason: str
    certain: bool


class Handshakes:
    """Watch the handshakes of a socket that connects; `close` ends that.

    Attributes:
        monitor: Readable when there is news.
    """

    def __init__(self, socket: zmq.Socket[bytes], *, encrypted: bool) -> None:
        """Begin, before the socket connects."""
        self._socket, self._encrypted = socket, encrypted
        self.monitor: zmq.Socket[bytes] = socket.get_monitor_socket(EVENTS)

    def refused(self) -> Refusal | None:
        """Return the last refusal since the call before, if there was any."""
        found: Refusal | None = None
        while self.monitor.poll(0):
            message = recv_monitor_message(self.monitor)
            found = self._judge(message["event"], message["value"]) or found
        return found

    def _judge(self, event: int, value: int) -> Refusal | None:
        if event == zmq.EVENT_HANDSHAKE_FAILED_AUTH:
            return Refusal("does not admit our key; take that of its cluster", True)
        if value == zmq.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH:
            if self._encrypted:
                return Refusal("does not encrypt: its cluster has no key", True)
            return Refusal("asks for a key: --key, or its connection file", True)
        if event == zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL and value in HUNG_UP:
            reason = "hangs up on us: it has another key, or is no controller"
            return Refusal(reason, False)
        return None

    def close(self) -> None:
        """End it; not after the socket's context."""
        if not self._socket.closed:
            self._socket.disable_monitor()
        self.monitor.close(0)
