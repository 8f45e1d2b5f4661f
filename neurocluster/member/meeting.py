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
LOOPBACK: Final = "127.0.0.1"
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


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a member listens in one epoch.

    Attributes:
        endpoints: To be tried in turn for the inbox.
        host: Address to bind.
        ports: To be tried in turn.
        advertised: Host that others connect to, or None for a socket file.
    """

    endpoints: list[str]
    host: str
    ports: list[int | str]
    advertised: str | None

    def told(self, bound: str) -> str:
        """Return what others connect to, given what was bound."""
        if self.advertised is None:
            return bound
        return tcp(self.advertised, bound.rpartition(":")[2])

    def told_echo(self, port: int) -> str:
        """Return where others ask for the time, given the port."""
        return tcp(self.advertised or self.host, port).replace("tcp:", "udp:", 1)


class Place:
    """Say where a member listens, epoch after epoch."""

    def __init__(self, meeting: Meeting) -> None:
        """Take how it meets its controller."""
        self._meeting = meeting
        self._ports = Ports(meeting.reach.ports)

    def choose(self, settings: Mapping[str, Any]) -> Listening:
        """Return where to listen; each epoch begins at another port.

        Args:
            settings: Of PREPARE: ``where`` and ``folder``.

        Raises:
            ConfigError: There is no such interface, or no route to the controller.
        """
        if settings["where"] == "ipc":
            path = Path(settings["folder"]) / secrets.token_hex(LETTERS)
            return Listening([f"ipc://{path}"], LOOPBACK, ["*"], None)
        bind, advertise = choose(self._meeting.reach, self._meeting.endpoint)
        ports = self._ports.next()
        return Listening([tcp(bind, port) for port in ports], bind, ports, advertise)
