"""Decide for one member of a cluster, worker or client: join, wire, run, leave.

Events go in, actions come out; no clock, no socket, no randomness. `TRANSITIONS` at
the end says which event does what in which phase, and where it leads. Anything else of
the present life is ignored; messages of another life or epoch are counted and dropped.

A member obeys one generation. It loses its membership when the controller says so, or
when its own lease is over; it closes its data sockets then and joins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, Final, NamedTuple

from neurocluster.dtypes import CLIENT
from neurocluster.member.events import (
    Action,
    Beat,
    Bound,
    Build,
    CloseData,
    Connect,
    Deliver,
    Event,
    HelloReceived,
    Leave,
    LinkFault,
    OpenRound,
    Received,
    Refused,
    Report,
    Run,
    Send,
    StopAsked,
    TellTime,
    Tick,
)
from neurocluster.member.wiring import Wiring
from neurocluster.wire.control import Control, Kind

__all__ = [
    "TRANSITIONS", "Action", "Beat", "Bound", "Build", "CloseData", "Connect",
    "Deliver", "Event", "HelloReceived", "Leave", "LinkFault", "Member", "OpenRound",
    "Phase",
    "Received", "Refused", "Report", "Run", "Send", "Step", "StopAsked", "TellTime",
    "Tick",
]  # fmt: skip
BEAT_NS: Final = 100_000_000
GIVE_UP_NS: Final = 30_000_000_000
"""How long a member without a lease pipe keeps asking a silent controller."""
CLIENT_GIVE_UP_NS: Final = 1_500_000_000
"""The same for a client that was welcomed once: its user wants to know."""
REFUSED_NS: Final = 1_000_000_000
"""A refusal that is older may be the last word of a controller that has ended."""
PAUSE_NS: Final = 200_000_000
"""Time without any event: this process did not run, so it could hear nobody."""
EXIT_DONE, EXIT_BUG, EXIT_LOST, EXIT_MISMATCH, EXIT_REFUSED = 0, 70, 75, 76, 77


class Phase(Enum):
    """Where a member stands."""

    JOINING = "joining"
    STANDBY = "standby"
    BUILDING = "building"
    BOUND = "bound"
    LINKED = "linked"
    RUNNING = "running"
    FAULTY = "faulty"
    ENDED = "ended"


TO_CLIENT: Final = (
    Kind.FRAMES, Kind.DETAILS, Kind.TABLES, Kind.FAILED, Kind.DRAIN, Kind.LOST,
)  # fmt: skip
IN_ANY_EPOCH: Final = (Kind.STOP, Kind.END, Kind.REFUSE, *TO_CLIENT)
"""Messages that count whatever epoch they are of: reports may come when it is over."""


class Member:
    """Decide what one member does."""

    def __init__(self, register: Mapping[str, Any], *, leased: bool) -> None:
        """Start in JOINING.

        Args:
            register: Body of REGISTER.
            leased: True if a lease pipe ends this process with its parent; it then
                need not give up by itself.
        """
        self.phase = Phase.JOINING
        self.generation = 0
        self.epoch = 0
        self.stale = 0
        self._register, self._leased = register, leased
        self._lease_ns = 0
        self._heard_ns: int | None = None
        self._last_ns: int | None = None
        self._next_ns = 0
        self._refusal, self._refused_ns = "", 0
        self._wiring: Wiring | None = None
        self.cluster = ""
        self._out: list[Action] = []

    def __repr__(self) -> str:
        """Show phase and epoch."""
        return f"<Member {self.phase.value} epoch={self.epoch}>"

    def handle(self, event: Event, now_ns: int) -> list[Action]:
        """Take one event; return what to do."""
        self._out = []
        if self.phase is Phase.ENDED:
            return []
        if self._heard_ns is None:
            self._heard_ns = now_ns
        if self._last_ns is not None and now_ns - self._last_ns > PAUSE_NS:
            self._heard_ns += now_ns - self._last_ns
        self._last_ns = now_ns
        if isinstance(event, Received):
            self._received(event.message, now_ns)
        else:
            self._step(type(event), event, now_ns)
        return self._out

    def _step(self, what: Kind | type[Event], subject: Any, now_ns: int) -> bool:
        step = TRANSITIONS.get((self.phase, what))
        if step is not None:
            step.act(self, subject, now_ns)
        return step is not None

    def _send(self, kind: Kind, **body: Any) -> None:
        self._out.append(Send(Control(kind, body, self.generation, self.epoch)))

    def _end(self, code: int, text: str) -> None:
        self.phase = Phase.ENDED
        self._out.append(Leave(code, text))

    def _received(self, message: Control, now_ns: int) -> None:
        kind, joining = message.kind, self.phase is Phase.JOINING
        if not joining:
            if message.generation != self.generation:
                self.stale += 1
                return
            self._heard_ns = now_ns
            if self._is_stale(kind, message.epoch):
                self.stale += 1
                return
        if not self._step(kind, message, now_ns) and joining:
            self.stale += 1

    def _is_stale(self, kind: Kind, epoch: int) -> bool:
        """Tell whether a message is of an epoch that is over, or not begun."""
        if kind is Kind.PREPARE:
            return epoch <= self.epoch
        return kind not in IN_ANY_EPOCH and epoch != self.epoch

    def _welcome(self, message: Control, now_ns: int) -> None:
        if self._is_client and self.generation not in (0, message.generation):
            self._end(EXIT_LOST, "the controller is gone; another one took its place")
            return
        self.generation, self.epoch = message.generation, 0
        self._heard_ns = now_ns
        self._lease_ns = message.body["lease_ms"] * 1_000_000
        self.cluster = message.body["cluster"]
        self.phase = Phase.STANDBY
        self._send(Kind.READY)

    def _refused(self, message: Control, _now_ns: int) -> None:
        """Take the answer to REGISTER; one that is not fatal was meant for a BEAT."""
        if message.body["fatal"]:
            self._end(EXIT_MISMATCH, message.body["reason"])

    def _turned_away(self, event: Refused, now_ns: int) -> None:
        """Give up if asking again is of no use; else it may be why we give up later."""
        self._refusal, self._refused_ns = event.reason, now_ns
        if event.certain:
            self._end(EXIT_REFUSED, event.reason)

    @property
    def _is_client(self) -> bool:
        return bool(self._register["role"] == CLIENT)

    def _rejoin(self, _message: Control | None, now_ns: int) -> None:
        """Begin a new life: this one's partition may have another owner by now."""
        self.phase, self._next_ns = Phase.JOINING, now_ns
        self._out.append(CloseData())

    # -- sessions --------------------------------------------------------------

    def _stopped(self, _message: Control, _now_ns: int) -> None:
        self._leave(StopAsked("stopped on request", EXIT_DONE), 0)

    def _leave(self, event: StopAsked, _now_ns: int) -> None:
        self._send(Kind.BYE, reason=event.reason)
        self._end(event.code, event.reason)

    def _stand_by(self, _message: Control, _now_ns: int) -> None:
        """Hand in the tables of a session that is over."""
        self.phase = Phase.STANDBY
        self._out += [CloseData(), Report()]

    def _deliver(self, message: Control, _now_ns: int) -> None:
        self._out.append(Deliver(message))

    def _hear(self, _message: Control, _now_ns: int) -> None:
        """Take an ACK: that it came has renewed the lease."""

    def _time(self, message: Control, _now_ns: int) -> None:
        self._out.append(TellTime(message))

    # -- epochs ----------------------------------------------------------------

    def _prepare(self, message: Control, _now_ns: int) -> None:
        self.epoch, self.phase = message.epoch, Phase.BUILDING
        self._wiring = Wiring(self.cluster, self.generation, self.epoch, message.body)
        self._out += [CloseData(), Build(self.epoch, message.body), Beat()]

    def _bound(self, event: Bound, _now_ns: int) -> None:
        self.phase = Phase.BOUND
        self._send(
            Kind.BOUND, endpoint=event.endpoint, echo=event.echo, ticks=event.ticks
        )

    def _connect(self, message: Control, _now_ns: int) -> None:
        if self._wiring is None or self._wiring.connected:
            return
        self._wiring.connected = True
        pairs = tuple((int(k), str(to)) for k, to in message.body["endpoints"])
        hellos = {link: self._wiring.hello(link) for link, _ in pairs}
        clocks = tuple((int(k), str(at)) for k, at in message.body["clocks"])
        partners = tuple(message.body["partners"])
        self._out.append(Connect(pairs, hellos, clocks, partners))
        self._check_linked(self._wiring)

    def _hello(self, event: HelloReceived, _now_ns: int) -> None:
        if self._wiring is None or not self._wiring.greeted(event.message):
            self.stale += 1
            return
        self._check_linked(self._wiring)

    def _check_linked(self, wiring: Wiring) -> None:
        if wiring.complete:
            self.phase = Phase.LINKED
            self._send(Kind.LINKED)

    def _go(self, message: Control, _now_ns: int) -> None:
        self.phase = Phase.RUNNING
        self._out.append(Run(message.body["roster"]))

    def _round(self, message: Control, _now_ns: int) -> None:
        self._out.append(OpenRound(message))

    def _fault(self, event: LinkFault, _now_ns: int) -> None:
        self.phase = Phase.FAULTY
        self._send(
            Kind.FAULT, link=event.link, frame=event.frame, reason=event.reason,
            expected=event.expected, got=event.got,
        )  # fmt: skip

    # -- time ------------------------------------------------------------------

    def _tick(self, _event: Tick, now_ns: int) -> None:
        silent_ns = now_ns - (self._heard_ns or 0)
        if self.phase is not Phase.JOINING and silent_ns > self._lease_ns:
            self._rejoin(None, now_ns)
        if self._is_client and self.generation and silent_ns > CLIENT_GIVE_UP_NS:
            self._end(EXIT_LOST, "the controller does not answer any more")
        elif silent_ns > GIVE_UP_NS and self._is_refused(now_ns):
            self._end(EXIT_REFUSED, self._refusal)
        elif silent_ns > GIVE_UP_NS and not self._leased:
            self._end(EXIT_LOST, "no controller answered for 30 s")
        elif now_ns >= self._next_ns:
            self._next_ns = now_ns + BEAT_NS
            self._ask_or_beat()

    def _is_refused(self, now_ns: int) -> bool:
        """Tell whether handshakes are still refused: each second sees several."""
        return bool(self._refusal) and now_ns - self._refused_ns < REFUSED_NS

    def _ask_or_beat(self) -> None:
        if self.phase is Phase.JOINING:
            # 0: whoever answers may welcome it, under whatever generation.
            self._out.append(Send(Control(Kind.REGISTER, self._register)))
        else:
            self._out.append(Beat())


class Step(NamedTuple):
    """What an event does in a phase, and the phases in which that may leave it."""

    act: Callable[..., None]
    to: tuple[Phase, ...]


Trigger = Kind | type[Event]
M, P, K = Member, Phase, Kind
_JOINING: Final[Mapping[Trigger, Step]] = {
    K.WELCOME: Step(M._welcome, (P.STANDBY, P.ENDED)),
    K.REFUSE: Step(M._refused, (P.JOINING, P.ENDED)),
    Refused: Step(M._turned_away, (P.JOINING, P.ENDED)),
    Tick: Step(M._tick, (P.JOINING, P.ENDED)),
    StopAsked: Step(M._leave, (P.ENDED,)),
}
_MEMBER: Final[Mapping[Trigger, Step]] = {
    K.PREPARE: Step(M._prepare, (P.BUILDING,)),
    K.END: Step(M._stand_by, (P.STANDBY,)),
    K.STOP: Step(M._stopped, (P.ENDED,)),
    K.REFUSE: Step(M._rejoin, (P.JOINING,)),
    K.ACK: Step(M._hear, ()),
    **{kind: Step(M._deliver, ()) for kind in TO_CLIENT},
    Tick: Step(M._tick, (P.JOINING, P.ENDED)),
    StopAsked: Step(M._leave, (P.ENDED,)),
}
"""What a member takes in every phase between WELCOME and its end."""
_EPOCH: Final[Mapping[tuple[Phase, Trigger], Step]] = {
    (P.BUILDING, Bound): Step(M._bound, (P.BOUND,)),
    (P.BOUND, K.CONNECT): Step(M._connect, (P.BOUND, P.LINKED)),
    (P.BOUND, HelloReceived): Step(M._hello, (P.BOUND, P.LINKED)),
    (P.LINKED, K.GO): Step(M._go, (P.RUNNING,)),
    (P.RUNNING, LinkFault): Step(M._fault, (P.FAULTY,)),
    (P.RUNNING, K.OPEN): Step(M._round, ()),
    **{
        (phase, kind): Step(M._time, ())
        for phase in (P.BOUND, P.LINKED, P.RUNNING)
        for kind in (K.PROBE, K.ECHO)
    },
}
MEMBERS: Final = (P.STANDBY, P.BUILDING, P.BOUND, P.LINKED, P.RUNNING, P.FAULTY)
TRANSITIONS: Final[Mapping[tuple[Phase, Trigger], Step]] = {
    **{(P.JOINING, what): step for what, step in _JOINING.items()},
    **{(phase, what): step for phase in MEMBERS for what, step in _MEMBER.items()},
    **_EPOCH,
}
"""By phase and event; targets are all phases into which the event may lead, none if it
leaves the phase as it is. A tick may always do nothing."""
