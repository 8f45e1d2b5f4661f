"""Run a controller: one control socket, a tick, a connection file, an end."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import secrets
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvloop

from neurocluster.controller import events as e
from neurocluster.controller.connection import (
    Connection,
    remove_connection,
    successor,
    write_connection,
)
from neurocluster.controller.desk import Desk
from neurocluster.controller.plan import ClusterPlan
from neurocluster.controller.process import own
from neurocluster.controller.reasons import exit_cause
from neurocluster.controller.state import Controller
from neurocluster.errors import WireError
from neurocluster.transport.address import tcp
from neurocluster.transport.control import ControlSocket
from neurocluster.transport.keys import Keys
from neurocluster.transport.sockets import Sockets
from neurocluster.version import VERSION
from neurocluster.wire.control import (
    MEMBER_LIMIT,
    Kind,
    decode_control,
    encode_control,
)

TICK_S: Final = 0.05
LOOK_S: Final = 1.0
"""How often a controller looks whether its connection file is still its own."""
LAST_WORDS_MS: Final = 2000
"""How long a peer may take at the end to read what it was sent: tables of a trace."""
QUESTIONS: Final = 64
"""Most that are answered between two ticks: an answer costs more than a question."""
_log = logging.getLogger(__name__)
_STDIN: Final = 0


@dataclass(frozen=True, slots=True)
class ControllerOptions:
    """How a controller meets its members.

    Attributes:
        bind: Control endpoint.
        connection: Connection file to write, or None.
        deadline_s: For the whole bring-up.
        recovery_s: How long to wait for somebody in the place of a lost worker.
        leased: True if standard input is a lease pipe.
        once: End with the first session.
        advertise: Host that others connect to, or None for the one that is bound.
        keys: Of the cluster, or None to encrypt nothing.
        insecure: Other hosts reach it all the same.
    """

    bind: str
    connection: Path | None
    deadline_s: float
    recovery_s: float
    leased: bool
    once: bool
    advertise: str | None = None
    keys: Keys | None = None
    insecure: bool = False


def run_controller(plan: ClusterPlan, options: ControllerOptions) -> int:
    """Serve one client after the other until told to stop; return the exit code."""
    return uvloop.run(_controller(plan, options))


async def _controller(plan: ClusterPlan, options: ControllerOptions) -> int:
    runner = ControllerRunner(plan, options)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, runner.event, e.StopAsked())
    if options.leased:
        loop.add_reader(_STDIN, runner.read_lease)
    try:
        return await runner.done
    finally:
        runner.close()


class ControllerRunner:
    """Own the control socket; `close` releases it and removes the file."""

    def __init__(self, plan: ClusterPlan, options: ControllerOptions) -> None:
        """Bind, and write the connection file."""
        self._sockets = Sockets(8, options.keys)
        self.state = Controller(
            plan,
            generation=secrets.randbits(63),
            cluster=secrets.token_hex(16),
            version=VERSION,
            cores=os.cpu_count() or 1,
            deadline_ns=int(options.deadline_s * 1e9),
            recovery_ns=int(options.recovery_s * 1e9),
            once=options.once,
        )
        self._socket = ControlSocket(
            self._sockets, self._received, bind=options.bind, limit=MEMBER_LIMIT
        )
        self.endpoint = self._socket.endpoint
        if options.advertise is not None:
            self.endpoint = tcp(options.advertise, self.endpoint.rpartition(":")[2])
        pid, host, start = own()
        self._file = options.connection
        self._connection = Connection(
            self.endpoint, pid, host, start,
            options.keys.secret if options.keys else "", options.insecure,
        )  # fmt: skip
        about = {
            "endpoint": self.endpoint, "pid": pid, "host": host, "start": start,
            "version": VERSION,
        }  # fmt: skip
        self._desk = Desk(self.state, about)
        if self._file is not None:
            write_connection(self._file, self._connection)
        self._loop = asyncio.get_running_loop()
        self._look = self._loop.call_later(LOOK_S, self._look_at_file)
        self.done: asyncio.Future[int] = self._loop.create_future()
        self._pending = b""
        self._strangers = self._questions = 0
        self._timer = self._loop.call_later(TICK_S, self._tick)
        self.on_log: Callable[[str], None] = _log.info

    def event(self, event: e.Event) -> None:
        """Give the state machine an event and do what it says."""
        self._act(self.state.handle(event, time.monotonic_ns()))

    def _act(self, actions: Iterable[e.Action]) -> None:
        last, data = None, b""
        for action in actions:
            match action:
                case e.Send(peer, message):
                    if message is not last:
                        last, data = message, encode_control(message)
                    self._socket.send(data, peer)
                case e.Log(text):
                    self.on_log(text)
                case e.Finish(code, text):
                    self._finish(code, text)

    def _finish(self, code: int, text: str) -> None:
        level = logging.ERROR if code == e.EXIT_FAILED else logging.INFO
        _log.log(level, "ends: exit status %d: %s", code, text)
        self._act(self._desk.ended(code, text))
        if not self.done.done():
            self.done.set_result(code)

    def _received(self, peer: bytes, data: bytes) -> None:
        try:
            message = decode_control(data, MEMBER_LIMIT)
        except WireError as error:
            self._strangers += 1
            if self._strangers == 1:
                _log.warning("dropped a message that is none of ours: %s", error)
            return
        if message.kind is Kind.ASK:
            self._asked(peer, message.body["what"])
            return
        self.event(e.Received(peer, message))

    def _asked(self, peer: bytes, what: str) -> None:
        self._questions += 1
        if self._questions > QUESTIONS:
            self._strangers += 1
            return
        self._act(self._desk.ask(peer, what, time.monotonic_ns()))

    def _tick(self) -> None:
        self._timer = self._loop.call_later(TICK_S, self._tick)
        self._questions = 0
        strangers = self._strangers + self._socket.strangers
        self.event(e.Tick(self._sockets.refused, strangers))

    def _look_at_file(self) -> None:
        """End if another controller took the file: members would find that one."""
        if self._file is None or self.done.done():
            return
        self._look = self._loop.call_later(LOOK_S, self._look_at_file)
        if (other := successor(self._file, self._connection)) is not None:
            who = f"another controller (pid {other.pid} on {other.host})"
            self._finish(e.EXIT_FAILED, f"{who} has taken {self._file}")

    def read_lease(self) -> None:
        """Read exits that the launcher reports; end when it is gone."""
        data = os.read(_STDIN, 1 << 16)
        if not data:
            self._loop.remove_reader(_STDIN)
            if not self.done.done():
                _log.error("the process that started this controller is gone")
                self.done.set_result(e.EXIT_FAILED)
            return
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            event: dict[str, Any] = json.loads(line)
            cause = event["problem"] or exit_cause(int(event["code"]))
            self.event(e.Exited(int(event["pid"]), cause, int(event["left"])))

    def close(self) -> None:
        """Release the socket and remove the connection file, if it is still ours."""
        self._timer.cancel()
        self._look.cancel()
        self._socket.close(LAST_WORDS_MS)
        if self._file is not None:
            remove_connection(self._file, self._connection)
        self._sockets.close()
