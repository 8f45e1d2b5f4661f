"""Hold the control socket of a member; find a controller that moved."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from functools import partial
from typing import Final

from neurocluster.errors import NeuroclusterError, WireError
from neurocluster.member.events import Event, Received, Refused
from neurocluster.member.meeting import LETTERS, Meeting
from neurocluster.transport.control import ControlSocket
from neurocluster.transport.handshake import Refusal
from neurocluster.transport.sockets import Sockets
from neurocluster.wire.control import (
    PREPARE_LIMIT,
    Control,
    decode_control,
    encode_control,
)

LOOK_S: Final = 1.0
"""Between two looks for the controller while none answers."""
_log = logging.getLogger(__name__)


class Contact:
    """Exchange messages with the controller, wherever it is; `close` ends that."""

    def __init__(
        self, sockets: Sockets, meeting: Meeting, on_event: Callable[[Event], None]
    ) -> None:
        """Connect.

        Args:
            sockets: Makes the socket.
            meeting: Where the controller is, or is to be found.
            on_event: Told of messages and of refused handshakes.

        Raises:
            ConfigError: What to connect to is no endpoint.
        """
        self._sockets, self._find, self._on_event = sockets, meeting.find, on_event
        self._identity = b"\1" + secrets.token_bytes(LETTERS)
        self._endpoint, self._said, self._looked_s = meeting.endpoint, "", 0.0
        self._control = self._connect(meeting.endpoint)

    def _connect(self, endpoint: str) -> ControlSocket:
        return ControlSocket(
            self._sockets, self._received, connect=endpoint, identity=self._identity,
            limit=PREPARE_LIMIT, on_refusal=partial(self._refused, endpoint),
        )  # fmt: skip

    def send(self, message: Control) -> None:
        """Send a message; it is lost if the controller cannot take it."""
        self._control.send(encode_control(message))

    def look_again(self, now_s: float) -> None:
        """Follow a controller that was started again at another endpoint."""
        if self._find is None or now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        try:
            endpoint = self._find()
            if endpoint == self._endpoint:
                return
            control = self._connect(endpoint)
        except NeuroclusterError:
            return  # it is not there yet
        _log.info("the controller is at %s now", endpoint)
        self._control.close(0)
        self._control, self._endpoint = control, endpoint

    def _received(self, _peer: bytes, data: bytes) -> None:
        try:
            message = decode_control(data, PREPARE_LIMIT)
        except WireError as error:
            _log.warning("dropped a control message: %s", error)
            return
        self._on_event(Received(message))

    def _refused(self, endpoint: str, refusal: Refusal) -> None:
        """Say it at once: whoever goes on asking should know why nothing happens."""
        text = f"{endpoint} {refusal.reason}"
        if text != self._said:
            self._said = text
            _log.warning("%s", text)
        self._on_event(Refused(text, refusal.certain))

    def close(self) -> None:
        """Release the socket; the last messages get a moment to leave."""
        self._control.close()
