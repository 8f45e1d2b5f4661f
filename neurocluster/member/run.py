"""Act for one member: control socket, epochs of data sockets, beats, report."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import secrets
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any, Final, Protocol

from neurocluster.errors import NeuroclusterError, RemoteLinkError, WireError
from neurocluster.link.buffers import LinkSpec
from neurocluster.member import state as s
from neurocluster.member.data import LETTERS, DataPath, EngineLike
from neurocluster.transport.control import ControlSocket
from neurocluster.transport.zeromq import new_context
from neurocluster.wire.control import (
    PREPARE_LIMIT,
    Control,
    Kind,
    decode_control,
    encode_control,
)

TICK_S: Final = 0.05
SOCKETS: Final = 1024
_log = logging.getLogger(__name__)


class Duties(Protocol):
    """What a worker or a client does at each step; the member calls it."""

    @property
    def always_receive(self) -> bool:
        """Tell whether to receive while a link is blocked (the client's rule)."""

    def build(
        self, body: Mapping[str, Any], inbound: list[LinkSpec], outbound: list[LinkSpec]
    ) -> EngineLike:
        """Build the engine of an epoch; runs in a thread, for it may compile."""

    def bound(self, body: Mapping[str, Any], engine: EngineLike) -> None:
        """Take the engine that was built."""

    def run(self, roster: tuple[Mapping[str, Any], ...]) -> None:
        """Start to process."""

    def after_turn(self) -> None:
        """Do what follows a turn of the pump."""

    def reports(self) -> bytes:
        """Return the frame reports since the last call, rows of uint64."""

    def finished(self) -> int:
        """Return the last finished frame of the session, or -1 (the client's)."""

    def deliver(self, message: Control) -> None:
        """Take a message meant for the client."""

    def left(self, code: int, text: str) -> None:
        """Note that the member ended."""


class MemberRunner:
    """Own one member's sockets; `close` releases all of them.

    Attributes:
        state: Decides.
        done: Resolved with the exit code when the member has left.
    """

    def __init__(
        self,
        duties: Duties,
        role: str,
        endpoint: str,
        *,
        slot: int | None,
        leased: bool,
        version: str,
    ) -> None:
        """Connect to a controller and begin to join."""
        self._duties = duties
        self._context = new_context(SOCKETS)
        identity = secrets.token_bytes(LETTERS)
        register = {
            "role": role, "pid": os.getpid(), "host": socket.gethostname(),
            "slot": slot, "version": version,
        }  # fmt: skip
        self.state = s.Member(register, leased=leased)
        self._control = ControlSocket(
            self._context, self._received, connect=endpoint,
            identity=b"\1" + identity, limit=PREPARE_LIMIT,
        )  # fmt: skip
        self._data: DataPath | None = None
        self._partition = -1
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._lag_ns = 0
        self._go_cpu_ns = 0
        self._due = self._loop.time()
        self.done: asyncio.Future[int] = self._loop.create_future()
        self._tick()

    # -- events ------------------------------------------------------------

    def event(self, event: s.Event) -> None:
        """Give the state machine an event and do what it says."""
        for action in self.state.handle(event, time.monotonic_ns()):
            self._act(action)

    def _received(self, _peer: bytes, data: bytes) -> None:
        try:
            message = decode_control(data, PREPARE_LIMIT)
        except WireError as error:
            _log.warning("dropped a control message: %s", error)
            return
        self.event(s.Received(message))

    def _tick(self) -> None:
        late = self._loop.time() - self._due
        self._lag_ns = max(self._lag_ns, int(late * 1e9))
        self._due = self._loop.time() + TICK_S
        self._timer = self._loop.call_later(TICK_S, self._tick)
        self.event(s.Tick())

    def _woken(self) -> None:
        """Look at the data sockets: an inbox or an outlet may have news."""
        data, phase = self._data, self.state.phase
        if data is None:
            return
        if phase is s.Phase.RUNNING and data.pump is not None:
            data.pump.turn()
            return
        while self.state.phase is s.Phase.BOUND:
            if (hello := data.read_hello()) is None:
                return
            self.event(s.HelloReceived(hello))
        data.look()

    def wake(self) -> None:
        """Take a turn soon: there may be something to send."""
        if self._data is not None and self._data.pump is not None:
            self._data.pump.wake()

    def _fault(self, error: RemoteLinkError) -> None:
        _log.error("link fault: %s", error)
        fault = s.LinkFault(
            error.link, error.frame, error.reason, error.expected, error.got
        )
        self.event(fault)

    # -- actions -----------------------------------------------------------

    def _act(self, action: s.Action) -> None:
        match action:
            case s.Send(message):
                self._control.send(encode_control(message))
            case s.Beat():
                self._beat()
            case s.Build(body):
                self._build(body)
            case s.Connect(endpoints, hellos):
                self._connect(endpoints, hellos)
            case s.Run(roster):
                self._run(roster)
            case s.CloseData():
                self._close_data()
            case s.Deliver(message):
                self._duties.deliver(message)
            case s.Leave(code, text, report):
                if report:
                    self._send_frames()
                    self.send(Kind.STOPPED, {"report": self.report()})
                self._leave(code, text)

    def _leave(self, code: int, text: str) -> None:
        self._duties.left(code, text)
        if not self.done.done():
            self.done.set_result(code)

    def send(self, kind: Kind, body: Mapping[str, Any]) -> None:
        """Send a message of the present life to the controller."""
        state = self.state
        message = Control(kind, body, state.generation, state.epoch)
        self._control.send(encode_control(message))

    def _build(self, body: Mapping[str, Any]) -> None:
        """Build the engine beside the loop: beats go on while kernels compile."""
        epoch, loop = self.state.epoch, self._loop
        inbound = [LinkSpec(*row) for row in body["inbound"]]
        outbound = [LinkSpec(*row) for row in body["outbound"]]

        def build() -> None:
            built: EngineLike | Exception
            try:
                built = self._duties.build(body, inbound, outbound)
            except Exception as error:  # noqa: BLE001 - handed to the loop
                built = error
            try:
                loop.call_soon_threadsafe(self._built, epoch, body, built)
            except RuntimeError:
                _log.info("the member left while its engine was built")

        threading.Thread(target=build, daemon=True, name="build").start()

    def _built(
        self, epoch: int, body: Mapping[str, Any], built: EngineLike | Exception
    ) -> None:
        if epoch != self.state.epoch or self.state.phase is not s.Phase.BUILDING:
            return
        try:
            if isinstance(built, Exception):
                raise built
            self._data = DataPath(self._context, built, body["settings"], self._woken)
        except NeuroclusterError as error:
            self._cannot(str(error))
            return
        except Exception as error:  # noqa: BLE001 - a bug; the controller is told
            _log.exception("cannot build the engine")
            self._cannot(repr(error))
            return
        partition = body["partition"]
        self._partition = -1 if partition is None else int(partition["index"])
        self._duties.bound(body, built)
        self.event(s.Bound(self._data.endpoint))

    def _cannot(self, problem: str) -> None:
        _log.error("cannot prepare: %s", problem)
        self.event(s.StopAsked(f"cannot prepare its part: {problem}", s.EXIT_BUG))

    def _connect(
        self, endpoints: tuple[tuple[int, str], ...], hellos: Mapping[int, Control]
    ) -> None:
        if self._data is not None:
            self._data.connect(
                endpoints, hellos, schedule=self._loop.call_soon,
                always_receive=self._duties.always_receive,
            )  # fmt: skip
            self._woken()

    def _run(self, roster: tuple[Mapping[str, Any], ...]) -> None:
        self._go_cpu_ns = time.process_time_ns()
        self._duties.run(roster)
        if self._data is not None:
            self._data.start(self._fault, self._duties.after_turn)

    # -- beats and reports ---------------------------------------------------

    def _beat(self) -> None:
        """Send the counters, and the frame reports that came since."""
        self._send_frames()
        counters: dict[str, Any] = {
            "received": b"", "sent": b"", "blocked": False, "open_frames": 0,
        }  # fmt: skip
        if self._data is not None:
            counters = self._data.counters()
        self.send(Kind.BEAT, {**counters, "finished": self._duties.finished()})

    def _send_frames(self) -> None:
        """Send the frame reports that came since the last call."""
        rows = self._duties.reports()
        if rows:
            self.send(Kind.FRAMES, {"partition": self._partition, "rows": rows})

    def report(self) -> dict[str, Any]:
        """Return the tables of this member: links and process."""
        if self._data is None:
            return {"inbound": [], "outbound": [], "worker": {}}
        cpu_ns = time.process_time_ns()
        worker = {
            "partition": self._partition,
            "pid": os.getpid(),
            **self._data.totals(),
            "cpu_ns": cpu_ns,
            "run_cpu_ns": cpu_ns - self._go_cpu_ns,
            "rss_kib": int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss),
            "loop_lag_ns_max": self._lag_ns,
        }
        return {**self._data.link_rows(), "worker": worker}

    def _close_data(self) -> None:
        """Close the data sockets; their counters stay until the next epoch's."""
        if self._data is not None:
            self._data.close()

    def close(self) -> None:
        """Release all sockets; may be called twice."""
        if self._timer is not None:
            self._timer.cancel()
        self._close_data()
        self._control.close()
        if not self._context.closed:
            self._context.term()
