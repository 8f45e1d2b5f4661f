"""Try one connection, and say why it cannot be made; for those who look for faults.

It is made as a member makes it: the same sockets, the same keys. ZeroMQ tries again
for ever and says of a connection that fails only that it did, so the system is asked
for the reason first.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import zmq
from zmq.utils.monitor import parse_monitor_message

from neurocluster.transport.sockets import Sockets, connect_to, watch

LARGE: Final = 1 << 16
"""Bytes that no single packet of a network carries: a path that drops what it should
cut lets small messages through and nothing else."""
LIMIT: Final = 2 * LARGE
HWM: Final = 100
TURNS: Final = 5
"""Small messages; the shortest of their round trips counts."""
EVENTS: Final = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_DISCONNECTED
)  # fmt: skip
NONE: Final = "it is no endpoint, as tcp://HOST:PORT is one"
STRANGE: Final = "what listens there speaks otherwise: not a neurocluster, or no key"
CLOSED: Final = "what listens there ends the connection: another cluster's key, perhaps"
MUTE: Final = "it is connected, but what listens there does not answer"


@dataclass(frozen=True, slots=True)
class Knocked:
    """What came of a connection.

    Attributes:
        problem: Why there is none; empty if there is.
        round_trip_ns: Shortest, of a small message; 0 if nothing came back.
        whole: A message of `LARGE` bytes came back.
    """

    problem: str = ""
    round_trip_ns: int = 0
    whole: bool = False


class Mail:
    """Receive from a socket that is used in one direction, beside asyncio."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        """Take the socket; whoever made it closes it after `close`."""
        self._socket, self._news = socket, asyncio.Event()
        self._stop = watch(socket, self._news.set)

    async def receive(self) -> list[bytes]:
        """Return the next message."""
        while True:
            self._news.clear()
            try:
                return self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                await self._news.wait()

    def send(self, message: bytes) -> None:
        """Send, if there is room."""
        self._socket.send(message, zmq.NOBLOCK)
        self._news.set()  # the send may have swallowed a signal

    def close(self) -> None:
        """Look no more."""
        self._stop()


async def knock(
    sockets: Sockets, endpoint: str, seconds: float, *, talk: bool = True
) -> Knocked:
    """Connect to an endpoint, then send small messages and a large one.

    Args:
        sockets: Makes the socket, with the cluster's keys.
        endpoint: Of a listening socket that sends back what it gets.
        seconds: For all of it.
        talk: False if it sends nothing back; the handshake is all, then.

    Raises:
        ConfigError: ZeroMQ does not take it.
    """
    end = time.monotonic() + seconds
    if problem := await _plain(endpoint, seconds):
        return Knocked(problem)
    socket = sockets.open(zmq.DEALER, hwm=HWM, limit=LIMIT, listens=False)
    monitor = socket.get_monitor_socket(EVENTS)
    mails = Mail(socket), Mail(monitor)
    try:
        connect_to(socket, endpoint)
        problem = await _shaken(mails[1], end)
        if problem or not talk:
            return Knocked(problem)
        return await _talk(mails[0], end)
    finally:
        for mail in mails:
            mail.close()
        socket.disable_monitor()
        monitor.close(0)
        socket.close(0)


async def _plain(endpoint: str, seconds: float) -> str:
    """Return why the system cannot connect; it says more than ZeroMQ does."""
    try:
        parts = urlsplit(endpoint)
        async with asyncio.timeout(seconds):
            if endpoint.startswith("ipc://"):
                made = asyncio.open_unix_connection(endpoint.removeprefix("ipc://"))
            elif endpoint.startswith("tcp://") and parts.hostname and parts.port:
                made = asyncio.open_connection(parts.hostname, parts.port)
            else:
                return NONE
            _, writer = await made
    except ValueError:
        return NONE
    except TimeoutError:
        return f"no answer within {seconds:.0f} s"
    except OSError as error:
        return reason(error)
    writer.close()
    return ""


def reason(error: OSError) -> str:
    """Return the system's words; asyncio puts an address in their place."""
    number = error.errno or 0  # that of a name that nobody knows is negative
    return os.strerror(number) if number > 0 else error.strerror or str(error)


async def _shaken(monitor: Mail, end: float) -> str:
    """Return why the handshake fails; empty if it does not."""
    problem = MUTE
    try:
        async with asyncio.timeout(end - time.monotonic()):
            while True:
                event = parse_monitor_message(await monitor.receive())["event"]
                if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                    return ""
                if event == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
                    return STRANGE
                problem = CLOSED  # it is tried again until the time is over
    except TimeoutError:
        return problem


async def _talk(mail: Mail, end: float) -> Knocked:
    best = 0
    try:
        async with asyncio.timeout(end - time.monotonic()):
            for _ in range(TURNS):
                begin = time.monotonic_ns()
                mail.send(b"?")
                await mail.receive()
                took = time.monotonic_ns() - begin
                best = min(best or took, took)
            mail.send(bytes(LARGE))
            await mail.receive()
    except TimeoutError:
        return Knocked("" if best else MUTE, best)
    return Knocked("", best, whole=True)
