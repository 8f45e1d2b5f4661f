"""Throw a message to and fro over blocking pyzmq: the least a hop takes in Python."""

from __future__ import annotations

from time import monotonic_ns
from typing import Any

import zmq


class BlockingEnd:
    """Own one PUSH and one PULL socket; the owner calls `close`.

    Attributes:
        times: Nanoseconds of each exchange, from before the send to after the receive.
    """

    def __init__(self, folder: str, name: str, peer: str, hwm: int, size: int) -> None:
        """Bind and connect sockets of a folder, for messages of ``size`` bytes."""
        self._context: zmq.Context[Any] = zmq.Context()
        self._pull = self._context.socket(zmq.PULL)
        self._push = self._context.socket(zmq.PUSH)
        for socket in (self._pull, self._push):
            socket.set(zmq.LINGER, 0)
            socket.set(zmq.SNDHWM, hwm)
            socket.set(zmq.RCVHWM, hwm)
        self._pull.bind(f"ipc://{folder}/{name}-blocking")
        self._push.connect(f"ipc://{folder}/{peer}-blocking")
        self._message = bytearray(size)
        self.times: list[int] = []

    def throw(self, count: int) -> None:
        """Send first, then wait for the answer, again and again; time each."""
        push, pull, message = self._push.send, self._pull.recv, self._message
        for _ in range(count):
            begin = monotonic_ns()
            push(message)
            pull()
            self.times.append(monotonic_ns() - begin)

    def answer(self, count: int) -> None:
        """Wait first, then send, again and again."""
        push, pull, message = self._push.send, self._pull.recv, self._message
        for _ in range(count):
            pull()
            push(message)

    def close(self) -> None:
        """Release the sockets; may be called twice."""
        self._pull.close()
        self._push.close()
        if not self._context.closed:
            self._context.term()
