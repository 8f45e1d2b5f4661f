"""Say which options concern the network, and make keys and addresses of them."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from neurocluster.errors import ConfigError

if TYPE_CHECKING:
    from neurocluster.member.meeting import Meeting

Key = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Key file of the cluster (see keygen); default the connection file's key, "
        "where there is no such file $NEUROCLUSTER_KEY.",
    ),
]
Insecure = Annotated[
    bool,
    typer.Option("--insecure", help="Do without encryption on a network you trust."),
]
Bind = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Address to listen at for links; default that of the route to the "
        "controller.",
    ),
]
Advertise = Annotated[
    str | None,
    typer.Option(
        metavar="HOST", help="Address or name that others connect to; default --bind."
    ),
]
Interface = Annotated[
    str | None,
    typer.Option(
        metavar="NAME-or-NETWORK",
        help="Listen at this interface's address: eth1, or 10.1.0.0/16.",
    ),
]
PortRange = Annotated[
    str | None,
    typer.Option(
        "--ports",
        metavar="LOW-HIGH",
        help="Ports to listen at, two or more; four under --barrier dissemination.",
    ),
]
OPEN = (
    "anybody on its network can read the links and join; make a key by 'neurocluster "
    "keygen cluster.key' and pass it to the controller by --key cluster.key"
)
_log = logging.getLogger(__name__)


def meeting_of(
    connect: str, key: Path | None, *, insecure: bool, bind: str | None,
    advertise: str | None, interface: str | None, ports: str | None,
) -> Meeting:  # fmt: skip
    """Return how a member meets the controller that options name.

    Raises:
        ConfigError: They name none, contradict each other, or it is on another host
            and there is no key, nor does anybody want to do without.
    """
    from neurocluster.cli.endpoint import endpoint_of, find_connection, is_file
    from neurocluster.member.meeting import Meeting
    from neurocluster.transport.address import Reach, is_local, parse_ports
    from neurocluster.transport.keys import keys_in_file

    connection = find_connection(connect, key)
    try:
        local = is_local(connection.endpoint)
    except ConfigError as error:
        message = f"connect: {error}"
        raise ConfigError(message) from error
    keys = keys_in_file(connection.secret)
    if keys is None and not local:
        if not insecure and not connection.insecure:
            message = (
                f"connect: {connection.endpoint} is another host: pass its cluster's "
                "key by --key FILE or $NEUROCLUSTER_KEY, or --insecure"
            )
            raise ConfigError(message)
        _log.warning("not encrypted: %s", OPEN)
    refuse_both(interface, bind)
    reach = Reach(bind, advertise, interface, parse_ports(ports) if ports else None)
    return Meeting(
        connection.endpoint,
        keys,
        reach,
        partial(endpoint_of, connect) if is_file(connect) else None,
    )


def refuse_both(interface: str | None, bind: str | None) -> None:
    """Refuse two options that say the same thing.

    Raises:
        ConfigError: Both are there.
    """
    if interface is not None and bind is not None:
        message = "interface: it says where to listen, as --bind does; leave one out"
        raise ConfigError(message)
