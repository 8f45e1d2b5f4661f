"""Know one epoch's links: whom to greet, who has greeted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neurocluster.wire.control import Control, Kind


class Wiring:
    """Hold the links of one epoch until all of them are made.

    Attributes:
        connected: The outgoing links are connected.
    """

    def __init__(
        self, cluster: str, generation: int, epoch: int, body: Mapping[str, Any]
    ) -> None:
        """Take the links from the body of PREPARE."""
        self._life = generation, epoch
        self._cluster, self._plan_hash = cluster, body["plan_hash"]
        rows = (*body["inbound"], *body["outbound"])
        self._widths = {row[0]: row[5] for row in rows}
        self._missing = {row[0] for row in body["inbound"]}
        self.connected = False

    def hello(self, link: int) -> Control:
        """Return the HELLO that opens a link; both ends know the same one."""
        body = {
            "cluster": self._cluster, "link": link, "width": self._widths[link],
            "plan_hash": self._plan_hash,
        }  # fmt: skip
        return Control(Kind.HELLO, body, *self._life)

    def greeted(self, message: Control) -> bool:
        """Take a HELLO; return False if it opens no link of ours."""
        link = message.body["link"]
        if link not in self._missing or message != self.hello(link):
            return False
        self._missing.discard(link)
        return True

    @property
    def complete(self) -> bool:
        """Tell whether every link is made, both ways."""
        return self.connected and not self._missing
