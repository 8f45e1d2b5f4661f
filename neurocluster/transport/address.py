"""Choose the address at which this process listens, and the one it tells others.

They differ behind address translation and in containers. By default both are the local
address of the route to the controller.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from neurocluster.errors import ConfigError

if TYPE_CHECKING:
    from ifaddr import Adapter

LOWEST_PORT, HIGHEST_PORT = 1024, 65535
FEWEST_PORTS: Final = 2
"""An epoch never binds the port that the one before has just closed."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How others on a network reach this process; None leaves it to the route.

    Attributes:
        bind: Address to listen at; ``0.0.0.0``, ``::`` or ``*`` for all.
        advertise: Address or name that others connect to.
        interface: Name of a network interface, or a network as ``10.1.0.0/16``,
            whose address is meant by both.
        ports: First and last port to listen at, or None for any.
    """

    bind: str | None = None
    advertise: str | None = None
    interface: str | None = None
    ports: tuple[int, int] | None = None


def parse_ports(text: str) -> tuple[int, int]:
    """Return first and last port of ``LOW-HIGH``.

    Raises:
        ConfigError: It is no range, or too small to change ports between epochs.
    """
    low, _, high = text.partition("-")
    if low.isdecimal() and high.isdecimal():
        first, last = int(low), int(high)
        if LOWEST_PORT <= first <= last <= HIGHEST_PORT:
            if last - first + 1 >= FEWEST_PORTS:
                return first, last
            message = f"ports: {text}: a worker needs {FEWEST_PORTS} in turn"
            raise ConfigError(message)
    message = f"ports: {text!r} is no range within {LOWEST_PORT}-{HIGHEST_PORT}"
    raise ConfigError(message)


def choose(reach: Reach, controller: str) -> tuple[str, str]:
    """Return the address to bind and the one to advertise.

    Args:
        reach: What the user asked for.
        controller: Its endpoint, ``tcp://HOST:PORT``.

    Raises:
        ConfigError: There is no such interface, or no route to the controller.
    """
    if reach.interface is not None:
        own = address_on(reach.interface)
    elif reach.bind is not None and not is_any(reach.bind):
        own = reach.bind
    else:
        own = route_to(controller)
    return reach.bind or own, reach.advertise or own


def is_any(address: str) -> bool:
    """Tell whether an address stands for all of this host."""
    if address == "*":
        return True
    try:
        return ipaddress.ip_address(address).is_unspecified
    except ValueError:
        return False


def is_local(endpoint: str) -> bool:
    """Tell whether only processes of this host can reach an endpoint.

    Raises:
        ConfigError: It is none.
    """
    if endpoint.startswith("ipc://"):
        return True
    host = host_of(endpoint)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def host_of(endpoint: str) -> str:
    """Return the host of ``tcp://HOST:PORT``, IPv6 without its brackets.

    Raises:
        ConfigError: It is no such endpoint.
    """
    host = urlsplit(endpoint).hostname if endpoint.startswith("tcp://") else None
    if not host:
        message = f"{endpoint} is no endpoint: neither ipc:// nor tcp://HOST:PORT"
        raise ConfigError(message)
    return host


def tcp(address: str, port: int | str) -> str:
    """Return the endpoint of an address and a port."""
    return f"tcp://[{address}]:{port}" if ":" in address else f"tcp://{address}:{port}"


def route_to(endpoint: str) -> str:
    """Return the local address of the route to a host; nothing is sent.

    Raises:
        ConfigError: The host is unknown, or there is no route.
    """
    host = host_of(endpoint)
    try:
        for family, kind, _, _, peer in socket.getaddrinfo(
            host, 9, type=socket.SOCK_DGRAM
        ):
            with socket.socket(family, kind) as probe:
                probe.connect(peer)
                return str(probe.getsockname()[0])
    except OSError as error:
        message = f"no route to {host}: {error.strerror}"
        raise ConfigError(message) from error
    message = f"{host} has no address"
    raise ConfigError(message)


def address_on(interface: str) -> str:
    """Return this host's address on an interface, or in a network.

    Raises:
        ConfigError: There is none; the message lists what there is.
    """
    import ifaddr  # few need it, and at the start only

    found = [
        (adapter.name, address)
        for adapter in ifaddr.get_adapters()
        for address in _addresses(adapter)
    ]
    for name, address in found:
        if interface == name or _within(address, interface):
            return address
    there = ", ".join(f"{name} {address}" for name, address in found)
    message = f"interface: {interface} has no address of this host; there are {there}"
    raise ConfigError(message)


def _addresses(adapter: Adapter) -> list[str]:
    """Return an adapter's addresses, IPv4 first."""
    four = [str(ip.ip) for ip in adapter.ips if ip.is_IPv4]
    return four + [str(ip.ip[0]) for ip in adapter.ips if not ip.is_IPv4]


def _within(address: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network)
    except ValueError:
        return False


class Ports:
    """Hand out the ports of a range, beginning elsewhere each time.

    One that was just closed cannot be bound for a while, and is passed over.
    """

    def __init__(self, ports: tuple[int, int] | None) -> None:
        """Take a range, or None for any free port."""
        self._ports = list(range(ports[0], ports[1] + 1)) if ports is not None else []

    def next(self) -> list[int | str]:
        """Return what to try in turn; the next call begins with the second of them."""
        found: list[int | str] = [*self._ports] or ["*"]
        self._ports = self._ports[1:] + self._ports[:1]
        return found
