"""Cut the network of hosts: by link, direction, port; lose packets; slow it down.

All of it is done on the bridge that joins the hosts (`tools.hosts`), so no host has a
part in it. Rules are nftables' of the bridge family; a rate is a token bucket.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tools.hosts import PORT, Hosts, port_of

TABLE: Final = "neurocluster_faults"
NO_RULES: Final = f"add table bridge {TABLE}\ndelete table bridge {TABLE}\n"
RULES: Final = """\
table bridge {table} {{
    chain from_hosts {{ type filter hook prerouting priority 0; {entering} }}
    chain between {{ type filter hook forward priority 0; {passing} }}
    chain to_hosts {{ type filter hook postrouting priority 0; {leaving} }}
}}
"""
RATE: Final = ("tbf", "rate", "100mbit", "burst", "64kb", "latency", "50ms")
OUT, IN = "out", "in"
"""Directions, seen from a host."""


class Unfit(Exception):
    """This machine cannot cut what must be cut; the message says what is missing."""


@dataclass
class Network:
    """The network between hosts and this machine, whole or cut; `heal` makes it whole.

    Attributes:
        hosts: On it.
    """

    hosts: Hosts
    _rules: dict[str, list[str]] = field(default_factory=dict)
    _slow: list[str] = field(default_factory=list)
    _down: list[str] = field(default_factory=list)

    @property
    def cut(self) -> bool:
        """Tell whether something is cut now."""
        return bool(self._rules or self._down)

    def probe(self) -> None:
        """Do everything once.

        Raises:
            Unfit: Something cannot be done here.
        """
        one, other = self.hosts.names[:2]
        try:
            self.one_way(one, OUT)
            self.pair(one, other)
            self.data(one, [1, 2])
            self.port(one, 1)
            self.lose(one)
            self.slow(one)
            self.down(one)
        except FileNotFoundError as error:
            message = f"{error.filename} is missing: apt-get install nftables iproute2"
            raise Unfit(message) from error
        except subprocess.CalledProcessError as error:
            message = f"{' '.join(map(str, error.cmd))}: {error.stderr.strip()}"
            raise Unfit(message) from error
        finally:
            self.heal()

    def down(self, name: str) -> None:
        """Set a host's link down."""
        self._down.append(name)
        self.hosts.link(name, "down")

    def one_way(self, name: str, way: str) -> None:
        """Drop all that a host sends, or all that is sent to it."""
        self._drop(name, "", (way,))

    def pair(self, source: str, to: str) -> None:
        """Drop what one host sends to another."""
        rule = f"iifname {port_of(source)} oifname {port_of(to)} drop;"
        self._rules.setdefault("passing", []).append(rule)
        self._apply()

    def data(self, name: str, others: Sequence[int]) -> None:
        """Drop all of a host's TCP but that of some ports and of ssh."""
        ports = ", ".join(map(str, (*others, PORT)))
        told = f"meta l4proto tcp tcp sport != {{ {ports} }} tcp dport != {{ {ports} }}"
        self._drop(name, told, (OUT, IN))

    def port(self, name: str, number: int) -> None:
        """Drop a host's TCP from and to a port, on whichever side that is."""
        for end in ("sport", "dport"):
            self._drop(name, f"tcp {end} {number}", (OUT, IN))

    def lose(self, name: str) -> None:
        """Lose one packet in a hundred, each way."""
        self._drop(name, "numgen random mod 100 < 1", (OUT, IN))

    def slow(self, name: str) -> None:
        """Let a host send and receive 100 Mbit/s."""
        self._slow.append(name)
        _run("tc", "qdisc", "replace", "dev", port_of(name), "root", *RATE)
        _run("tc", "-n", name, "qdisc", "replace", "dev", "eth0", "root", *RATE)

    def heal(self) -> None:
        """Make everything whole again."""
        self._rules.clear()
        self._apply()
        for name in self._slow:
            _run("tc", "qdisc", "del", "dev", port_of(name), "root")
            _run("tc", "-n", name, "qdisc", "del", "dev", "eth0", "root")
        self._slow.clear()
        for name in self._down:
            self.hosts.link(name, "up")
        self._down.clear()

    def _drop(self, name: str, what: str, ways: Sequence[str]) -> None:
        port = port_of(name)
        for way in ways:
            chain, side = {OUT: ("entering", "iif"), IN: ("leaving", "oif")}[way]
            rule = f"{side}name {port} {what} drop;"
            self._rules.setdefault(chain, []).append(rule)
        self._apply()

    def _apply(self) -> None:
        chains = ("entering", "passing", "leaving")
        rules = {chain: " ".join(self._rules.get(chain, [])) for chain in chains}
        made = RULES.format(table=TABLE, **rules) if self._rules else ""
        _run("nft", "-f", "-", text=NO_RULES + made)


def _run(*command: str, text: str | None = None) -> None:
    subprocess.run(command, input=text, check=True, capture_output=True, text=True)
