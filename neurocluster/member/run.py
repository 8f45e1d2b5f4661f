"""Act for one member: control socket, data sockets, beats, report."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import secrets
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from neurocluster.errors import RemoteLinkError, WireError
from neurocluster.link.buffers import LinkBuffers, LinkSpec
from neurocluster.link.records import FAULTS, MORE
from neurocluster.member import state as s
from neurocluster.metrics.histogram import percentile
from neurocluster.transport.control import ControlSocket
from neurocluster.transport.pump import Pump
from neurocluster.transport.zeromq import ZmqInbox, ZmqOutlet, new_context
from neurocluster.wire.control import (
    PREPARE_LIMIT,
    Control,
    Kind,
    decode_control,
    encode_control,
)
from neurocluster.wire.packet import decode_packet, encode_packet

TICK_S: Final = 0.05
SOCKETS: Final = 1024
LETTERS: Final = 8
COUNTED: Final = ("index", "spikes", "negative", "packets", "bytes")
_log = logging.getLogger(__name__)


class EngineLike(Protocol):
    """What worker and client engines have in common."""

    @property
    def node(self) -> LinkBuffers:
        """Return the links' buffers."""

    def receive(self, size: int) -> int:
        """Handle the packet in the message buffer."""

    def flush(self) -> int:
        """Note that the inbox is empty."""

    def fault(self, code: int) -> RemoteLinkError:
        """Translate a negative result."""


class Duties(Protocol):
    """What a worker or a client does at each step; the member calls it."""

    @property
    def always_receive(self) -> bool:
        """Tell whether to receive while a link is blocked (the client's rule)."""

    def warm(self) -> None:
        """Load what the work needs."""

    def build(
        self, body: Mapping[str, Any], inbound: list[LinkSpec], outbound: list[LinkSpec]
    ) -> EngineLike:
        """Build the engine of an epoch."""

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
    """Own one member's sockets; `close` releases all of them."""

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
        self.node: LinkBuffers | None = None
        self.pump: Pump | None = None
        self._inbox: ZmqInbox | None = None
        self._outlets: list[ZmqOutlet] = []
        self._engine: EngineLike | None = None
        self._settings: Mapping[str, Any] = {}
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

    # -- actions -----------------------------------------------------------

    def _act(self, action: s.Action) -> None:
        match action:
            case s.Send(message):
                self._control.send(encode_control(message))
            case s.Beat():
                self.beat()
            case s.Warm():
                self._duties.warm()
                self.event(s.Prepared())
            case s.Bind(body):
                self._bind(body)
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
                    self.send_frames()
                    body = {"report": self.report()}
                    self.send(Kind.STOPPED, body)
                self._duties.left(code, text)
                if not self.done.done():
                    self.done.set_result(code)

    def send(self, kind: Kind, body: Mapping[str, Any]) -> None:
        """Send a message of the present life to the controller."""
        state = self.state
        message = Control(kind, body, state.generation, state.epoch)
        self._control.send(encode_control(message))

    def _bind(self, body: Mapping[str, Any]) -> None:
        inbound = [LinkSpec(*row) for row in body["inbound"]]
        outbound = [LinkSpec(*row) for row in body["outbound"]]
        self._settings = body["settings"]
        partition = body["partition"]
        self._partition = -1 if partition is None else int(partition["index"])
        self._engine = self._duties.build(body, inbound, outbound)
        self.node = self._engine.node
        folder = Path(self._settings["folder"])
        where = str(self._settings["where"])
        if where == "ipc":
            where = f"ipc://{folder}/{secrets.token_hex(LETTERS)}"
        limit = len(self.node.message)
        self._inbox = ZmqInbox(self._context, where, self._settings["hwm"], limit)
        self._inbox.watch(self._wake)
        self._outlets = []
        self.event(s.Prepared(self._inbox.endpoint))

    def _wake(self) -> None:
        if self.pump is not None and self.state.phase is s.Phase.RUNNING:
            self.pump.wake()
        elif self.state.phase is s.Phase.BOUND:
            self._read_hellos()

    def _connect(
        self, endpoints: tuple[tuple[int, str], ...], hellos: Mapping[int, Control]
    ) -> None:
        node, inbox = self.node, self._inbox
        if node is None or inbox is None:
            return
        where = dict(endpoints)
        hwm = self._settings["hwm"]
        for link in node.outbound_specs:
            outlet = ZmqOutlet(self._context, where[link.index], hwm, self._wake)
            outlet.send(encode_control(hellos[link.index]))
            self._outlets.append(outlet)
        self.pump = Pump(
            node, inbox, self._outlets, schedule=self._loop.call_soon,
            always_receive=self._duties.always_receive,
        )  # fmt: skip
        self._read_hellos()

    def _read_hellos(self) -> None:
        node, inbox = self.node, self._inbox
        while node is not None and inbox is not None:
            if self.state.phase is not s.Phase.BOUND:
                return
            size = inbox.receive_into(node.message.data)
            if size < 0:
                return
            try:
                message = decode_control(node.message[:size].tobytes())
            except WireError as error:
                _log.warning("dropped a stranger's message on a data link: %s", error)
                continue
            if message.kind is Kind.HELLO:
                self.event(s.HelloReceived(message))

    def _run(self, roster: tuple[Mapping[str, Any], ...]) -> None:
        if self.pump is None or self._engine is None:
            return
        self._go_cpu_ns = time.process_time_ns()
        self._duties.run(roster)
        self.pump.start(
            self._engine, on_fault=self._fault, on_other=self._other,
            after_turn=self._duties.after_turn,
        )  # fmt: skip

    def _fault(self, code: int) -> None:
        if self._engine is None:
            return
        if code in FAULTS:
            error = self._engine.fault(code)
            fault = s.LinkFault(
                error.link, error.frame, error.reason, error.expected, error.got
            )
        else:
            fault = s.LinkFault("?", None, f"malformed packet ({code})", 0, 0)
        _log.error("link fault: %s", fault)
        self.event(fault)

    def _other(self, data: bytes) -> int:
        """Take a packet of wider integers, or drop what is no packet."""
        node, engine = self.node, self._engine
        if node is None or engine is None:
            return MORE
        try:
            packet = encode_packet(decode_packet(data, len(node.message)))
        except WireError as error:
            _log.error("malformed packet of a member: %s", error)
            return -100
        node.message[: len(packet)] = np.frombuffer(packet, np.uint8)
        return engine.receive(len(packet))

    # -- beats and reports ---------------------------------------------------

    def beat(self) -> None:
        """Send the counters, and the frame reports that came since."""
        self.send_frames()
        node, pump = self.node, self.pump
        received = sent = b""
        blocked, open_frames = False, 0
        if node is not None:
            received = np.stack(
                [node.inbound["index"], node.inbound["spikes"]], -1
            ).astype("<u8").tobytes()  # fmt: skip
            sent = np.stack(
                [node.outbound["index"], node.outbound["spikes"]], -1
            ).astype("<u8").tobytes()  # fmt: skip
            open_frames = int(node.record["open_frames"][0])
        if pump is not None:
            blocked = pump.blocked
        body = {
            "received": received, "sent": sent, "blocked": blocked,
            "open_frames": open_frames, "finished": self._duties.finished(),
        }  # fmt: skip
        self.send(Kind.BEAT, body)

    def send_frames(self) -> None:
        """Send the frame reports that came since the last call."""
        rows = self._duties.reports()
        if rows:
            self.send(Kind.FRAMES, {"partition": self._partition, "rows": rows})

    def report(self) -> dict[str, Any]:
        """Return the tables of this member: links and process."""
        node, pump = self.node, self.pump
        if node is None:
            return {"inbound": [], "outbound": [], "worker": {}}
        inbound = []
        for k, row in enumerate(node.inbound):
            values = [int(row[name]) for name in (*COUNTED, "transit_max")]
            for histogram in (node.transit[k], node.wire[k]):
                values += [percentile(histogram, p) or 0 for p in (50, 99)]
            inbound.append([*values, int(node.wire[k].sum())])
        outbound = []
        for k, row in enumerate(node.outbound):
            values = [int(row[name]) for name in COUNTED]
            blocked = pump.blocked_total(k) if pump is not None else 0
            outbound.append([*values, blocked])
        usage = resource.getrusage(resource.RUSAGE_SELF)
        cpu_ns = time.process_time_ns()
        worker = {
            "partition": self._partition,
            "pid": os.getpid(),
            "frames": int(node.record["handled_frames"][0]),
            "kernel_ns": int(node.record["kernel_ns"][0]),
            "cpu_ns": cpu_ns,
            "run_cpu_ns": cpu_ns - self._go_cpu_ns,
            "contexts_peak": int(node.record["contexts_peak"][0]),
            "turns": pump.turns if pump is not None else 0,
            "rss_kib": int(usage.ru_maxrss),
            "loop_lag_ns_max": self._lag_ns,
        }
        return {"inbound": inbound, "outbound": outbound, "worker": worker}

    def _close_data(self) -> None:
        if self.pump is not None:
            self.pump.close()
        elif self._inbox is not None:
            self._inbox.close()
            for outlet in self._outlets:
                outlet.close()
        self.pump, self._inbox, self._outlets = None, None, []

    def close(self) -> None:
        """Release all sockets; may be called twice."""
        if self._timer is not None:
            self._timer.cancel()
        self._close_data()
        self._control.close()
        if not self._context.closed:
            self._context.term()
