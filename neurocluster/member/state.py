"""Decide for one member of a cluster, worker or client: join, wire, run, leave.

Events go in, actions come out; no clock, no socket, no randomness. `TRANSITIONS`
says which message is legal in which state; anything else of the present life is
ignored, anything of another life is counted and dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from neurocluster.wire.control import Control, Kind

BEAT_NS: Final = 100_000_000
GIVE_UP_NS: Final = 30_000_000_000
"""How long a member without a lease pipe keeps asking a silent controller."""
PAUSE_NS: Final = 200_000_000
"""Time without any event: this process did not run, so it could hear nobody."""
EXIT_DONE, EXIT_BUG, EXIT_LOST, EXIT_MISMATCH = 0, 70, 75, 76


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


@dataclass(frozen=True, slots=True)
class Received:
    """A control message of the controller arrived."""

    message: Control


@dataclass(frozen=True, slots=True)
class Bound:
    """The acting half has built its engine and bound its inbox."""

    endpoint: str


@dataclass(frozen=True, slots=True)
class HelloReceived:
    """A HELLO arrived on a data link."""

    message: Control


@dataclass(frozen=True, slots=True)
class LinkFault:
    """The data path found a fault."""

    link: str
    frame: int | None
    reason: str
    expected: int
    got: int


@dataclass(frozen=True, slots=True)
class StopAsked:
    """A signal, or the end of the lease pipe."""

    reason: str
    code: int


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed."""


Event = Received | Bound | HelloReceived | LinkFault | StopAsked | Tick


@dataclass(frozen=True, slots=True)
class Send:
    """Send to the controller."""

    message: Control


@dataclass(frozen=True, slots=True)
class Beat:
    """Send a BEAT with the present counters (and FRAMES, where there are any)."""


@dataclass(frozen=True, slots=True)
class Build:
    """Build the engine of an epoch, bind an inbox, say `Bound`."""

    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Connect:
    """Connect each outgoing link and send its HELLO first."""

    endpoints: tuple[tuple[int, str], ...]
    hellos: Mapping[int, Control]


@dataclass(frozen=True, slots=True)
class Run:
    """Process packets from now on."""

    roster: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class CloseData:
    """Close all data sockets."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Send the report as STOPPED, close everything, end with a code."""

    code: int
    text: str
    report: bool = False


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand a message to the client's own logic."""

    message: Control


Action = Send | Beat | Build | Connect | Run | CloseData | Leave | Deliver
TO_CLIENT: Final = (Kind.FRAMES, Kind.TABLES, Kind.FAILED, Kind.DRAIN)


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
        self._inbound: dict[int, str] = {}
        self._widths: dict[int, int] = {}
        self._missing: set[int] = set()
        self._cluster = ""
        self._plan_hash = ""
        self._connected = False
        self._lapsed = False
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
        elif isinstance(event, Bound):
            self._bound(event)
        elif isinstance(event, HelloReceived):
            self._hello(event.message)
        elif isinstance(event, LinkFault):
            self._fault(event)
        elif isinstance(event, StopAsked):
            self._send(Kind.BYE, reason=event.reason)
            self._end(event.code, event.reason)
        else:
            self._tick(now_ns)
        return self._out

    def _send(self, kind: Kind, **body: Any) -> None:
        self._out.append(Send(Control(kind, body, self.generation, self.epoch)))

    def _end(self, code: int, text: str, *, report: bool = False) -> None:
        self.phase = Phase.ENDED
        self._out.append(Leave(code, text, report))

    def _received(self, message: Control, now_ns: int) -> None:
        kind = message.kind
        if kind is Kind.WELCOME and self.phase is Phase.JOINING:
            self.generation = message.generation
            self._heard_ns = now_ns
            self._lease_ns = message.body["lease_ms"] * 1_000_000
            self._cluster = message.body["cluster"]
            self.phase = Phase.STANDBY
            self._send(Kind.READY)
            return
        if kind is Kind.REFUSE and self.phase is Phase.JOINING:
            self._end(EXIT_MISMATCH, message.body["reason"])
            return
        if message.generation != self.generation or self.phase is Phase.JOINING:
            self.stale += 1
            return
        self._heard_ns = now_ns
        if kind is Kind.STOP:
            self._end(EXIT_DONE, "stopped on request", report=True)
        elif kind is Kind.PREPARE and message.epoch > self.epoch:
            self._prepare(message)
        elif kind is Kind.ACK:
            self._heard_again()
        elif message.epoch != self.epoch:
            self.stale += 1
        elif kind in TO_CLIENT:
            self._out.append(Deliver(message))
        elif (step := TRANSITIONS.get((self.phase, kind))) is not None:
            step(self, message)

    def _heard_again(self) -> None:
        """Tell a controller that comes back that this epoch's links are closed."""
        if self._lapsed:
            self._lapsed = False
            reason = "closed, the controller was silent for longer than its lease"
            self._send(
                Kind.FAULT, link=", ".join(self._inbound.values()), frame=None,
                reason=reason, expected=0, got=0,
            )  # fmt: skip

    def _prepare(self, message: Control) -> None:
        self.epoch, self.phase = message.epoch, Phase.BUILDING
        self._lapsed = False
        body = message.body
        self._inbound = {row[0]: row[1] for row in body["inbound"]}
        rows = (*body["inbound"], *body["outbound"])
        self._widths = {row[0]: row[5] for row in rows}
        self._missing = set(self._inbound)
        self._plan_hash, self._connected = body["plan_hash"], False
        self._out += [CloseData(), Build(body)]

    def _bound(self, event: Bound) -> None:
        if self.phase is Phase.BUILDING:
            self.phase = Phase.BOUND
            self._send(Kind.BOUND, endpoint=event.endpoint)

    def _connect(self, message: Control) -> None:
        pairs = tuple((int(k), str(to)) for k, to in message.body["endpoints"])
        hellos = {link: self.hello(link) for link, _ in pairs}
        self._connected = True
        self._out.append(Connect(pairs, hellos))
        self._check_linked()

    def hello(self, link: int) -> Control:
        """Return the HELLO that opens an outgoing link."""
        body = {
            "cluster": self._cluster, "link": link, "width": self._widths[link],
            "plan_hash": self._plan_hash,
        }  # fmt: skip
        return Control(Kind.HELLO, body, self.generation, self.epoch)

    def _hello(self, message: Control) -> None:
        link = message.body["link"]
        if self.phase is not Phase.BOUND or link not in self._missing:
            self.stale += 1
            return
        if message != self.hello(link):
            self.stale += 1
            return
        self._missing.discard(link)
        self._check_linked()

    def _check_linked(self) -> None:
        if self._connected and not self._missing and self.phase is Phase.BOUND:
            self.phase = Phase.LINKED
            self._send(Kind.LINKED)

    def _go(self, message: Control) -> None:
        self.phase = Phase.RUNNING
        self._out.append(Run(message.body["roster"]))

    def _fault(self, event: LinkFault) -> None:
        self.phase = Phase.FAULTY
        self._send(
            Kind.FAULT, link=event.link, frame=event.frame, reason=event.reason,
            expected=event.expected, got=event.got,
        )  # fmt: skip

    def _tick(self, now_ns: int) -> None:
        silent = now_ns - (self._heard_ns or 0)
        if self.phase is not Phase.JOINING and silent > self._lease_ns:
            if self.phase not in (Phase.STANDBY, Phase.FAULTY):
                self.phase, self._lapsed = Phase.FAULTY, True
                self._out.append(CloseData())
            if self._register["role"] == "client":
                self._end(EXIT_LOST, "the controller does not answer any more")
                return
        if silent > GIVE_UP_NS and not self._leased:
            self._end(EXIT_LOST, "no controller answered for 30 s")
            return
        if now_ns < self._next_ns:
            return
        self._next_ns = now_ns + BEAT_NS
        if self.phase is Phase.JOINING:
            self._send(Kind.REGISTER, **self._register)
        else:
            self._out.append(Beat())


TRANSITIONS: Final = {
    (Phase.BOUND, Kind.CONNECT): Member._connect,
    (Phase.LINKED, Kind.GO): Member._go,
}
