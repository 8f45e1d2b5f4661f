"""Name what the controller's state machine takes and what it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from neurocluster.wire.control import Control

EXIT_DONE: Final = 0
EXIT_FAILED: Final = 1
EXIT_INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True)
class Received:
    """A message of a peer arrived."""

    peer: bytes
    message: Control


@dataclass(frozen=True, slots=True)
class Exited:
    """The launcher saw a process end.

    Attributes:
        pid: Of the process.
        cause: Words: ``was killed by signal 9 (SIGKILL)``.
        left: Workers that the launcher still has, one that it starts in the place of
            this one among them; None if it does not say.
    """

    pid: int
    cause: str
    left: int | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """Time passed.

    Attributes:
        refused: Connections that the control socket has turned away so far.
        strangers: Messages that it has dropped so far.
    """

    refused: int = 0
    strangers: int = 0


@dataclass(frozen=True, slots=True)
class StopAsked:
    """Somebody asked this controller to end, which it then does with ``code``."""

    code: int = EXIT_INTERRUPTED


Event = Received | Exited | Tick | StopAsked


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message to a peer."""

    peer: bytes
    message: Control


@dataclass(frozen=True, slots=True)
class Log:
    """Write a line of the log."""

    text: str


@dataclass(frozen=True, slots=True)
class Finish:
    """End the process."""

    code: int
    text: str


Action = Send | Log | Finish
