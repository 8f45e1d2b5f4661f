"""Hold the key pair of a cluster: whoever has it is a member, nobody else is.

The secret lies in a file that only its owner may read, in an environment variable or
in a connection file; never on a command line, in a log or in a result.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import zmq

from neurocluster.errors import ConfigError, PlatformError
from neurocluster.privacy import check_private

VERSION: Final = 1
VARIABLE: Final = "NEUROCLUSTER_KEY"
"""Environment variable that may hold the secret."""
DOMAIN: Final = "neurocluster"
"""Of ZAP: what a listening socket asks the gate for."""
LETTERS: Final = 40
"""Of a key in Z85."""
SOUND: Final = (4, 3, 3)
"""libzmq whose handshake has no known fault."""


@dataclass(frozen=True, slots=True)
class Keys:
    """A CURVE key pair, Z85; the whole cluster has one.

    Attributes:
        public: May be known to anybody; it admits nobody.
        secret: Makes its holder a member.
    """

    public: str
    secret: str = field(repr=False)


def make_keys() -> Keys:
    """Make a new pair.

    Raises:
        PlatformError: This libzmq has no sound CURVE.
    """
    check_curve()
    public, secret = zmq.curve_keypair()
    return Keys(public.decode(), secret.decode())


def keys_of(secret: str, where: str) -> Keys:
    """Return the pair of a secret.

    Args:
        secret: 40 letters of Z85.
        where: Named in an error.

    Raises:
        ConfigError: It is no secret; the error does not show it.
        PlatformError: This libzmq has no sound CURVE.
    """
    check_curve()
    try:
        if len(secret) != LETTERS:
            raise ValueError
        return Keys(zmq.curve_public(secret.encode("ascii")).decode(), secret)
    except (ValueError, zmq.ZMQError):
        message = (
            f"{where}: it holds no key; make one by 'neurocluster keygen cluster.key'"
        )
        raise ConfigError(message) from None


def keys_in_file(secret: str) -> Keys | None:
    """Return the pair whose secret a connection file has; None if it has none.

    Raises:
        ConfigError: It is no secret.
    """
    return keys_of(secret, "connect: the connection file") if secret else None


def check_curve() -> None:
    """Refuse a libzmq without CURVE, or with known faults before the handshake.

    Raises:
        PlatformError: It is one.
    """
    version = zmq.zmq_version_info()
    if not zmq.has("curve") or version < SOUND:
        text = ".".join(map(str, version))
        message = f"libzmq {text} cannot encrypt soundly; install pyzmq's own wheel"
        raise PlatformError(message)


def write_keys(path: Path, keys: Keys) -> None:
    """Write a key file that only its owner may read; never over another file.

    Raises:
        ConfigError: It exists, or cannot be written.
    """
    text = json.dumps(
        {"version": VERSION, "public": keys.public, "secret": keys.secret}
    )
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text + "\n")
    except FileExistsError:
        message = f"keygen: {path} exists; name another file, or remove it first"
        raise ConfigError(message) from None
    except OSError as error:
        with contextlib.suppress(OSError):
            path.unlink()  # half a key would be in the way of the next one
        message = f"keygen: cannot write {path}: {error.strerror}"
        raise ConfigError(message) from error


def read_keys(path: Path) -> Keys:
    """Read a key file.

    Raises:
        ConfigError: It is missing, is none, or others than its owner may read it.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no key file"
        message = f"key: {path}: {why}"
        raise ConfigError(message) from error
    check_private(path, mode, "key")
    try:
        values = json.loads(text)
        if values["version"] != VERSION:
            raise ValueError
        secret = str(values["secret"])
    except (ValueError, KeyError, TypeError):
        message = f"key: {path}: it is no key file; make one by 'neurocluster keygen'"
        raise ConfigError(message) from None
    return keys_of(secret, f"key: {path}")


def find_keys(path: Path | None) -> Keys | None:
    """Return the pair in a key file, else the one in the environment, or None.

    Raises:
        ConfigError: What is there is no key, or others may read it.
    """
    if path is not None:
        return read_keys(path)
    secret = os.environ.get(VARIABLE)
    return keys_of(secret, f"key: ${VARIABLE}") if secret else None
