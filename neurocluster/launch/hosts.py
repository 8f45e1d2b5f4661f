"""Read a hosts file: where workers run, and what each host needs to run them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from neurocluster.config import unknown_key
from neurocluster.errors import ConfigError
from neurocluster.model.placement import Host

TABLES: Final = ("defaults", "host")
FILES: Final = ("key", "known_hosts")
EXAMPLE: Final = '[[host]]\nname = "n1"\naddress = "10.0.0.1"\ncores = 4'


@dataclass(frozen=True, slots=True)
class HostEntry:
    """One host of a hosts file.

    Attributes:
        name: As placement and errors call it.
        address: Where its sshd listens; default the name.
        port: Of its sshd.
        user: Who logs in; None leaves that to ssh.
        key: Private key file; None tries the agent and the usual files.
        known_hosts: File of known hosts; None is the user's.
        cores: How many of its cores workers may use.
        python: Interpreter that has neurocluster.
        folder: Where workers run; made if it is not there.
        environment: Variables for workers.
        bind: See `transport.address.Reach`; likewise the next three.
    """

    name: str
    address: str = ""
    port: int = 22
    user: str | None = None
    key: str | None = None
    known_hosts: str | None = None
    cores: int = 1
    python: str = "python3"
    folder: str = "."
    environment: Mapping[str, str] = field(default_factory=dict)
    bind: str | None = None
    advertise: str | None = None
    interface: str | None = None
    ports: str | None = None

    @property
    def where(self) -> str:
        """Return what to connect to."""
        return self.address or self.name

    @property
    def host(self) -> Host:
        """Return what placement needs of it."""
        return Host(self.name, self.cores)


_TYPES: Final[Mapping[str, type]] = {
    "name": str, "address": str, "port": int, "user": str, "key": str,
    "known_hosts": str, "cores": int, "python": str, "folder": str,
    "environment": dict, "bind": str, "advertise": str, "interface": str, "ports": str,
}  # fmt: skip
_RANGES: Final = {"port": (1, 65535), "cores": (1, 4096)}


def no_ssh(error: ModuleNotFoundError) -> ConfigError:
    """Return what to tell who lacks what reaches hosts."""
    message = (
        f"hosts: {error.name} is not installed; install the extra: "
        "pip install 'neurocluster[ssh]'"
    )
    return ConfigError(message)


def read_hosts(path: Path) -> tuple[HostEntry, ...]:
    """Read a hosts file: a table ``host`` each, and ``defaults`` of all.

    Raises:
        ConfigError: It is missing or wrong; the message says where, and what to do.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"hosts: {path}: {error.strerror}"
        raise ConfigError(message) from error
    except ValueError as error:
        message = f"hosts: {path}: {error}"
        raise ConfigError(message) from error
    for key in values:
        if key not in TABLES:
            raise ConfigError(unknown_key(key, set(TABLES), f"hosts: {path}"))
    defaults, hosts = values.get("defaults", {}), values.get("host", [])
    if not isinstance(hosts, list) or not hosts:
        message = f"hosts: {path}: it names no host; a host is\n{EXAMPLE}"
        raise ConfigError(message)
    _check(defaults, f"hosts: {path}: defaults")
    found = [_entry(defaults, host, path, k) for k, host in enumerate(hosts, 1)]
    names = [entry.name for entry in found]
    for name in names:
        if names.count(name) > 1:
            message = f"hosts: {path}: {name} is named twice"
            raise ConfigError(message)
    return tuple(found)


def _entry(
    defaults: Mapping[str, Any], host: Any, path: Path, number: int
) -> HostEntry:
    where = f"hosts: {path}: host {number}"
    _check(host, where)
    if not host.get("name"):
        message = f"{where}: it has no name"
        raise ConfigError(message)
    environment = {**defaults.get("environment", {}), **host.get("environment", {})}
    given = {**defaults, **host, "environment": environment}
    for name in FILES:
        if name in given:
            given[name] = str(Path(given[name]).expanduser())
    return HostEntry(**given)


def _check(values: Any, where: str) -> None:
    known = {f.name for f in fields(HostEntry)}
    if not isinstance(values, dict):
        message = f"{where}: it is no table"
        raise ConfigError(message)
    for key, value in values.items():
        if key not in known:
            raise ConfigError(unknown_key(key, known, where))
        if type(value) is not _TYPES[key]:
            wanted = _TYPES[key].__name__
            message = f"{where}: {key} is {value!r}, not of type {wanted}"
            raise ConfigError(message)
        low, high = _RANGES.get(key, (0, 0))
        if key in _RANGES and not low <= int(str(value)) <= high:
            message = f"{where}: {key} is {value}, not within {low} and {high}"
            raise ConfigError(message)
    for name, value in values.get("environment", {}).items():
        if not isinstance(value, str):
            message = f"{where}: environment: {name} is {value!r}, not text"
            raise ConfigError(message)
