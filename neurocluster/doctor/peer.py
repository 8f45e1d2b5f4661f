"""Listen as a member would, and try to reach others as it would."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import zmq

from neurocluster.doctor.report import Ends, Trial
from neurocluster.errors import NeuroclusterError
from neurocluster.member.meeting import Meeting, Place
from neurocluster.metrics.offset import Offset, Probe
from neurocluster.transport.echo import Echo, resolve
from neurocluster.transport.keys import Keys
from neurocluster.transport.knock import HWM, LIMIT, Knocked, Mail, knock
from neurocluster.transport.sockets import Sockets, bind_to, last_endpoint

SOCKETS: Final = 4096
TRY_S: Final = 4.0
"""How long one other may take."""
BURST, BURST_S, PROBE_S = 16, 0.002, 0.05
"""Datagrams as `member.clocks` sends them."""
ENOUGH: Final = 24
"""Answers after which no more are asked for."""
ASKER_BITS: Final = 16
"""Of a datagram's number: who is asked; above them who asks."""


class Peer:
    """Own an inbox that sends back what it gets, and a socket for datagrams.

    Attributes:
        ends: Where others reach it.
    """

    def __init__(self, meeting: Meeting, folder: str = "") -> None:
        """Listen; `close` ends it.

        Args:
            meeting: How this machine would meet a controller.
            folder: For a socket file; empty to listen on the network.

        Raises:
            ConfigError: There is no such interface, or no route to the controller.
            LocalLinkError: Nothing can be bound there.
        """
        where = {"where": "ipc" if folder else "tcp", "folder": folder}
        there = Place(meeting).choose(where)
        self._sockets = Sockets(SOCKETS, meeting.keys)
        self._echo: Echo | None = None
        self._heard: Counter[int] = Counter()
        self._offsets: dict[int, Offset] = {}
        self._inbox = self._sockets.open(zmq.ROUTER, hwm=HWM, limit=LIMIT, listens=True)
        self._path = None
        try:
            self._path = bind_to(self._inbox, there.endpoints, "an inbox")
            echo = ""
            if not folder:
                secret = echo_secret(meeting.keys)
                self._echo = Echo(secret, there.host, there.ports)
                self._echo.on_answer, self._echo.on_ask = self._answered, self._asked
                echo = there.told_echo(self._echo.port)
        except NeuroclusterError:
            self._inbox.close(0)
            self._sockets.close()
            raise
        self.ends = Ends(there.told(last_endpoint(self._inbox)), echo)
        self._mail = Mail(self._inbox)
        self._task = asyncio.create_task(self._send_back())

    async def _send_back(self) -> None:
        while True:
            message = await self._mail.receive()
            try:
                self._inbox.send_multipart(message, zmq.NOBLOCK)
            except zmq.ZMQError:
                continue  # who sent it is gone

    # -- others --------------------------------------------------------------------

    async def try_all(self, me: int, others: Mapping[int, Ends]) -> dict[int, Trial]:
        """Try to reach others, all at once; return what came of it, by number.

        Args:
            me: Number of this one among all.
            others: By their numbers.
        """
        found = await asyncio.gather(
            *(self._try(me, number, ends) for number, ends in others.items())
        )
        return {
            number: replace(trial, heard=self._heard[number])
            for number, trial in zip(others, found, strict=True)
        }

    async def _try(self, me: int, number: int, ends: Ends) -> Trial:
        knocked, asked = await asyncio.gather(
            self._knock(ends.endpoint), self._ask(me, number, ends.echo)
        )
        offset = self._offsets.pop(number, None) or Offset()
        bound = offset.at(time.monotonic_ns())
        return Trial(
            knocked.problem, knocked.round_trip_ns, knocked.whole, asked,
            offset.probes, offset.best, bound.error if bound is not None else 0,
        )  # fmt: skip

    async def _knock(self, endpoint: str) -> Knocked:
        try:
            return await knock(self._sockets, endpoint, TRY_S)
        except NeuroclusterError as error:
            return Knocked(str(error))

    async def _ask(self, me: int, number: int, echo: str) -> int:
        """Ask another for its time; return how often."""
        if self._echo is None or not echo:
            return 0
        offset = self._offsets[number] = Offset()
        where = await asyncio.to_thread(resolve, echo)
        end, asked = time.monotonic() + TRY_S, 0
        while where is not None and time.monotonic() < end and offset.probes < ENOUGH:
            self._echo.ask(me << ASKER_BITS | number, where)
            asked += 1
            await asyncio.sleep(BURST_S if asked < BURST else PROBE_S)
        return asked

    def _answered(self, number: int, probe: Probe) -> None:
        offset = self._offsets.get(number & ((1 << ASKER_BITS) - 1))
        if offset is not None:
            offset.add(probe)

    def _asked(self, number: int) -> None:
        self._heard[number >> ASKER_BITS] += 1

    async def close(self) -> None:
        """Release everything."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._mail.close()
        self._inbox.close(0)
        if self._echo is not None:
            self._echo.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        self._sockets.close()


def echo_secret(keys: Keys | None) -> bytes:
    """Return what makes the tags of datagrams; only who has the key can know it."""
    secret = keys.secret.encode() if keys is not None else b""
    return hashlib.blake2b(secret, person=b"doctor", digest_size=32).digest()
