"""Make arbitrary messages: noise, damaged ones of our own form, huge claims."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

import msgpack

from neurocluster.errors import WireError
from neurocluster.wire.control import (
    Control,
    Kind,
    decode_control,
    encode_control,
)
from neurocluster.wire.packet import KINDS, Packet, encode_packet

POOL: Final = 4096
"""Messages that are sent again and again."""
SMALL: Final = 600
"""Most bytes of most messages; any inbox takes so many."""
LARGE: Final = 64 * 1024
SELDOM: Final = 500
"""One message of this many is a large one, where the socket takes it."""
REQUESTS: Final = (Kind.ASK, Kind.REGISTER)
"""What anybody with the key may say: it is answered, not dropped."""
_BODIES: Final[tuple[tuple[Kind, dict[str, Any]], ...]] = (
    (Kind.REGISTER, {
        "role": "worker", "pid": 1, "host": "h", "slot": None, "version": "0",
        "replaces": None, "cause": "", "clock": "c",
    }),
    (Kind.READY, {}),
    (Kind.BOUND, {"endpoint": "tcp://192.0.2.9:9", "echo": "", "ticks": ""}),
    (Kind.LINKED, {}),
    (Kind.BEAT, {
        "received": bytes(24), "sent": bytes(24), "blocked": False, "open_frames": 3,
        "frame": 9, "packets": 7, "finished": 8, "phase": "running", "refused": 0,
        "strangers": 0, "rounds": b"", "asleep": False,
    }),
    (Kind.FRAMES, {"partition": 0, "rows": bytes(400)}),
    (Kind.FAULT, {
        "link": "a->b", "frame": 3, "reason": "gap", "expected": 1, "got": 2,
    }),
    (Kind.IDLE, {"report": {"inbound": (), "outbound": (), "worker": {}}}),
    (Kind.BYE, {"reason": "SIGTERM received"}),
    (Kind.HELLO, {"cluster": "x", "link": 0, "width": 2, "plan_hash": "h"}),
    (Kind.STOP, {}),
    (Kind.ASK, {"what": "status"}),
)  # fmt: skip


def pool(seed: int, *, large: bool) -> list[bytes]:
    """Return arbitrary messages, none of which is a request that would be answered.

    Args:
        seed: Of the random choice.
        large: Some have 64 KiB.
    """
    source = random.Random(seed)
    makers: list[Callable[[random.Random], bytes]] = [
        _noise, _packet, _packet, _control, _control, _bomb,
    ]  # fmt: skip
    found: list[bytes] = []
    while len(found) < POOL:
        make = makers[len(found) % len(makers)]
        if large and len(found) % SELDOM == 0:
            make = _large
        message = make(source)
        if large or len(message) <= SMALL:
            found += [] if _is_request(message) else [message]
    return found


def _is_request(message: bytes) -> bool:
    try:
        return decode_control(message).kind in REQUESTS
    except WireError:
        return False


def _noise(source: random.Random) -> bytes:
    return source.randbytes(source.randrange(300))


def _packet(source: random.Random) -> bytes:
    """Return a packet of some epoch, often of one that might be the present one."""
    bits = source.getrandbits
    packet = Packet(
        source.choice(KINDS), source.choice((1, 2, bits(32))), source.randrange(8),
        bits(6), 0, bits(6), bits(3), bits(64), bits(32),
        source.randbytes(2 * source.randrange(200)),
    )  # fmt: skip
    return _damaged(source, encode_packet(packet)) if bits(1) else encode_packet(packet)


def _control(source: random.Random) -> bytes:
    kind, body = source.choice(_BODIES)
    message = Control(kind, body, source.getrandbits(63), source.getrandbits(2))
    data = encode_control(message)
    return _damaged(source, data) if source.getrandbits(1) else data


def _damaged(source: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(source.randrange(1, 4)):
        changed[source.randrange(len(changed))] = source.getrandbits(8)
    return bytes(changed[: source.randrange(1, len(changed) + 1)])


def _bomb(source: random.Random) -> bytes:
    """Return arrays within arrays, each of which claims to be long."""
    length = source.choice((15, 1000, 65_536)).to_bytes(4, "big")
    return (b"\xdd" + length) * source.randrange(1, SMALL // 5)


def _large(source: random.Random) -> bytes:
    if source.getrandbits(1):
        return source.randbytes(LARGE)
    if source.getrandbits(1):
        return b"\xdc\xff\xff" + b"\x80" * 65_535  # each map takes 64 bytes
    rows = [source.getrandbits(8) for _ in range(LARGE // 2)]
    packed = msgpack.packb([1, int(Kind.BEAT), 0, 0, rows])
    return bytes(packed or b"")
