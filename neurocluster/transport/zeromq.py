"""Implement the transport on ZeroMQ: a PULL for all inbound links, a PUSH for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import zmq

from neurocluster.errors import LocalLinkError
from neurocluster.transport.sockets import (
    Sockets,
    bind_to,
    events_of,
    last_endpoint,
    watch,
)

TCP_BUFFER_BYTES: Final = 64 * 1024
"""SNDBUF and RCVBUF of tcp links; the default hides up to 4 MB in the kernel."""
TCP_RETRY_MS: Final = 10_000


def _receiver(socket: zmq.Socket[bytes]) -> Callable[[memoryview], int]:
    """Return `transport.base.Inbox.receive_into`, a closure: it runs per packet."""
    raw: Any = super(zmq.Socket, socket).recv_into
    again, no_block = zmq.Again, int(zmq.NOBLOCK)

    def receive_into(buffer: memoryview) -> int:
        try:
            size: int = raw(buffer, flags=no_block)
        except again:
            return -1
        return size

    return receive_into


def _sender(socket: zmq.Socket[bytes]) -> Callable[[memoryview | bytes], bool]:
    """Return `transport.base.Outlet.send`, a closure: it runs per packet."""
    raw: Any = super(zmq.Socket, socket).send
    again, no_block, events = zmq.Again, int(zmq.NOBLOCK), events_of(socket)

    def send(packet: memoryview | bytes) -> bool:
        while True:
            try:
                raw(packet, no_block)
            except again:
                if not events() & zmq.POLLOUT:
                    return False
            else:
                return True

    return send


class ZmqInbox:
    """Receive on one PULL socket, bound to a fresh endpoint."""

    def __init__(
        self, sockets: Sockets, places: Sequence[str], hwm: int, limit: int
    ) -> None:
        """Bind.

        Args:
            sockets: Makes the socket.
            places: ``ipc://PATH`` or ``tcp://HOST:PORT``, to be tried in turn.
            hwm: Messages queued for each link.
            limit: Most bytes of a message.

        Raises:
            LocalLinkError: The endpoint cannot be bound.
        """
        self._socket = sockets.open(zmq.PULL, hwm=hwm, limit=limit, listens=True)
        if places[0].startswith("tcp://"):
            self._socket.set(zmq.RCVBUF, TCP_BUFFER_BYTES)
        self._path = bind_to(self._socket, places, _named(places))
        self.endpoint: str = last_endpoint(self._socket)
        self.handle = int(self._socket.underlying)
        self.receive_into: Callable[[memoryview], int] = _receiver(self._socket)
        self._stop: Callable[[], None] = lambda: None

    def watch(self, wake: Callable[[], None]) -> None:
        """Call ``wake`` when messages may have arrived.

        It must receive until nothing waits, take a turn, or call `look`; otherwise
        it is called again and again.
        """
        self._stop = watch(self._socket, wake, look_first=False)

    def look(self) -> None:
        """Take note of what arrived without receiving it."""
        self._socket.get(zmq.EVENTS)

    def close(self) -> None:
        """Close and remove the socket's file."""
        if self._socket.closed:
            return
        self._stop()
        self._socket.close(0)
        if self._path is not None:
            self._path.unlink(missing_ok=True)


class ZmqOutlet:
    """Send on one PUSH socket, connected exactly once in its life."""

    def __init__(
        self,
        sockets: Sockets,
        endpoint: str,
        hwm: int,
        wake: Callable[[], None],
    ) -> None:
        """Connect; ``wake`` is called when there may be room again.

        Raises:
            LocalLinkError: The endpoint is none.
        """
        self._socket = sockets.open(zmq.PUSH, hwm=hwm, limit=-1, listens=False)
        if endpoint.startswith("tcp://"):
            self._socket.set(zmq.SNDBUF, TCP_BUFFER_BYTES)
            self._socket.set(zmq.TCP_MAXRT, TCP_RETRY_MS)
        try:
            self._socket.connect(endpoint)
        except zmq.ZMQError as error:
            self._socket.close(0)
            message = f"cannot connect to {endpoint!r}: {error}"
            raise LocalLinkError(message) from error
        self.handle = int(self._socket.underlying)
        self.send: Callable[[memoryview | bytes], bool] = _sender(self._socket)
        self._stop = watch(self._socket, wake)

    def close(self) -> None:
        """Close without waiting: what was sent is accounted for by the protocol."""
        if self._socket.closed:
            return
        self._stop()
        self._socket.close(0)


def _named(places: Sequence[str]) -> str:
    """Return places for an error: the first, or first and last of several."""
    return places[0] if len(places) == 1 else f"{places[0]} or any other port asked for"
