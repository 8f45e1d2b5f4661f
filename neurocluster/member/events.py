"""Name what a member's state machine takes and what it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from neurocluster.wire.control import Control


@dataclass(frozen=True, slots=True)
class Received:
    """A control message of the controller arrived."""

    message: Control


@dataclass(frozen=True, slots=True)
class Bound:
    """The acting half has built its engine and bound its inbox.

    Attributes:
        endpoint: Of the inbox.
        echo: Where it answers for its clock; empty if nobody is to ask.
        ticks: Where it hears of others' rounds; empty if nobody is to tell.
    """

    endpoint: str
    echo: str = ""
    ticks: str = ""


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


@dataclass(frozen=True, slots=True)
class Refused:
    """What we connect to ended our handshake.

    Attributes:
        reason: Why.
        certain: True if asking again is of no use.
    """

    reason: str
    certain: bool


Event = Received | Bound | HelloReceived | LinkFault | StopAsked | Tick | Refused


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
    """Connect each outgoing link and send its HELLO first; ask for clocks.

    Attributes:
        endpoints: By outgoing link.
        hellos: By outgoing link.
        clocks: By inbound link, who answers for its source's clock; empty if it is
            ours.
        partners: Where to send ticks, by step; empty where nobody is told.
    """

    endpoints: tuple[tuple[int, str], ...]
    hellos: Mapping[int, Control]
    clocks: tuple[tuple[int, str], ...] = ()
    partners: tuple[str, ...] = ()


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


@dataclass(frozen=True, slots=True)
class TellTime:
    """Answer another member's question of time, or take the answer to ours."""

    message: Control


@dataclass(frozen=True, slots=True)
class OpenRound:
    """Take a round of the clock that the controller opens."""

    message: Control


Action = (
    Send | Beat | Build | Connect | Run | CloseData | Report | Leave | Deliver
    | TellTime | OpenRound
)  # fmt: skip
