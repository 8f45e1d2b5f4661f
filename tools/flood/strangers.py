"""Send arbitrary messages to a socket, as strangers of every kind do."""

from __future__ import annotations

import contextlib
import itertools
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import zmq

from neurocluster.transport.keys import Keys, make_keys
from neurocluster.transport.sockets import encrypt
from neurocluster.wire.control import Control, Kind, decode_control, encode_control

Address = tuple[str, int]
BURST: Final = 50
"""Messages that a connection carries until it is closed."""
QUEUE: Final = 200
"""Messages that wait in a stranger's own socket while it knocks."""
AT_ONCE: Final = 20
"""Strangers with keys of their own who try together."""
LINGER_MS: Final = 10_000
"""Longest that a socket takes nothing of what is sent to it."""
LATE_S: Final = 5.0
_GREETING: Final = b"\xff" + bytes(8) + b"\x7f\x03\x00"


@dataclass(frozen=True, slots=True)
class Sent:
    """What went to one socket.

    Attributes:
        messages: Given to the socket.
        connections: Made to it.
    """

    messages: int
    connections: int


def greeting(mechanism: bytes) -> bytes:
    """Return what a peer of ZMTP 3 sends first (64 bytes)."""
    return _GREETING + mechanism.ljust(20, b"\0") + bytes(32)


def garbage(messages: Sequence[bytes], count: int, to: Address, _keys: Keys) -> Sent:
    """Write messages into plain connections."""
    return _written(b"", messages, count, to)


def greeted(messages: Sequence[bytes], count: int, to: Address, _keys: Keys) -> Sent:
    """Begin as CURVE does, then write messages in place of its handshake."""
    hello = b"\x04\xc8\x05HELLO\x01\x00" + bytes(192)  # of the right size, but no box
    return _written(greeting(b"CURVE") + hello, messages, count, to)


def unencrypted(
    messages: Sequence[bytes], count: int, to: Address, _keys: Keys
) -> Sent:
    """Do the whole handshake of who does not encrypt, then write messages."""
    ready = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x04PUSH"
    return _written(greeting(b"NULL") + ready, messages, count, to)


def _written(first: bytes, messages: Sequence[bytes], count: int, to: Address) -> Sent:
    made = 0
    for _, part in _parts(messages, count, BURST):
        data = first + b"".join(part)
        with socket.create_connection(to, LATE_S) as end:
            made += 1
            with contextlib.suppress(OSError):  # it was closed at the first bad byte
                end.sendall(data)
    return Sent(count, made)


def _parts(
    messages: Sequence[bytes], count: int, size: int
) -> Iterator[tuple[int, list[bytes]]]:
    """Yield ``count`` messages in parts of a size."""
    endless = itertools.cycle(messages)
    for begin in range(0, count, size):
        yield begin, list(itertools.islice(endless, min(size, count - begin)))


def strangers(messages: Sequence[bytes], count: int, to: Address, keys: Keys) -> Sent:
    """Knock with keys of our own, knowing the cluster's public one."""
    made = 0
    for _, part in _parts(messages, count, QUEUE * AT_ONCE):
        with zmq.Context() as context:
            ends = []
            for k in range(0, len(part), QUEUE):
                end = context.socket(zmq.PUSH)
                encrypt(end, make_keys(), listens=False)
                end.set(zmq.CURVE_SERVERKEY, keys.public.encode())
                ends.append((end, end.get_monitor_socket(zmq.EVENT_DISCONNECTED)))
                end.connect(f"tcp://{to[0]}:{to[1]}")
                with contextlib.suppress(zmq.Again):  # it was refused already
                    for message in part[k : k + QUEUE]:
                        end.send(message, zmq.NOBLOCK)
            late = time.monotonic() + LATE_S
            for end, monitor in ends:
                monitor.poll(max(int(1000 * (late - time.monotonic())), 0))
                end.disable_monitor()
                monitor.close(0)
                end.close(0)
            made += len(ends)
    return Sent(count, made)


def holder(messages: Sequence[bytes], count: int, to: Address, keys: Keys) -> Sent:
    """Send as one who holds the key, and is not in the roster, to an inbox."""
    with zmq.Context() as context, context.socket(zmq.PUSH) as end:
        _send(end, messages, count, to, keys)
    return Sent(count, 1)


def control_holder(
    messages: Sequence[bytes], count: int, to: Address, keys: Keys
) -> Sent:
    """Send as one who holds the key, and is not in the roster, to a controller.

    What waits to be sent is lost if the socket is closed while answers come, so in the
    end it asks a question, and reads until that is answered.
    """
    with zmq.Context() as context, context.socket(zmq.DEALER) as end:
        _send(end, messages, count, to, keys)
        end.send(encode_control(Control(Kind.ASK, {"what": "ping"})))
        while end.poll(LINGER_MS):
            if decode_control(end.recv()).kind is Kind.ANSWER:
                break
    return Sent(count, 1)


def _send(
    end: zmq.Socket[bytes], messages: Sequence[bytes], count: int, to: Address,
    keys: Keys,
) -> None:  # fmt: skip
    encrypt(end, keys, listens=False)
    end.set(zmq.LINGER, LINGER_MS)
    end.set(zmq.SNDTIMEO, LINGER_MS)
    end.connect(f"tcp://{to[0]}:{to[1]}")
    send = end.send
    with contextlib.suppress(zmq.Again):  # it is not there any more
        for message in itertools.islice(itertools.cycle(messages), count):
            send(message)


def datagrams(messages: Sequence[bytes], count: int, to: Address, _keys: Keys) -> Sent:
    """Send datagrams to a clock; the kernel drops what comes too fast."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        for message in itertools.islice(itertools.cycle(messages), count):
            with contextlib.suppress(OSError):
                end.sendto(message, to)
    return Sent(count, 0)


Attack = Callable[[Sequence[bytes], int, Address, Keys], Sent]


class HalfOpen:
    """Hold connections that do not finish their handshake; use as a context manager.

    Half of them send garbage. Each that is closed is made again.

    Attributes:
        made: Connections so far.
    """

    def __init__(self, targets: Sequence[Address], count: int) -> None:
        """Take the sockets to connect to, and how many to hold to each."""
        self._targets, self._count, self.made = targets, count, 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> HalfOpen:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_error: Any) -> None:
        """Close all of them."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        source = random.Random(0)
        held: dict[tuple[Address, int], tuple[socket.socket, float]] = {}
        while not self._end.is_set():
            for place in itertools.product(self._targets, range(self._count)):
                end, until = held.get(place, (None, 0.0))
                if end is not None and time.monotonic() < until:
                    continue
                if end is not None:
                    end.close()
                with contextlib.suppress(OSError):
                    held[place] = self._connect(place, source), time.monotonic() + 2
            self._end.wait(0.05)
        for end, _ in held.values():
            end.close()

    def _connect(
        self, place: tuple[Address, int], source: random.Random
    ) -> socket.socket:
        to, number = place
        end = socket.create_connection(to, LATE_S)
        self.made += 1
        if number % 2:
            begin = greeting(b"CURVE") if number % 4 == 1 else b""
            end.sendall(begin + source.randbytes(source.randrange(1, 500)))
        return end
