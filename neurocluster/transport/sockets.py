"""Open ZeroMQ sockets the way that all of ours are; watch them beside asyncio.

A ZeroMQ file descriptor is edge-like: it only says "look at EVENTS", and any send or
receive may swallow its signal. Every callback therefore reads EVENTS of its own
socket first, and a socket used in both directions looks again after each send.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import zmq

from neurocluster.errors import ConfigError, LocalLinkError
from neurocluster.transport.keys import DOMAIN, Keys

if TYPE_CHECKING:
    from neurocluster.transport.gate import Gate

IPC_PATH_BYTES: Final = 107
"""Longest path of a Unix domain socket."""
HANDSHAKE_MS: Final = 2000
BACKLOG: Final = 1024
"""Connections that wait to be accepted: members among a flood of strangers."""


class Sockets:
    """Make the sockets of one process; `close` ends what they share.

    With keys every socket is encrypted, and one that listens admits the cluster's key
    only.
    """

    def __init__(self, count: int, keys: Keys | None = None) -> None:
        """Make room for a number of sockets."""
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._context.set(zmq.MAX_SOCKETS, max(1023, count + 64))
        self._keys = keys
        self._gate: Gate | None = None

    def open(
        self, kind: int, *, hwm: int, limit: int, listens: bool
    ) -> zmq.Socket[bytes]:
        """Open a socket; nothing is kept for a peer once it closes.

        Args:
            kind: zmq.PULL and its like.
            hwm: Messages queued for each peer.
            limit: Most bytes of a message; -1 for any.
            listens: True if it will be bound.

        Raises:
            LocalLinkError: The system has no descriptors left.
        """
        try:
            if listens and self._keys is not None and self._gate is None:
                self._gate = _gate(self._context, self._keys)
            socket = self._context.socket(kind)
        except zmq.ZMQError as error:
            message = f"cannot open a socket: {error.strerror}"
            raise LocalLinkError(message) from error
        socket.set(zmq.LINGER, 0)
        socket.set(zmq.SNDHWM, hwm)
        socket.set(zmq.RCVHWM, hwm)
        socket.set(zmq.MAXMSGSIZE, limit)
        socket.set(zmq.HANDSHAKE_IVL, HANDSHAKE_MS)
        if listens:
            socket.set(zmq.BACKLOG, BACKLOG)
        else:
            socket.set(zmq.IPV6, 1)  # a name may have such an address only
        if self._keys is not None:
            encrypt(socket, self._keys, listens=listens)
        if listens and self._gate is not None:
            self._gate.watch(socket)
        return socket

    @property
    def encrypted(self) -> bool:
        """Tell whether there are keys."""
        return self._keys is not None

    @property
    def refused(self) -> int:
        """Return how many connections were turned away; see `Gate.refused`."""
        return self._gate.refused if self._gate is not None else 0

    def close(self) -> None:
        """End the context, whose sockets are closed; may be called twice."""
        gate, self._gate = self._gate, None
        if gate is not None:
            gate.close()
        if not self._context.closed:
            self._context.term()


def _gate(context: zmq.Context[zmq.Socket[bytes]], keys: Keys) -> Gate:
    """Start a gate; without keys nobody pays for its imports."""
    from neurocluster.transport.gate import Gate

    return Gate(context, keys)


def encrypt(socket: zmq.Socket[bytes], keys: Keys, *, listens: bool) -> None:
    """Set the cluster's keys on a socket that is neither bound nor connected."""
    socket.set(zmq.CURVE_SECRETKEY, keys.secret.encode())
    socket.set(zmq.CURVE_PUBLICKEY, keys.public.encode())
    if listens:
        socket.set(zmq.CURVE_SERVER, 1)
        socket.set(zmq.ZAP_DOMAIN, DOMAIN.encode())
        socket.set(zmq.ZAP_ENFORCE_DOMAIN, 1)  # without a handler nobody is admitted
    else:
        socket.set(zmq.CURVE_SERVERKEY, keys.public.encode())


def watch(
    socket: zmq.Socket[bytes], wake: Callable[[], None], *, look_first: bool = True
) -> Callable[[], None]:
    """Call ``wake`` when a socket may have news; return how to stop that."""
    loop = asyncio.get_running_loop()
    descriptor = int(socket.get(zmq.FD))
    events = events_of(socket)

    def look() -> None:
        events()
        wake()

    loop.add_reader(descriptor, look if look_first else wake)

    def stop() -> None:
        loop.remove_reader(descriptor)

    return stop


def events_of(socket: zmq.Socket[bytes]) -> Callable[[], int]:
    """Return what reads a socket's events, and by that clears its signal."""
    raw: Any = super(zmq.Socket, socket).get
    option = int(zmq.EVENTS)
    return lambda: int(raw(option))


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


def bind_to(socket: zmq.Socket[bytes], places: Sequence[str], name: str) -> Path | None:
    """Bind a socket to the first place that can be, or close it.

    Args:
        socket: To bind.
        places: ``ipc://PATH`` or ``tcp://HOST:PORT``.
        name: What an error calls them.

    Returns:
        The file that it made, if any.

    Raises:
        LocalLinkError: None can be bound.
    """
    problem: zmq.ZMQError | None = None
    try:
        for place in places:
            path = Path(place.removeprefix("ipc://"))
            if is_file := place.startswith("ipc://"):
                check_path(path)
            socket.set(zmq.IPV6, "[" in place)
            try:
                socket.bind(place)
            except zmq.ZMQError as error:
                problem = error
            else:
                return path if is_file else None
    except LocalLinkError:
        socket.close(0)
        raise
    socket.close(0)
    message = f"cannot bind {name}: {problem.strerror if problem else 'no place'}"
    raise LocalLinkError(message) from problem


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
