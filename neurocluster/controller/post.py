"""Collect what the controller's state machine has to say while it takes an event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from neurocluster.controller.events import Action, Log, Send
from neurocluster.controller.roster import Member, Roster
from neurocluster.wire.control import Control, Kind


class Post:
    """Address messages of one generation; hold them until the event is done.

    Attributes:
        generation: Of this controller; every message to a member carries it.
        epoch: The present one; every message carries it.
    """

    def __init__(self, roster: Roster, generation: int) -> None:
        """Take the roster that knows the client."""
        self.generation, self.epoch = generation, 0
        self._roster = roster
        self._out: list[Action] = []

    def take(self) -> list[Action]:
        """Return and forget what was collected."""
        out, self._out = self._out, []
        return out

    def add(self, action: Action) -> None:
        """Add any action."""
        self._out.append(action)

    def send(self, member: Member, kind: Kind, **body: Any) -> None:
        """Send a message of this generation and epoch to a member."""
        message = Control(kind, body, self.generation, self.epoch)
        self._out.append(Send(member.peer, message))

    def send_all(self, members: Iterable[Member], kind: Kind, **body: Any) -> None:
        """Send the same message to several members."""
        message = Control(kind, body, self.generation, self.epoch)
        self._out += [Send(member.peer, message) for member in members]

    def tell_client(self, kind: Kind, **body: Any) -> None:
        """Send to the client, if there is one."""
        if (client := self._roster.client) is not None:
            self.send(client, kind, **body)

    def hand_on(self, message: Control) -> None:
        """Give the client a member's message, with the epoch that it is of."""
        if (client := self._roster.client) is not None:
            handed = Control(message.kind, message.body, self.generation, message.epoch)
            self._out.append(Send(client.peer, handed))

    def refuse(
        self, peer: bytes, reason: str, *, fatal: bool, generation: int, epoch: int = 0
    ) -> None:
        """Refuse a peer, in the generation that it obeys."""
        body = {"reason": reason, "fatal": fatal}
        self._out.append(Send(peer, Control(Kind.REFUSE, body, generation, epoch)))

    def log(self, text: str) -> None:
        """Write a line of the log."""
        self._out.append(Log(text))
