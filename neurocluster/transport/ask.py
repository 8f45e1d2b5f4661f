"""Ask a controller from outside the cluster: one blocking socket, no event loop."""

from __future__ import annotations

import contextlib
import time
from types import TracebackType
from typing import Final, Self

import zmq

from neurocluster.errors import ConfigError, WireError
from neurocluster.transport.handshake import Handshakes
from neurocluster.transport.keys import Keys
from neurocluster.transport.sockets import Sockets, connect_to
from neurocluster.wire.control import (
    CONTROL_LIMIT,
    Control,
    Kind,
    decode_control,
    encode_control,
)

HWM: Final = 100


class Asker:
    """Own a socket to one controller; use it as a context manager."""

    def __init__(self, endpoint: str, keys: Keys | None = None) -> None:
        """Connect, whether anybody is there or not.

        Args:
            endpoint: Of the controller.
            keys: Of its cluster, if it has any.

        Raises:
            ConfigError: It is no endpoint.
        """
        self._sockets = Sockets(1, keys)
        self._socket = self._sockets.open(
            zmq.DEALER, hwm=HWM, limit=CONTROL_LIMIT, listens=False
        )
        self._handshakes = Handshakes(self._socket, encrypted=self._sockets.encrypted)
        try:
            connect_to(self._socket, endpoint)
        except ConfigError:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Return this object."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """Release the socket."""
        self.close()

    def ask(self, what: str, seconds: float) -> Control | None:
        """Ask; return the newest answer that comes within some seconds, or None."""
        while self.listen(0) is not None:
            pass  # late answers to what was asked before
        self.send(what)
        return self.listen(seconds)

    def send(self, what: str) -> None:
        """Ask without waiting; too many questions without an answer are dropped."""
        question = encode_control(Control(Kind.ASK, {"what": what}))
        with contextlib.suppress(zmq.Again):
            self._socket.send(question, zmq.NOBLOCK)

    def listen(self, seconds: float) -> Control | None:
        """Return the next answer within some seconds, or None."""
        end = time.monotonic() + seconds
        while True:
            left_ms = max(int((end - time.monotonic()) * 1000), 0)
            if not self._socket.poll(left_ms):
                return None
            try:
                message = decode_control(self._socket.recv(zmq.NOBLOCK))
            except WireError:
                continue
            if message.kind is Kind.ANSWER:
                return message

    @property
    def refusal(self) -> str:
        """Return why handshakes were refused since the call before; or nothing."""
        found = self._handshakes.refused()
        return found.reason if found is not None else ""

    def close(self) -> None:
        """Release the socket; may be called twice."""
        self._handshakes.close()
        self._socket.close(0)
        self._sockets.close()
