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
CLIENT_GIVE_UP_NS: Final = 1_800_000_000
"""The same for a client that was welcomed once: its user wants to know."""
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

    epoch: int
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
class Report:
    """Send the tables of this session and forget them."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Close everything, end with a code."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Deliver:
    """Hand a message to the client's own logic."""

    message: Control


Action = Send | Beat | Build | Connect | Run | CloseData | Report | Leave | Deliver
TO_CLIENT: Final = (
    Kind.FRAMES, Kind.TABLES, Kind.FAILED, Kind.DRAIN, Kind.LOST,
)  # fmt: skip


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

    def _end(self, code: int, text: str) -> None:
        self.phase = Phase.ENDED
        self._out.append(Leave(code, text))

    def _received(self, message: Control, now_ns: int) -> None:
        kind = message.kind
        if self.phase is Phase.JOINING:
            self._joining(message, now_ns)
            return
        if message.generation != self.generation:
            self.stale += 1
            return
        self._heard_ns = now_ns
        if kind is Kind.STOP:
            self._send(Kind.BYE, reason="stopped on request")
            self._end(EXIT_DONE, "stopped on request")
        elif kind is Kind.REFUSE:
            self._rejoin(now_ns)
        elif kind is Kind.END:
            self.phase = Phase.STANDBY
            self._out += [CloseData(), Report()]
        elif kind is Kind.PREPARE and message.epoch > self.epoch:
            self._prepare(message)
        elif kind in TO_CLIENT:  # reports of an epoch may come when it is over
            self._out.append(Deliver(message))
        elif message.epoch != self.epoch:
            self.stale += 1
        elif (step := TRANSITIONS.get((self.phase, kind))) is not None:
            step(self, message)

    def _joining(self, message: Control, now_ns: int) -> None:
        kind, body = message.kind, message.body
        if kind is Kind.REFUSE and body["fatal"]:
            self._end(EXIT_MISMATCH, body["reason"])
        elif kind is not Kind.WELCOME:
            self.stale += 1
        elif self._is_client and self.generation not in (0, message.generation):
            self._end(EXIT_LOST, "the controller is gone; another one took its place")
        else:
            self.generation, self.epoch = message.generation, 0
            self._heard_ns = now_ns
            self._lease_ns = body["lease_ms"] * 1_000_000
            self._cluster = body["cluster"]
            self.phase = Phase.STANDBY
            self._send(Kind.READY)

    @property
    def _is_client(self) -> bool:
        return bool(self._register["role"] == "client")

    def _rejoin(self, now_ns: int) -> None:
        """Begin a new life: this one's partition may have another owner by now."""
        self.phase, self._next_ns = Phase.JOINING, now_ns
        self._out.append(CloseData())

    def _prepare(self, message: Control) -> None:
        self.epoch, self.phase = message.epoch, Phase.BUILDING
        body = message.body
        self._inbound = {row[0]: row[1] for row in body["inbound"]}
        rows = (*body["inbound"], *body["outbound"])
        self._widths = {row[0]: row[5] for row in rows}
        self._missing = set(self._inbound)
        self._plan_hash, self._connected = body["plan_hash"], False
        self._out += [CloseData(), Build(self.epoch, body)]

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
        if self.phase is not Phase.RUNNING:
            return
        self.phase = Phase.FAULTY
        self._send(
            Kind.FAULT, link=event.link, frame=event.frame, reason=event.reason,
            expected=event.expected, got=event.got,
        )  # fmt: skip

    def _tick(self, now_ns: int) -> None:
        silent_ns = now_ns - (self._heard_ns or 0)
        if self.phase is not Phase.JOINING and silent_ns > self._lease_ns:
            self._rejoin(now_ns)
        if self._is_client and self.generation and silent_ns > CLIENT_GIVE_UP_NS:
            self._end(EXIT_LOST, "the controller does not answer any more")
            return
        if silent_ns > GIVE_UP_NS and not self._leased:
            self._end(EXIT_LOST, "no controller answered for 30 s")
            return
        if now_ns < self._next_ns:
            return
        self._next_ns = now_ns + BEAT_NS
        if self.phase is Phase.JOINING:
            # 0: whoever answers may welcome it, under whatever generation.
            self._out.append(Send(Control(Kind.REGISTER, self._register)))
        else:
            self._out.append(Beat())


TRANSITIONS: Final = {
    (Phase.BOUND, Kind.CONNECT): Member._connect,
    (Phase.LINKED, Kind.GO): Member._go,
}
