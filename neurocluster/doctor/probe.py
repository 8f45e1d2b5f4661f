"""Be the doctor's probe on a host: look at the machine, listen, try the others."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
from typing import Any, Final

from neurocluster.doctor.machine import look_at_machine
from neurocluster.doctor.peer import Peer
from neurocluster.doctor.report import (
    BYE,
    HELLO,
    MOST_BYTES,
    TRIED,
    TRY,
    Ends,
    decode,
    encode,
)
from neurocluster.member.meeting import LETTERS, Meeting
from neurocluster.transport.control import ControlSocket
from neurocluster.transport.knock import knock
from neurocluster.transport.sockets import Sockets

HELLO_S: Final = 0.5
PATIENCE_S: Final = 3.0
"""After so long without a word it says why the doctor cannot be reached."""
SILENT_S: Final = 30.0
"""Without a word from the doctor for so long it ends."""
EXIT_DONE, EXIT_LOST = 0, 75
_STDIN: Final = 0
_log = logging.getLogger(__name__)


def run_probe(meeting: Meeting, host: str, *, die_with_stdin: bool) -> int:
    """Serve the doctor until it is done; return the exit code.

    Args:
        meeting: How a worker of this host would meet its controller.
        host: What the doctor calls this host.
        die_with_stdin: End when standard input does.

    Raises:
        ConfigError: A setting of this host is wrong.
        LocalLinkError: Nothing can be bound as it is asked for.
    """
    return asyncio.run(_serve(meeting, host, die_with_stdin=die_with_stdin))


async def _serve(meeting: Meeting, host: str, *, die_with_stdin: bool) -> int:
    peer = Peer(meeting)
    sockets = Sockets(8, meeting.keys)
    try:
        probe = Probe(meeting, sockets, peer, host)
        if die_with_stdin:
            asyncio.get_running_loop().add_reader(_STDIN, probe.read_lease)
        try:
            return await probe.serve()
        finally:
            await probe.close()
    finally:
        await peer.close()
        sockets.close()


class Probe:
    """Exchange messages with the doctor; `close` ends that."""

    def __init__(
        self, meeting: Meeting, sockets: Sockets, peer: Peer, host: str
    ) -> None:
        """Connect to the doctor."""
        self._meeting, self._sockets, self._peer = meeting, sockets, peer
        machine = look_at_machine().to_wire()
        self._hello = encode(
            HELLO, host=host, machine=machine, ends=peer.ends.to_wire()
        )
        self._loop = asyncio.get_running_loop()
        self._heard_s = self._began_s = self._loop.time()
        self._over: asyncio.Future[int] = self._loop.create_future()
        self._trying: asyncio.Task[None] | None = None
        self._doctor = ControlSocket(
            sockets, self._received, connect=meeting.endpoint, limit=MOST_BYTES,
            identity=b"\1" + secrets.token_bytes(LETTERS),
        )  # fmt: skip

    def read_lease(self) -> None:
        """End with standard input."""
        if not os.read(_STDIN, 1 << 12):
            self._end(EXIT_DONE)

    def _end(self, code: int) -> None:
        if not self._over.done():
            self._over.set_result(code)

    def _received(self, _peer: bytes, data: bytes) -> None:
        kind, body = decode(data)
        self._heard_s = self._loop.time()
        if kind == BYE:
            self._end(EXIT_DONE)
        elif kind == TRY and self._trying is None:
            self._trying = asyncio.create_task(self._try(body))

    async def _try(self, body: dict[str, Any]) -> None:
        others = {int(k): Ends.from_wire(v) for k, v in body["others"].items()}
        found = await self._peer.try_all(int(body["me"]), others)
        trials = {str(number): trial.to_wire() for number, trial in found.items()}
        self._doctor.send(encode(TRIED, trials=trials))

    async def serve(self) -> int:
        """Say hello again and again until the doctor has no more questions."""
        watch = asyncio.create_task(self._explain())
        try:
            while not self._over.done():
                if self._trying is None:
                    self._doctor.send(self._hello)
                if self._loop.time() - self._heard_s > SILENT_S:
                    _log.error("no word from %s for %.0f s", self._where, SILENT_S)
                    return EXIT_LOST
                await asyncio.wait([self._over], timeout=HELLO_S)
            return self._over.result()
        finally:
            watch.cancel()

    async def _explain(self) -> None:
        """Say why the doctor cannot be reached, if it cannot."""
        await asyncio.sleep(PATIENCE_S)
        if self._heard_s == self._began_s:
            found = await knock(self._sockets, self._where, PATIENCE_S, talk=False)
            why = found.problem or "it is connected, but the doctor does not answer"
            _log.error("cannot reach the doctor at %s: %s", self._where, why)

    @property
    def _where(self) -> str:
        return self._meeting.endpoint

    async def close(self) -> None:
        """Stop trying; release the socket."""
        if self._trying is not None:
            self._trying.cancel()
            await asyncio.gather(self._trying, return_exceptions=True)
        self._doctor.close()
