"""Exchange control messages over one ZeroMQ socket, used in both directions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import zmq

from neurocluster.errors import ConfigError
from neurocluster.transport.handshake import Handshakes, Refusal
from neurocluster.transport.sockets import (
    Sockets,
    bind_to,
    connect_to,
    last_endpoint,
    watch,
)

CONTROL_BUDGET: Final = 64
"""Most messages that are taken before others get their turn."""
CONTROL_BUDGET_NS: Final = 2_000_000
"""Time after which no further one is taken: large ones take long to read."""
CONTROL_HWM: Final = 10_000
GIVE_UP_MS: Final = 2000
"""A connection on which nothing is acknowledged for so long is made anew: TCP waits
ever longer between two tries, after 30 s without a network for up to 25 s more. Whether
the other process runs does not matter, its kernel acknowledges."""
CONNECT_MS: Final = 1000
"""How long one try to connect may take."""
PEER_HWM: Final = 16
"""Messages of one peer that wait in the controller; more wait in the peer."""
ANSWERS_HWM: Final = 2000
"""Messages to one peer that wait: the reports of a second for a client that pauses,
and not much of an asker that reads no answers."""


class ControlSocket:
    """Exchange control messages: ROUTER in the controller, DEALER elsewhere.

    Attributes:
        strangers: Messages of another number of parts, dropped.
    """

    def __init__(
        self,
        sockets: Sockets,
        on_message: Callable[[bytes, bytes], None],
        *,
        bind: str | None = None,
        connect: str | None = None,
        identity: bytes = b"",
        limit: int,
        on_refusal: Callable[[Refusal], None] = lambda _refusal: None,
    ) -> None:
        """Open.

        Args:
            sockets: Makes the socket.
            on_message: Called with (peer identity, message); the identity is empty
                on the connecting side.
            bind: Endpoint of the controller.
            connect: Endpoint to connect to.
            identity: Of the connecting side.
            limit: Most bytes of a message.
            on_refusal: Called when what we connect to ends our handshake.

        Raises:
            LocalLinkError: The endpoint cannot be bound.
            ConfigError: What to connect to is no endpoint.
        """
        self._router = bind is not None
        self._socket = sockets.open(
            zmq.ROUTER if self._router else zmq.DEALER,
            hwm=CONTROL_HWM, limit=limit, listens=self._router,
        )  # fmt: skip
        self._on_message, self._on_refusal = on_message, on_refusal
        self._handshakes: Handshakes | None = None
        self._socket.set(zmq.TCP_MAXRT, GIVE_UP_MS)
        if self._router:
            self._socket.set(zmq.RCVHWM, PEER_HWM)
            self._socket.set(zmq.SNDHWM, ANSWERS_HWM)
        self.strangers = 0
        self._path: Path | None = None
        if bind is not None:
            self._socket.set(zmq.ROUTER_MANDATORY, 1)
            self._socket.set(zmq.ROUTER_HANDOVER, 1)  # who connects anew is believed
            name = f"the control endpoint {bind}"
            self._path = bind_to(self._socket, [bind], name)
        elif connect is not None:
            self._socket.set(zmq.IDENTITY, identity)
            self._socket.set(zmq.CONNECT_TIMEOUT, CONNECT_MS)
            self._handshakes = Handshakes(self._socket, encrypted=sockets.encrypted)
            try:
                connect_to(self._socket, connect)
            except ConfigError:
                self._handshakes.close()
                raise
        self.endpoint: str = last_endpoint(self._socket)
        self._loop = asyncio.get_running_loop()
        self._stop = watch(self._socket, self._turn)
        self._look_away = self._watch_handshakes()
        self._scheduled = False
        self._soon()

    def send(self, message: bytes, peer: bytes = b"") -> bool:
        """Send without waiting; False if the peer is gone or its queue full."""
        if self._socket.closed:
            return False
        parts = [peer, message] if self._router else [message]
        try:
            self._socket.send_multipart(parts, zmq.NOBLOCK)
        except zmq.ZMQError:
            return False
        self._soon()  # the send may have swallowed a signal
        return True

    def _soon(self) -> None:
        """Look at the socket soon; once for all that was sent until then."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = False
        end = time.monotonic_ns() + CONTROL_BUDGET_NS
        for _ in range(CONTROL_BUDGET):
            if self._socket.closed:
                return
            try:
                parts: Sequence[bytes] = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            if len(parts) == 1 + self._router:
                self._on_message(parts[0] if self._router else b"", parts[-1])
            else:
                self.strangers += 1
            if time.monotonic_ns() > end:
                break
        self._soon()

    def _watch_handshakes(self) -> Callable[[], None]:
        """Tell of refusals; return how to stop that."""
        handshakes = self._handshakes
        if handshakes is None:
            return lambda: None

        def look() -> None:
            if refusal := handshakes.refused():
                self._on_refusal(refusal)

        unwatch = watch(handshakes.monitor, look)

        def stop() -> None:
            unwatch()
            handshakes.close()

        self._loop.call_soon(look)
        return stop

    def close(self, linger_ms: int = 200) -> None:
        """Close; the last messages get a moment to leave. May be called twice."""
        if self._socket.closed:
            return
        self._stop()
        self._look_away()
        self._socket.close(linger_ms)
        if self._path is not None:
            self._path.unlink(missing_ok=True)
