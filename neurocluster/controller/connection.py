"""Write, read and remove the connection file: where others find the controller."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from neurocluster.errors import ConfigError
from neurocluster.privacy import check_private

VERSION: Final = 1
FILE: Final = "connection.json"
"""Its usual name."""
_TYPES: Final = {
    "endpoint": str, "pid": int, "host": str, "start": int, "secret": str,
    "insecure": bool,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Connection:
    """Say where a controller is.

    Attributes:
        endpoint: Of its control socket.
        pid: Of its process; 0 if unknown.
        host: On which it runs.
        start: When its process started, in clock ticks since the boot.
        secret: Of the cluster's key, which makes whoever reads it a member; or empty.
        insecure: Other hosts reach it, and nothing is encrypted: somebody asked so.
    """

    endpoint: str
    pid: int = 0
    host: str = ""
    start: int = 0
    secret: str = field(default="", repr=False)
    insecure: bool = False


def write_connection(path: Path, connection: Connection) -> None:
    """Write the file whole or not at all, readable by its owner only.

    Raises:
        ConfigError: The folder cannot be written.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(connection_text(connection))
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    except OSError as error:
        message = f"cannot write the connection file {path}: {error.strerror}"
        raise ConfigError(message) from error


def connection_text(connection: Connection) -> str:
    """Return what a connection file holds."""
    return json.dumps({"version": VERSION, **asdict(connection)})


def read_connection(path: Path) -> Connection:
    """Read a connection file.

    Raises:
        ConfigError: It is missing or is none, or holds a secret that others than its
            owner may read.
    """
    found, mode = _read(path)
    if found.secret:
        check_private(path, mode, "connect")
    return found


def _read(path: Path) -> tuple[Connection, int]:
    """Return what a file says, and its mode."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        message = f"connect: {path}: {error.strerror}; is the controller running?"
        raise ConfigError(message) from error
    except ValueError:
        text = ""
    return parse_connection(text, str(path)), mode


def parse_connection(text: str, where: str) -> Connection:
    """Return what the text of a connection file says.

    Args:
        text: What it holds.
        where: It came from; named in an error.

    Raises:
        ConfigError: It is no such text, or of another version.
    """
    try:
        values = json.loads(text)
        if values["version"] == VERSION:
            return _connection(values)
        problem = "it is of another version"
    except (ValueError, KeyError, TypeError):
        problem = "it is no connection file"
    message = f"connect: {where}: {problem}"
    raise ConfigError(message)


def _connection(values: dict[str, Any]) -> Connection:
    """Take what is there; a file of an older controller has only the endpoint."""
    known = {key: values[key] for key in _TYPES if key in values}
    if any(type(value) is not _TYPES[key] for key, value in known.items()):
        raise TypeError
    return Connection(**known)


def successor(path: Path, connection: Connection) -> Connection | None:
    """Return the controller that took a file from this one, if one did."""
    try:
        found = _read(path)[0]
    except ConfigError:  # it is gone, or about to be written
        return None
    return None if found == connection else found


def remove_connection(path: Path, connection: Connection) -> None:
    """Remove the file if it is this controller's, not one that took its place."""
    with contextlib.suppress(ConfigError, OSError):
        if _read(path)[0] == connection:
            path.unlink()
