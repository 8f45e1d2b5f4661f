"""Encode and decode control messages: ``[version, kind, generation, epoch, body]``.

The body is a map; `SCHEMAS` lists the fields of each kind and their types, which is
the table of WIRE.md. Decoding is strict: any bytes give a message or a `WireError`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

import msgpack

from neurocluster.errors import MalformedMessage, UnsupportedVersion
from neurocluster.wire import rounds
from neurocluster.wire.packet import VERSION, check_whole, unpack
from neurocluster.wire.shapes import SHAPES

FIELDS: Final = 5
MOST_ITEMS: Final = 1 << 16
"""Longest array in a control message (links of a plan, layers, reports)."""
MOST_TEXT: Final = 1 << 16
CONTROL_LIMIT: Final = 1 << 26
"""Most bytes of what a controller sends, PREPARE aside, whose arrays set their own."""
MEMBER_LIMIT: Final = 1 << 18
"""Most bytes of what a controller receives, from members and strangers."""
ROWS_LIMIT: Final = 1 << 17
"""Most bytes of rows in one FRAMES; a member with more sends several."""
PREPARE_LIMIT: Final = 1 << 31


class Kind(IntEnum):
    """Kinds of control messages."""

    REGISTER = 1
    WELCOME = 2
    REFUSE = 3
    READY = 4
    PREPARE = 5
    BOUND = 6
    CONNECT = 7
    LINKED = 8
    GO = 9
    BEAT = 10
    ACK = 11
    FRAMES = 12
    FAULT = 13
    DRAIN = 14
    IDLE = 15
    STOP = 16
    REPORT = 17
    TABLES = 18
    FAILED = 19
    BYE = 20
    HELLO = 21
    END = 22
    LOST = 23
    ASK = 24
    ANSWER = 25
    PROBE = 26
    ECHO = 27
    DONE = 28
    OPEN = 29
    DETAILS = 40


OF_ROUNDS: Final = (Kind.DONE, Kind.OPEN)
SCHEMAS: Final[Mapping[Kind, Mapping[str, type | tuple[type, ...]]]] = {
    Kind.REGISTER: {
        "role": str, "pid": int, "host": str, "slot": (int, type(None)),
        "version": str, "replaces": (int, type(None)), "cause": str, "clock": str,
    },
    Kind.WELCOME: {"lease_ms": int, "cluster": str},
    Kind.REFUSE: {"reason": str, "fatal": bool},
    Kind.READY: {},
    Kind.PREPARE: {
        "node": str, "partition": (dict, type(None)), "inbound": tuple,
        "outbound": tuple, "settings": dict, "plan_hash": str, "echo": bool,
    },
    Kind.BOUND: {"endpoint": str, "echo": str, "ticks": str},
    Kind.CONNECT: {"endpoints": tuple, "clocks": tuple, "partners": tuple},
    Kind.LINKED: {},
    Kind.GO: {"roster": tuple},
    Kind.BEAT: {
        "received": bytes, "sent": bytes, "blocked": bool, "open_frames": int,
        "frame": int, "packets": int, "finished": int, "phase": str, "refused": int,
        "strangers": int, "rounds": bytes, "asleep": bool,
    },
    Kind.ACK: {},
    Kind.FRAMES: {"partition": int, "rows": bytes},
    Kind.FAULT: {
        "link": str, "frame": (int, type(None)), "reason": str, "expected": int,
        "got": int,
    },
    Kind.DRAIN: {},
    Kind.IDLE: {"report": dict},
    Kind.STOP: {},
    Kind.REPORT: {"report": dict},
    Kind.TABLES: {
        "reports": tuple, "refused": int, "strangers": int, "barrier": dict,
    },
    Kind.FAILED: {"reason": str, "partition": (str, type(None))},
    Kind.BYE: {"reason": str},
    Kind.HELLO: {"cluster": str, "link": int, "width": int, "plan_hash": str},
    Kind.END: {},
    Kind.LOST: {"reason": str, "partition": (str, type(None))},
    Kind.ASK: {"what": str},
    Kind.ANSWER: {
        "text": str, "code": (int, type(None)), "controller": dict,
        "status": (dict, type(None)),
    },
    Kind.PROBE: {"link": int, "asked_ns": int},
    Kind.ECHO: {"link": int, "asked_ns": int, "heard_ns": int, "answered_ns": int},
    Kind.DONE: {"round": int, "started": int},
    Kind.OPEN: {"round": int, "started": int},
    Kind.DETAILS: {"partition": int, "table": str, "missing": int, "rows": bytes},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Control:
    """One control message.

    Attributes:
        kind: What it says.
        body: Fields of `SCHEMAS`.
        generation: Life of the controller, 64 random bits; 0 before WELCOME.
        epoch: Life of the data sockets; 0 before PREPARE.
    """

    kind: Kind
    body: Mapping[str, Any] = field(default_factory=dict)
    generation: int = 0
    epoch: int = 0


def encode_control(message: Control) -> bytes:
    """Return a control message's bytes."""
    if message.kind in OF_ROUNDS and rounds.fits(message.body):
        return rounds.write_round(
            message.kind, message.generation, message.epoch, message.body["round"],
            message.body["started"],
        )  # fmt: skip
    parts = (
        VERSION, int(message.kind), message.generation, message.epoch,
        dict(message.body),
    )  # fmt: skip
    packed = msgpack.packb(parts, use_bin_type=True)
    if not isinstance(packed, bytes):
        raise TypeError
    return packed


def decode_control(data: bytes, limit: int = CONTROL_LIMIT) -> Control:
    """Read a control message; any bytes give one or a `WireError`.

    Raises:
        MessageTooLarge: It has more than ``limit`` bytes.
        UnsupportedVersion: It is of another version.
        MalformedMessage: A field is missing, unknown or of a wrong type.
    """
    if len(data) == rounds.SIZE and (found := rounds.read_round(data)) is not None:
        number, generation, epoch, of_round, started = found
        if number in OF_ROUNDS:
            body = {"round": of_round, "started": started}
            return Control(Kind(number), body, generation, epoch)
    if len(data) <= MEMBER_LIMIT:
        check_whole(data)
    values = unpack(
        data, limit, max_array_len=MOST_ITEMS, max_map_len=64, max_str_len=MOST_TEXT,
        max_bin_len=limit,
    )  # fmt: skip
    if not isinstance(values, tuple) or len(values) != FIELDS:
        message = f"a control message is an array of {FIELDS} fields"
        raise MalformedMessage(message)
    version, number, generation, epoch, body = values
    if type(version) is not int or version != VERSION:
        message = f"control message of version {version!r}, this is version {VERSION}"
        raise UnsupportedVersion(message)
    if type(number) is not int or number not in Kind.__members__.values():
        message = f"control message of kind {number!r}"
        raise MalformedMessage(message)
    for name, value, bits in (("generation", generation, 64), ("epoch", epoch, 32)):
        if type(value) is not int or not 0 <= value < 1 << bits:
            message = f"{name} is {value!r}, not an integer of {bits} bits"
            raise MalformedMessage(message)
    kind = Kind(number)
    _check_body(kind, body)
    return Control(kind, body, generation, epoch)


def _check_body(kind: Kind, body: Any) -> None:
    schema = SCHEMAS[kind]
    if not isinstance(body, dict) or set(body) != set(schema):
        message = f"{kind.name}: the body must have the fields {', '.join(schema)}"
        raise MalformedMessage(message)
    for name, types in schema.items():
        value = body[name]
        allowed = types if isinstance(types, tuple) else (types,)
        if type(value) not in allowed:
            message = f"{kind.name}: {name} is {type(value).__name__}"
            raise MalformedMessage(message)
        if name in SHAPES and not SHAPES[name](value):
            message = f"{kind.name}: {name} is not of its form, see WIRE.md"
            raise MalformedMessage(message)
