"""Decide for the controller: meet members, wire epochs, watch, recover, end sessions.

Events go in, actions come out; there is no clock, no socket and no randomness here.
`TRANSITIONS` at the end says which event does what in which phase, and where it may
lead; what has no entry changes nothing.

An epoch is a fresh set of data sockets. Whatever goes wrong in one, a lost member, a
fault on a link, a link that stands still, ends it; the next one is the same bring-up
run again with who is there. Only epochs in a row without a finished frame, or nobody
to take a partition for `recovery_ns`, fail the client's session. A session that ended,
well or not, leaves the workers standing by for the next client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from neurocluster.controller.books import Phase
from neurocluster.controller.events import (
    Action,
    Event,
    Exited,
    Received,
    StopAsked,
    Tick,
)
from neurocluster.controller.members import Members
from neurocluster.controller.roster import Member
from neurocluster.wire.control import Control, Kind

__all__ = ["TRANSITIONS", "Controller", "Phase", "Step"]
OF_ONE_EPOCH: Final = (
    Kind.BOUND, Kind.LINKED, Kind.FAULT, Kind.PROBE, Kind.ECHO, Kind.DONE,
)  # fmt: skip
"""Messages that count in their own epoch only."""


class Controller(Members):
    """Decide what the controller of one cluster does."""

    def handle(self, event: Event, now_ns: int) -> list[Action]:
        """Take one event; return what to do."""
        if self.phase is Phase.ENDED:
            return []
        paused_ns = self._silence.listen(self._roster, now_ns)
        self._watch.pause(paused_ns)
        self._ticks.pause(paused_ns)
        if isinstance(event, Received):
            self._received(event, now_ns)
        else:
            self._step(type(event), (event,), now_ns)
        return self._post.take()

    def _received(self, event: Received, now_ns: int) -> None:
        message, member = event.message, self._roster.get(event.peer)
        if message.kind is Kind.REGISTER:
            self._step(Kind.REGISTER, (event.peer, message.body), now_ns)
        elif member is None or not self._is_for_us(member, message):
            self._turn_away(event.peer, message)
        else:
            member.heard_ns = now_ns
            if message.kind not in OF_ONE_EPOCH or message.epoch == self.epoch:
                self._step(message.kind, (member, message), now_ns)

    def _is_for_us(self, member: Member, message: Control) -> bool:
        """Tell whether a message is of this life, which WELCOME makes known."""
        if message.kind is Kind.BYE and message.generation == 0:
            return not member.ready
        return message.generation == self._post.generation

    def _step(self, what: Kind | type, subject: tuple[Any, ...], now_ns: int) -> None:
        step = TRANSITIONS.get((self.phase, what))
        if step is not None:
            step.act(self, *subject, now_ns)


class Step(NamedTuple):
    """What an event does in a phase, and the phases in which that may leave it."""

    act: Callable[..., None]
    to: tuple[Phase, ...]


Row = tuple[tuple[Phase, Kind | type[Event]], Step]
C, P, K = Controller, Phase, Kind


def _row(
    phase: Phase, what: Kind | type[Event], act: Callable[..., None], *to: Phase
) -> Row:
    return (phase, what), Step(act, to)


TRANSITIONS: Final[Mapping[tuple[Phase, Kind | type[Event]], Step]] = dict(
    (
        _row(P.GATHER, K.REGISTER, C._register, P.GATHER, P.ENDED),
        _row(P.GATHER, K.READY, C._ready, P.GATHER, P.WIRE),
        _row(P.GATHER, K.BEAT, C._beat, P.GATHER, P.WIRE),
        _row(P.GATHER, K.FRAMES, C._frames, P.GATHER),
        _row(P.GATHER, K.DETAILS, C._frames, P.GATHER),
        _row(P.GATHER, K.IDLE, C._idle, P.GATHER, P.CLOSING, P.ENDED),
        _row(P.GATHER, K.BYE, C._bye, P.GATHER, P.ENDED),
        _row(P.GATHER, Exited, C._exited, P.GATHER, P.CLOSING, P.ENDED),
        _row(P.GATHER, Tick, C._tick, P.GATHER, P.CLOSING, P.ENDED),
        _row(P.GATHER, StopAsked, C._stop_asked, P.GATHER, P.ENDED),
        _row(P.WIRE, K.REGISTER, C._register, P.WIRE, P.GATHER, P.ENDED),
        _row(P.WIRE, K.READY, C._ready, P.WIRE),
        _row(P.WIRE, K.BEAT, C._beat, P.WIRE, P.RUN, P.CLOSING),
        _row(P.WIRE, K.BOUND, C._bound, P.WIRE),
        _row(P.WIRE, K.LINKED, C._linked, P.WIRE, P.RUN),
        _row(P.WIRE, K.FAULT, C._fault, P.WIRE),
        _row(P.WIRE, K.FRAMES, C._frames, P.WIRE),
        _row(P.WIRE, K.DETAILS, C._frames, P.WIRE),
        _row(P.WIRE, K.REPORT, C._report_early, P.WIRE),
        _row(P.WIRE, K.PROBE, C._pass_on, P.WIRE),
        _row(P.WIRE, K.ECHO, C._pass_on, P.WIRE),
        _row(P.WIRE, K.IDLE, C._idle, P.WIRE, P.CLOSING),
        _row(P.WIRE, K.BYE, C._bye, P.WIRE, P.GATHER, P.ENDED),
        _row(P.WIRE, Exited, C._exited, P.WIRE, P.GATHER, P.CLOSING, P.ENDED),
        _row(P.WIRE, Tick, C._tick, P.WIRE, P.GATHER, P.CLOSING, P.ENDED),
        _row(P.WIRE, StopAsked, C._stop_asked, P.WIRE, P.ENDED),
        _row(P.RUN, K.REGISTER, C._register, P.RUN, P.WIRE, P.GATHER, P.ENDED),
        _row(P.RUN, K.READY, C._ready, P.RUN),
        _row(P.RUN, K.BEAT, C._beat, P.RUN, P.WIRE, P.CLOSING),
        _row(P.RUN, K.FAULT, C._fault, P.WIRE),
        _row(P.RUN, K.FRAMES, C._frames, P.RUN),
        _row(P.RUN, K.DETAILS, C._frames, P.RUN),
        _row(P.RUN, K.REPORT, C._report_early, P.RUN),
        _row(P.RUN, K.PROBE, C._pass_on, P.RUN),
        _row(P.RUN, K.ECHO, C._pass_on, P.RUN),
        _row(P.RUN, K.DONE, C._done, P.RUN),
        _row(P.RUN, K.IDLE, C._idle, P.RUN, P.CLOSING),
        _row(P.RUN, K.BYE, C._bye, P.RUN, P.WIRE, P.GATHER, P.ENDED),
        _row(P.RUN, Exited, C._exited, *P),
        _row(P.RUN, Tick, C._tick, P.RUN, P.WIRE, P.GATHER, P.CLOSING, P.ENDED),
        _row(P.RUN, StopAsked, C._stop_asked, P.RUN, P.ENDED),
        _row(P.CLOSING, K.REGISTER, C._register, P.CLOSING, P.GATHER, P.ENDED),
        _row(P.CLOSING, K.READY, C._ready, P.CLOSING),
        _row(P.CLOSING, K.BEAT, C._beat, P.CLOSING),
        _row(P.CLOSING, K.FRAMES, C._frames, P.CLOSING),
        _row(P.CLOSING, K.DETAILS, C._details, P.CLOSING),
        _row(P.CLOSING, K.IDLE, C._idle, P.CLOSING, P.GATHER, P.ENDED),
        _row(P.CLOSING, K.REPORT, C._report, P.CLOSING, P.GATHER, P.ENDED),
        _row(P.CLOSING, K.BYE, C._bye, P.CLOSING, P.GATHER, P.ENDED),
        _row(P.CLOSING, Exited, C._exited, P.CLOSING, P.GATHER, P.ENDED),
        _row(P.CLOSING, Tick, C._tick, P.CLOSING, P.GATHER, P.ENDED),
        _row(P.CLOSING, StopAsked, C._stop_asked, P.CLOSING, P.ENDED),
    )
)
"""By phase and event; targets are all phases in which the event may leave it."""
