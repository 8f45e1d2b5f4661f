"""Act for one member: control socket, epochs of data sockets, beats, report."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from neurocluster.errors import NeuroclusterError, RemoteLinkError
from neurocluster.kernels.clock import Clock
from neurocluster.member import state as s
from neurocluster.member.account import Account
from neurocluster.member.build import build_beside
from neurocluster.member.clocks import own_clock
from neurocluster.member.contact import Contact
from neurocluster.member.data import DataPath, EngineLike
from neurocluster.member.details import Detail, details, to_wire
from neurocluster.member.duties import Duties
from neurocluster.member.meeting import Meeting, Place
from neurocluster.member.probing import Asking
from neurocluster.member.trace import Trace
from neurocluster.transport.sockets import Sockets
from neurocluster.wire.control import Control, Kind
from neurocluster.wire.packet import mark_of

TICK_S: Final = 0.05
SOCKETS: Final = 1024
NO_COUNTERS: Final[Mapping[str, Any]] = {
    "received": b"", "sent": b"", "blocked": False, "open_frames": 0, "frame": 0,
    "packets": 0, "rounds": b"", "asleep": False,
}  # fmt: skip
_log = logging.getLogger(__name__)


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
        meeting: Meeting,
        *,
        slot: int | None,
        leased: bool,
        version: str,
        pulse: Callable[[], None] = lambda: None,
        former: tuple[int, str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Connect to a controller and begin to join.

        Args:
            duties: What this member is for.
            role: ``worker`` or ``client``.
            meeting: How it meets its controller.
            slot: Index of the partition wished for, or None.
            leased: See `member.state.Member`.
            version: Of this package.
            pulse: Called at each tick: this process is alive.
            former: Process that this one stands for, and how it ended.
            clock: That its links read; default this process's own.
        """
        self._clock = clock or own_clock()
        self._duties, self._pulse = duties, pulse
        self._closed = False
        self._place = Place(meeting)
        self._sockets = Sockets(SOCKETS, meeting.keys)
        replaces, cause = former or (None, "")
        register = {
            "role": role, "pid": os.getpid(), "host": socket.gethostname(),
            "slot": slot, "version": version, "replaces": replaces, "cause": cause,
            "clock": self._clock.name,
        }  # fmt: skip
        self.state = s.Member(register, leased=leased)
        self._contact = Contact(self._sockets, meeting, self.event)
        self._data: DataPath | None = None
        self._account = Account()
        self._trace: Trace | None = None
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due = self._loop.time()
        self.done: asyncio.Future[int] = self._loop.create_future()
        self._tick()

    # -- events ------------------------------------------------------------

    def event(self, event: s.Event) -> None:
        """Give the state machine an event and do what it says."""
        for action in self.state.handle(event, time.monotonic_ns()):
            self._act(action)

    def _tick(self) -> None:
        late = self._loop.time() - self._due
        self._account.late(int(late * 1e9))
        self._due = self._loop.time() + TICK_S
        self._timer = self._loop.call_later(TICK_S, self._tick)
        self._pulse()
        self.event(s.Tick())
        if self.state.phase is s.Phase.JOINING:
            self._contact.look_again(self._due)

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
            stale = self.state.stale
            self.event(s.HelloReceived(hello))
            if self.state.stale > stale:
                data.drop()  # of another cluster, or of another epoch
        data.look()

    def wake(self) -> None:
        """Take a turn soon: there may be something to send."""
        if self._data is not None and self._data.pump is not None:
            self._data.pump.wake()

    @property
    def round(self) -> int:
        """Return the present round of the clock; -1 without one."""
        return self._data.clocking.number if self._data is not None else -1

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
                self._contact.send(message)
            case s.Beat():
                self._beat()
            case s.Build(epoch, body):
                self._build(epoch, body)
            case s.Connect():
                self._connect(action)
            case s.Run(roster):
                self._run(roster)
            case s.CloseData():
                self._close_data()
            case s.Report():
                for body in to_wire(self.details()):
                    self.send(Kind.DETAILS, body)
                self.send(Kind.REPORT, {"report": self.report()})
                self._account.forget()
                self._trace = None
            case s.Deliver(message):
                self._duties.deliver(message)
            case s.TellTime(message):
                if self._data is not None:
                    self._data.clocks.told(message)
            case s.OpenRound(message):
                if self._data is not None:
                    self._data.clocking.opened(message.body)
            case s.Leave(code, text):
                self._leave(code, text)

    def _leave(self, code: int, text: str) -> None:
        self._duties.left(code, text)
        if not self.done.done():
            self.done.set_result(code)

    def send(self, kind: Kind, body: Mapping[str, Any]) -> None:
        """Send a message of the present life to the controller."""
        state = self.state
        self._contact.send(Control(kind, body, state.generation, state.epoch))

    def _build(self, epoch: int, body: Mapping[str, Any]) -> None:
        """Build the engine beside the loop: beats go on while kernels compile."""
        self._account.begin(self.state.generation)
        built = partial(self._built, epoch, body)
        build_beside(self._loop, self._duties, epoch, body, built)

    def _built(
        self, epoch: int, body: Mapping[str, Any], built: EngineLike | Exception
    ) -> None:
        building = self.state.phase is s.Phase.BUILDING
        if epoch != self.state.epoch or not building or self._closed:
            return
        try:
            if isinstance(built, Exception):
                raise built
            built.node.mark(mark_of(self.state.cluster, self.state.generation, epoch))
            secret = self.state.cluster if body["echo"] else ""
            self._data = DataPath(
                self._sockets, built, self._place, body["settings"], self._woken,
                Asking(self._clock.read, secret, self.send),
            )  # fmt: skip
        except NeuroclusterError as error:
            self._cannot(str(error))
            return
        except Exception as error:  # noqa: BLE001 - a bug; the controller is told
            _log.exception("cannot build the engine")
            self._cannot(repr(error))
            return
        partition = body["partition"]
        number = -1 if partition is None else int(partition["index"])
        self._account.epoch, self._account.partition = epoch, number
        self._duties.bound(body, built)
        if self._trace is None and (frames := body["settings"].get("trace")):
            self._trace = Trace(frames)
        data = self._data
        self.event(s.Bound(data.endpoint, data.echo, data.clocking.endpoint))

    def _cannot(self, problem: str) -> None:
        _log.error("cannot prepare: %s", problem)
        self.event(s.StopAsked(f"cannot prepare its part: {problem}", s.EXIT_BUG))

    def _connect(self, ends: s.Connect) -> None:
        if self._data is None:
            return
        try:
            self._data.connect(
                ends.endpoints, ends.hellos, ends.clocks, ends.partners,
                schedule=self._loop.call_soon,
                always_receive=self._duties.always_receive,
            )  # fmt: skip
        except NeuroclusterError as error:
            self._cannot(str(error))
            return
        self._woken()

    def _run(self, roster: tuple[Mapping[str, Any], ...]) -> None:
        self._account.run()
        if self._data is not None:
            hosts = {row["partition"]: row["host"] for row in roster}
            self._data.start(self._fault, self._duties.after_turn, hosts, self._trace)
        self._duties.run(roster)  # last: it may start frames, which a clock holds back

    # -- beats and reports ---------------------------------------------------

    def _beat(self) -> None:
        """Send the counters, and the frame reports that came since."""
        self._send_frames()
        counters = self._data.counters() if self._data is not None else NO_COUNTERS
        body = {
            **counters, "phase": self.state.phase.value,
            "refused": self._sockets.refused,
            "strangers": self._account.strangers(self._data), **self._duties.beat(),
        }  # fmt: skip
        self.send(Kind.BEAT, body)
        if self._data is not None:
            self._data.clocking.again()

    def _send_frames(self) -> None:
        """Send the frame reports that came since, under the epoch they are of."""
        account, generation = self._account, self.state.generation
        for rows in self._duties.reports():
            body = {"partition": account.partition, "rows": rows}
            message = Control(Kind.FRAMES, body, generation, account.epoch)
            self._contact.send(message)

    def report(self) -> dict[str, Any]:
        """Return the tables of this session: links and process."""
        return self._account.report(self._data, self._sockets.refused)

    def details(self) -> list[Detail]:
        """Return what this session keeps beside its report."""
        totals = self._account.totals(self._data)
        return details(self._account.partition, totals, self._trace)

    def _close_data(self) -> None:
        """Close the data sockets; keep what they counted."""
        data, self._data = self._data, None
        if data is not None:
            self._send_frames()
            self._account.add(data)
            data.close()

    def close(self) -> None:
        """Release all sockets; may be called twice."""
        self._closed = True  # the thread that builds may come back later
        if self._timer is not None:
            self._timer.cancel()
        if self._data is not None:
            self._data.close()
        self._contact.close()
        self._sockets.close()
