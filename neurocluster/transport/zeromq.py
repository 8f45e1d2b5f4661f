"""Implement the transport on ZeroMQ: raw non-blocking sockets beside asyncio.

A ZeroMQ file descriptor is edge-like: it only says "look at EVENTS", and any send or
receive may swallow its signal. Every callback therefore reads EVENTS of its own
socket first, and a socket used in both directions looks again after each send.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import zmq

from neurocluster.errors import ConfigError, LocalLinkError

TCP_BUFFER_BYTES: Final = 64 * 1024
"""SNDBUF and RCVBUF of tcp links; the default hides up to 4 MB in the kernel."""
IPC_PATH_BYTES: Final = 107
"""Longest path of a Unix domain socket."""
HANDSHAKE_MS: Final = 2000
TCP_RETRY_MS: Final = 10_000


def new_context(sockets: int) -> zmq.Context[zmq.Socket[bytes]]:
    """Make a context with room for a number of sockets."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    context.set(zmq.MAX_SOCKETS, max(1023, sockets + 64))
    return context


def watch(
    socket: zmq.Socket[bytes], wake: Callable[[], None], *, look_first: bool = True
) -> Callable[[], None]:
    """Call ``wake`` when a socket may have news; return how to stop that."""
    loop = asyncio.get_running_loop()
    descriptor = int(socket.get(zmq.FD))
    events = _events_of(socket)

    def look() -> None:
        events()
        wake()

    loop.add_reader(descriptor, look if look_first else wake)

    def stop() -> None:
        loop.remove_reader(descriptor)

    return stop


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
    again, no_block, events = zmq.Again, int(zmq.NOBLOCK), _events_of(socket)

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


def _events_of(socket: zmq.Socket[bytes]) -> Callable[[], int]:
    raw: Any = super(zmq.Socket, socket).get
    option = int(zmq.EVENTS)
    return lambda: int(raw(option))


def open_socket(
    context: zmq.Context[zmq.Socket[bytes]], kind: int
) -> zmq.Socket[bytes]:
    """Open a socket.

    Raises:
        LocalLinkError: The system has no descriptors left.
    """
    try:
        return context.socket(kind)
    except zmq.ZMQError as error:
        message = f"cannot open a socket: {error.strerror}"
        raise LocalLinkError(message) from error


def connect_to(socket: zmq.Socket[bytes], endpoint: str) -> None:
    """Connect a socket to an endpoint that a user named, or close it.

    Raises:
        ConfigError: It is no endpoint.
    """
    try:
        socket.connect(endpoint)
    except zmq.ZMQError as error:
        socket.close(0)
        message = f"connect: {endpoint} is no endpoint: {error.strerror}"
        raise ConfigError(message) from error


def prepare(socket: zmq.Socket[bytes], hwm: int, limit: int) -> None:
    """Set what all sockets share; nothing is kept for a peer once they close."""
    socket.set(zmq.LINGER, 0)
    socket.set(zmq.SNDHWM, hwm)
    socket.set(zmq.RCVHWM, hwm)
    socket.set(zmq.MAXMSGSIZE, limit)
    socket.set(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)


class ZmqInbox:
    """Receive on one PULL socket, bound to a fresh endpoint."""

    def __init__(
        self, context: zmq.Context[zmq.Socket[bytes]], where: str, hwm: int, limit: int
    ) -> None:
        """Bind.

        Args:
            context: Owns the socket.
            where: ``ipc://PATH`` or ``tcp://HOST:*``.
            hwm: Messages queued for each link.
            limit: Most bytes of a message.

        Raises:
            LocalLinkError: The endpoint cannot be bound.
        """
        self._socket = open_socket(context, zmq.PULL)
        prepare(self._socket, hwm, limit)
        if where.startswith("tcp://"):
            self._socket.set(zmq.RCVBUF, TCP_BUFFER_BYTES)
        self._path = bind_to(self._socket, where, where)
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
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        hwm: int,
        wake: Callable[[], None],
    ) -> None:
        """Connect; ``wake`` is called when there may be room again."""
        self._socket = open_socket(context, zmq.PUSH)
        prepare(self._socket, hwm, -1)
        if endpoint.startswith("tcp://"):
            self._socket.set(zmq.SNDBUF, TCP_BUFFER_BYTES)
            self._socket.set(zmq.TCP_MAXRT, TCP_RETRY_MS)
        self._socket.connect(endpoint)
        self.handle = int(self._socket.underlying)
        self.send: Callable[[memoryview | bytes], bool] = _sender(self._socket)
        self._stop = watch(self._socket, wake)

    def close(self) -> None:
        """Close without waiting: what was sent is accounted for by the protocol."""
        if self._socket.closed:
            return
        self._stop()
        self._socket.close(0)


def bind_to(socket: zmq.Socket[bytes], where: str, name: str) -> Path | None:
    """Bind a socket, or close it; return the file that it made, if any.

    Args:
        socket: To bind.
        where: ``ipc://PATH`` or ``tcp://HOST:PORT``.
        name: What an error calls the endpoint.

    Raises:
        LocalLinkError: It cannot be bound.
    """
    path = Path(where.removeprefix("ipc://")) if where.startswith("ipc://") else None
    try:
        if path is not None:
            check_path(path)
        socket.bind(where)
    except zmq.ZMQError as error:
        socket.close(0)
        message = f"cannot bind {name}: {error.strerror}"
        raise LocalLinkError(message) from error
    except LocalLinkError:
        socket.close(0)
        raise
    return path


def last_endpoint(socket: zmq.Socket[bytes]) -> str:
    """Return the endpoint that a socket was bound or connected to last."""
    value = socket.get(zmq.LAST_ENDPOINT)
    text = value.decode() if isinstance(value, bytes) else str(value)
    return text.rstrip("\0")


def check_path(path: Path) -> None:
    """Refuse a socket path that the kernel would cut off.

    Raises:
        LocalLinkError: The path is too long.
    """
    size = len(os.fsencode(path))
    if size > IPC_PATH_BYTES:
        message = (
            f"the socket path {path} has {size} bytes, the system takes "
            f"{IPC_PATH_BYTES}; set TMPDIR to a shorter folder"
        )
        raise LocalLinkError(message)
