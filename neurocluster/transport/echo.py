"""Ask other processes for their time, and answer such questions, by UDP.

A datagram has 48 bytes: kind, number, three stamps (asked, heard, answered; what is not
known yet is 0) and a tag that only members of the cluster can make. What has no such
tag is counted and dropped; one that was seen and sent again does no harm, for an answer
that comes late only widens a bound.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import socket
import struct
from collections.abc import Callable, Sequence
from time import monotonic_ns
from typing import Any, Final
from urllib.parse import urlsplit

from neurocluster.errors import LocalLinkError
from neurocluster.metrics.offset import Probe
from neurocluster.transport.arrivals import ROOM, Arrivals

ASK, ANSWER = 1, 2
TAG: Final = 16
BUDGET: Final = 16
"""Datagrams that are read before others get their turn."""
_FORM: Final = struct.Struct("<2I3Q")
SIZE: Final = _FORM.size + TAG


def resolve(place: str) -> Any:
    """Return the socket address of ``udp://HOST:PORT``, or None if it has none."""
    parts = urlsplit(place)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_DGRAM)
    except (OSError, ValueError):
        return None
    return found[0][4]


class Echo:
    """Own one UDP socket that asks and answers; `close` ends it.

    Attributes:
        port: Where it listens.
        on_answer: Called with the number of the question, and its stamps.
        on_ask: Called with the number of another's question.
        strangers: Datagrams of others, dropped.
    """

    def __init__(
        self, secret: bytes, host: str, ports: Sequence[int | str],
        clock: Callable[[], int] = monotonic_ns,
    ) -> None:  # fmt: skip
        """Listen at the first port that is free.

        Args:
            secret: Makes tags; known to members only.
            host: Address to bind.
            ports: To be tried in turn; ``*`` is any.
            clock: Nanoseconds.

        Raises:
            LocalLinkError: None is free.
        """
        self._keyed = hashlib.blake2b(key=secret, digest_size=TAG)
        self._clock = clock
        self.strangers = 0
        self.on_answer: Callable[[int, Probe], None] = lambda _number, _probe: None
        self.on_ask: Callable[[int], None] = lambda _number: None
        self._end = _bound(host, ports)
        self._arrivals = Arrivals(self._end)
        self.port = int(self._end.getsockname()[1])
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._end, self._readable)

    def _readable(self) -> None:
        for _ in range(BUDGET):
            try:
                data, told, _, who = self._end.recvmsg(SIZE + 1, ROOM)
            except OSError:
                return
            age_ns = self._arrivals.age_ns(told)
            self._received(data, who, self._clock() - age_ns)

    def _received(self, data: bytes, who: Any, now_ns: int) -> None:
        body, tag = data[: _FORM.size], data[_FORM.size :]
        if len(data) != SIZE or not hmac.compare_digest(tag, self._tag(body)):
            self.strangers += 1
            return
        kind, number, asked, heard, answered = _FORM.unpack(body)
        if kind == ASK:
            self._send(ANSWER, number, (asked, now_ns, self._clock()), who)
            self.on_ask(number)
        elif kind == ANSWER:
            self.on_answer(number, Probe(asked, heard, answered, now_ns))

    def ask(self, number: int, where: Any) -> None:
        """Ask the process at a socket address for its time."""
        self._send(ASK, number, (self._clock(), 0, 0), where)

    def _send(self, kind: int, number: int, stamps: tuple[int, ...], to: Any) -> None:
        body = _FORM.pack(kind, number, *stamps)
        try:
            self._end.sendto(body + self._tag(body), to)
        except OSError:
            return  # it is only a probe

    def _tag(self, body: bytes) -> bytes:
        tag = self._keyed.copy()
        tag.update(body)
        return tag.digest()

    def close(self) -> None:
        """Close the socket; may be called twice."""
        if self._end.fileno() >= 0:
            self._loop.remove_reader(self._end)
            self._end.close()


def _bound(host: str, ports: Sequence[int | str]) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    end = socket.socket(family, socket.SOCK_DGRAM)
    end.setblocking(False)
    problem: OSError | None = None
    for port in ports:
        try:
            end.bind((host, 0 if port == "*" else port))
        except OSError as error:
            problem = error
        else:
            return end
    end.close()
    why = problem.strerror if problem else "no port"
    message = f"cannot bind udp://{host}: {why}"
    raise LocalLinkError(message) from problem
