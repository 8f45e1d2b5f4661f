"""Say how a member meets its controller, and where it listens for its links."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from neurocluster.transport.address import Ports, Reach, choose, tcp
from neurocluster.transport.keys import Keys

LETTERS: Final = 8
BY_ROUTE: Final = Reach()


@dataclass(frozen=True, slots=True)
class Meeting:
    """How a member meets its controller.

    Attributes:
        endpoint: Of the controller.
        keys: Of the cluster, if its sockets are encrypted.
        reach: How others reach this member, where links go over a network.
        find: Returns the endpoint again; asked while no controller answers.
    """

    endpoint: str
    keys: Keys | None = None
    reach: Reach = BY_ROUTE
    find: Callable[[], str] | None = None


class Place:
    """Say where a member listens, epoch after epoch."""

    def __init__(self, meeting: Meeting) -> None:
        """Take how it meets its controller."""
        self._meeting = meeting
        self._ports = Ports(meeting.reach.ports)

    def choose(self, settings: Mapping[str, Any]) -> tuple[list[str], str | None]:
        """Return endpoints to try in turn, and the address that others connect to.

        Args:
            settings: Of PREPARE: ``where`` and ``folder``.

        Raises:
            ConfigError: There is no such interface, or no route to the controller.
        """
        if settings["where"] == "ipc":
            path = Path(settings["folder"]) / secrets.token_hex(LETTERS)
            return [f"ipc://{path}"], None
        bind, advertise = choose(self._meeting.reach, self._meeting.endpoint)
        return [tcp(bind, port) for port in self._ports.candidates()], advertise

    def taken(self, endpoint: str) -> None:
        """Note where it listens now: the next epoch takes another port."""
        port = endpoint.rpartition(":")[2]
        if port.isdecimal():
            self._ports.used(int(port))
