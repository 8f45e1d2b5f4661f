"""Find the controller that an option or argument names."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Final

from neurocluster.controller.connection import (
    FILE,
    Connection,
    parse_connection,
    read_connection,
)
from neurocluster.errors import ConfigError
from neurocluster.transport.keys import find_keys

FROM_INPUT, FROM_ENVIRONMENT = "-", "env"
VARIABLE: Final = "NEUROCLUSTER_CONNECTION"
"""Environment variable that may hold what a connection file does."""
MOST_BYTES: Final = 4096
"""Of a connection file's text."""
RUNS: Final = Path("runs")
"""Where runs without ``--out`` have their folders."""


def find_connection(connect: str | None, key: Path | None = None) -> Connection:
    """Return what a connection file, an endpoint or a run folder says.

    Args:
        connect: One of them, or ``-`` for the first line of standard input, or ``env``
            for $NEUROCLUSTER_CONNECTION, which hold what such a file does; None looks
            for ./connection.json and then for the newest run that has one.
        key: Key file of the cluster. Without it a connection file's own word counts,
            that of the environment only beside an endpoint, which has none.

    Raises:
        ConfigError: There is none, or it cannot be read.
    """
    keys = find_keys(key) if key is not None else None
    if connect is not None and "://" in connect:
        found, keys = Connection(connect), keys or find_keys(None)
    elif connect == FROM_INPUT:
        found = parse_connection(_first_line(), "standard input")
    elif connect == FROM_ENVIRONMENT:
        found = parse_connection(os.environ.get(VARIABLE, ""), f"${VARIABLE}")
    else:
        path = _file_of(connect) if connect is not None else _default()
        found = read_connection(path)
    return dataclasses.replace(found, secret=keys.secret) if keys else found


def _first_line() -> str:
    """Return the first line of standard input; leave the rest to who waits for it."""
    line = bytearray()
    while len(line) < MOST_BYTES and (byte := os.read(0, 1)) not in (b"", b"\n"):
        line += byte
    return line.decode(errors="replace")


def _file_of(connect: str) -> Path:
    path = Path(connect)
    if not path.is_dir():
        return path
    if not (path / FILE).exists():
        message = f"connect: no cluster runs in {path}: it has no {FILE}"
        raise ConfigError(message)
    return path / FILE


def _default() -> Path:
    if Path(FILE).exists():
        return Path(FILE)
    dated = []
    for path in RUNS.glob(f"*/{FILE}"):
        try:
            dated.append((path.stat().st_mtime_ns, path))
        except OSError:
            continue  # it ended just now
    if dated:
        return max(dated)[1]
    message = (
        f"connect: there is no ./{FILE}, and no run in {RUNS}/ is going on; "
        "name a connection file, an endpoint or a run's folder"
    )
    raise ConfigError(message)


def endpoint_of(connect: str) -> str:
    """Return the endpoint that `find_connection` finds.

    Raises:
        ConfigError: The file is missing or is none.
    """
    return find_connection(connect).endpoint


def is_file(connect: str) -> bool:
    """Tell whether a file says where the controller is: it can be read again."""
    return "://" not in connect and connect not in (FROM_INPUT, FROM_ENVIRONMENT)
