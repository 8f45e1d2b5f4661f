"""What a probe tells of its machine and of the ways to others; pure.

Probe and doctor exchange JSON, which says little about versions on purpose: one of
another version must be able to say that it is. What is missing has a default, what is
unknown or of another type is left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, Self

HERE: Final = "this machine"
"""What findings call the machine on which the doctor runs: controller and client."""
HELLO, WAIT, TRY, TRIED, BYE = "hello", "wait", "try", "tried", "bye"
"""Kinds of messages: a probe is there; go on; try these others; it has; end."""
MOST_BYTES: Final = 1 << 22
"""Of a message: 1,000 hosts, 1,000 bytes each, with room to spare."""
MOST_TEXT: Final = 2000
"""Of a text in it."""
UNLIMITED: Final = -1


class _Wired:
    """Travel as a map of plain values."""

    def to_wire(self) -> dict[str, Any]:
        """Return the fields."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_wire(cls, values: Any) -> Self:
        """Take what is there and of its field's type; all else has its default."""
        values = values if isinstance(values, dict) else {}
        default = cls()
        known: dict[str, Any] = {}
        for one in fields(cls):  # type: ignore[arg-type]
            value, usual = values.get(one.name), getattr(default, one.name)
            if type(value) is int and type(usual) is float:
                value = float(value)
            if type(value) is type(usual):
                known[one.name] = _clean(value)
        return cls(**known)


def _clean(value: Any) -> Any:
    """Shorten texts; leave what is no text out of maps."""
    if isinstance(value, str):
        return value[:MOST_TEXT]
    if isinstance(value, dict):
        return {k: _clean(v) for k, v in value.items() if isinstance(v, str)}
    return value


@dataclass(frozen=True, slots=True)
class Machine(_Wired):
    """What a process finds on its machine.

    Attributes:
        version: Of neurocluster; empty if it was not told.
        wire: Version of the wire format.
        software: Versions of what it runs on, by name.
        hostname: As the system calls it.
        clock: Its domain; see `member.clocks.clock_domain`.
        cores: Those that this process may use, by affinity and control group.
        load: Processes that run or want to, mean of the last minute.
        files: Descriptors that a process may have; `UNLIMITED` if any number.
        files_most: To which it may raise that itself.
        memory: Bytes that processes can have; 0 if unknown.
        memory_free: Bytes of it that are free.
        memory_of: What sets that limit.
        kernels: Compiled kernels that are kept.
        cache_problem: Why none can be kept; empty if they can.
        folder: Where workers run.
        folder_problem: Why nothing can be written there; empty if it can.
    """

    version: str = ""
    wire: int = 0
    software: Mapping[str, str] = field(default_factory=dict)
    hostname: str = ""
    clock: str = ""
    cores: float = 0.0
    load: float = 0.0
    files: int = UNLIMITED
    files_most: int = UNLIMITED
    memory: int = 0
    memory_free: int = 0
    memory_of: str = ""
    kernels: int = 0
    cache_problem: str = ""
    folder: str = ""
    folder_problem: str = ""


@dataclass(frozen=True, slots=True)
class Ends(_Wired):
    """Where a probe can be reached.

    Attributes:
        endpoint: Of its inbox.
        echo: Where it answers for its clock; empty if nobody is to ask.
    """

    endpoint: str = ""
    echo: str = ""


@dataclass(frozen=True, slots=True)
class Trial(_Wired):
    """What came of trying one other.

    Attributes:
        problem: Why there is no connection; empty if there is.
        round_trip_ns: Shortest, of a small message on the connection; 0 for none.
        whole: A message of `transport.knock.LARGE` bytes came back, too.
        asked: Datagrams sent.
        answered: Of those.
        best_ns: Shortest round trip of a datagram.
        error_ns: How far the other clock's offset may be from what is known of it.
        heard: Datagrams of the other that came here.
    """

    problem: str = ""
    round_trip_ns: int = 0
    whole: bool = False
    asked: int = 0
    answered: int = 0
    best_ns: int = 0
    error_ns: int = 0
    heard: int = 0


def encode(kind: str, **body: Any) -> bytes:
    """Return the bytes of a message."""
    return json.dumps({"kind": kind, **body}).encode()


def decode(data: bytes) -> tuple[str, dict[str, Any]]:
    """Return kind and fields of a message; an empty kind for what is none."""
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        return "", {}
    if not isinstance(values, dict) or not isinstance(values.get("kind"), str):
        return "", {}
    return values.pop("kind"), values
