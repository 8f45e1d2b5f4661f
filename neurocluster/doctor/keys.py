"""Look at the files that hold secrets, and at the controller that one names."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from neurocluster.controller.connection import Connection, read_connection
from neurocluster.controller.explain import unanswered
from neurocluster.controller.process import state_of
from neurocluster.doctor.findings import Finding, Level
from neurocluster.doctor.report import HERE
from neurocluster.errors import ConfigError
from neurocluster.launch.hosts import HostEntry
from neurocluster.privacy import OTHERS
from neurocluster.transport.ask import Asker
from neurocluster.transport.keys import Keys, keys_in_file, read_keys
from neurocluster.transport.knock import knock
from neurocluster.transport.sockets import Sockets
from neurocluster.version import VERSION

KNOCK_S, ANSWER_S = 4.0, 2.0
RENEW: Final = "make a new one if others could have read it, then: chmod 600"


def judge_secret_file(path: Path, subject: str) -> Finding:
    """Say whether a file is there, and its owner's alone."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        with path.open("rb"):
            pass
    except OSError as error:
        text, remedy = f"{path}: {error.strerror}", "name one that this user can read"
        return Finding(HERE, subject, Level.ERROR, text, remedy)
    if mode & OTHERS:
        text = f"others may read {path} (mode {mode:o})"
        return Finding(HERE, subject, Level.ERROR, text, f"{RENEW} {path}")
    return Finding(HERE, subject, Level.OK, f"{path} has mode {mode:o}")


def judge_key_file(path: Path) -> Finding:
    """Say whether a file holds a cluster's key, and for its owner only."""
    found = judge_secret_file(path, "key")
    if found.level is Level.OK:
        try:
            read_keys(path)
        except ConfigError:
            text, remedy = f"{path} is no key file", f"neurocluster keygen {path.name}"
            return Finding(HERE, "key", Level.ERROR, text, f"make one: {remedy}")
    return found


def judge_logins(entries: Iterable[HostEntry]) -> list[Finding]:
    """Say whether the key files that a hosts file names are as they should be."""
    keys = dict.fromkeys(entry.key for entry in entries if entry.key is not None)
    return [judge_secret_file(Path(key), "ssh key") for key in keys]


def judge_connection_file(path: Path) -> Finding:
    """Say whether a connection file is one, and its owner's alone if it has a key."""
    found = judge_secret_file(path, "connection")
    try:
        secret = read_connection(path).secret
    except ConfigError as error:
        if found.level is Level.ERROR and path.exists():
            return found
        text = str(error).removeprefix("connect: ")
        remedy = "start the controller, or name its connection file"
        return Finding(HERE, "connection", Level.ERROR, text, remedy)
    if not secret:
        return Finding(HERE, "connection", Level.OK, f"{path} holds no key")
    return found


async def judge_controller(connection: Connection) -> Finding:
    """Say whether a controller can be reached, and answers."""
    try:
        keys = keys_in_file(connection.secret)
        problem = await _unreachable(connection, keys)
        if not problem:
            return await asyncio.to_thread(_asked, connection, keys)
    except ConfigError as error:
        problem = str(error)
    process = state_of(connection.pid, connection.host, connection.start)
    text = f"{unanswered(connection, process)} ({problem})"
    remedy = (
        "start it, give its cluster's key (--key), or let this machine connect to "
        f"{connection.endpoint} by TCP"
    )
    return Finding(HERE, "controller", Level.ERROR, text, remedy)


async def _unreachable(connection: Connection, keys: Keys | None) -> str:
    sockets = Sockets(8, keys)
    try:
        return (await knock(sockets, connection.endpoint, KNOCK_S, talk=False)).problem
    finally:
        sockets.close()


def _asked(connection: Connection, keys: Keys | None) -> Finding:
    """Ask the controller; it runs in a thread, which owns the socket."""
    with Asker(connection.endpoint, keys) as asker:
        answer = asker.ask("ping", ANSWER_S)
    where = f"the controller at {connection.endpoint}"
    if answer is None:
        text = f"{where} is connected, but does not answer a question"
        remedy = f"look whether it runs, and is of this version ({VERSION})"
        return Finding(HERE, "controller", Level.ERROR, text, remedy)
    version = answer.body["controller"].get("version")
    if version != VERSION:
        text = f"{where} is neurocluster {version}, this is {VERSION}"
        remedy = f"install {version} here, or {VERSION} there"
        return Finding(HERE, "controller", Level.ERROR, text, remedy)
    return Finding(HERE, "controller", Level.OK, f"{where} answers")
