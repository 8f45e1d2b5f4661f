"""Encode and decode packets: batches of spikes on a link.

A packet is the msgpack array ``[version, kind, epoch, link, frame, phase, sequence,
close, sent_ns, held_us, payload]``. We send every integer in a fixed width, so that
compiled code can read and stamp it in place; a decoder takes any width. WIRE.md
documents it for other languages.
"""

from __future__ import annotations

import hashlib
from dataclasses import astuple, dataclass
from typing import Any, Final

import msgpack

from neurocluster.errors import MalformedMessage, MessageTooLarge, UnsupportedVersion

VERSION: Final = 1
SPIKES: Final = 1
POTENTIALS: Final = 2
FAILED: Final = 3
KINDS: Final = (SPIKES, POTENTIALS, FAILED)
HEADER_BYTES: Final = 48
"""Bytes before the payload in the form that we send."""
FIELDS: Final = 11
_LIMITS: Final = {
    "epoch": 32, "link": 16, "frame": 32, "phase": 16, "sequence": 32, "close": 32,
    "sent_ns": 64, "held_us": 32,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet; see `spec` of the fields in WIRE.md."""

    kind: int
    epoch: int
    link: int
    frame: int
    phase: int
    sequence: int
    close: int
    sent_ns: int
    held_us: int
    payload: bytes


def encode_packet(packet: Packet) -> bytes:
    """Return a packet's bytes, every integer in its fixed width."""
    p = packet
    parts = [
        b"\x9b", bytes((VERSION, p.kind)),
        b"\xce", p.epoch.to_bytes(4), b"\xcd", p.link.to_bytes(2),
        b"\xce", p.frame.to_bytes(4), b"\xcd", p.phase.to_bytes(2),
        b"\xce", p.sequence.to_bytes(4), b"\xce", p.close.to_bytes(4),
        b"\xcf", p.sent_ns.to_bytes(8), b"\xce", p.held_us.to_bytes(4),
        b"\xc6", len(p.payload).to_bytes(4), p.payload,
    ]  # fmt: skip
    return b"".join(parts)


def mark_of(cluster: str, generation: int, epoch: int) -> int:
    """Return the u32 that the packets of an epoch carry; see WIRE.md.

    Who is no member of the epoch does not know it, so a packet that has it is a
    member's, and one without it a stranger's, or late.

    Args:
        cluster: The cluster's name, which members only know.
        generation: Of the controller.
        epoch: Number of the epoch.
    """
    life = generation.to_bytes(8, "little") + epoch.to_bytes(4, "little")
    digest = hashlib.blake2b(life, key=cluster.encode()[:64], digest_size=4).digest()
    return int.from_bytes(digest, "little")


def check_whole(data: bytes) -> None:
    """Refuse msgpack that ends early, at no cost in memory.

    Arrays are allocated when their length is read. Nested, each with a length far
    beyond the end of the data, they would take 500 MB for a message of 5 KB.

    Raises:
        MalformedMessage: It is not whole.
    """
    unpacker = msgpack.Unpacker(max_buffer_size=len(data))
    try:
        unpacker.feed(data)
        unpacker.skip()
    except (ValueError, msgpack.OutOfData) as error:
        message = f"no message: {type(error).__name__}: {error}"
        raise MalformedMessage(message) from error


def unpack(data: bytes, limit: int, **limits: int) -> Any:
    """Unpack msgpack within limits.

    Raises:
        MessageTooLarge: ``data`` is above the limit.
        MalformedMessage: It is no msgpack, or one of its parts exceeds a limit.
    """
    if len(data) > limit:
        message = f"message of {len(data)} bytes, the limit is {limit}"
        raise MessageTooLarge(message)
    try:
        return msgpack.unpackb(
            data, strict_map_key=True, use_list=False, max_ext_len=0, **limits
        )
    except (ValueError, TypeError, OverflowError) as error:
        message = f"no message: {type(error).__name__}: {error}"
        raise MalformedMessage(message) from error


def decode_packet(data: bytes, limit: int) -> Packet:
    """Read a packet; any bytes give a packet or a `WireError`.

    Args:
        data: The message.
        limit: Most bytes it may have.

    Raises:
        MessageTooLarge: It is larger.
        UnsupportedVersion: It is of another version.
        MalformedMessage: A field is missing or wrong.
    """
    values = unpack(
        data, limit, max_array_len=16, max_map_len=0, max_str_len=256, max_bin_len=limit
    )
    if not isinstance(values, tuple) or len(values) != FIELDS:
        message = f"a packet is an array of {FIELDS} fields"
        raise MalformedMessage(message)
    if values[0] != VERSION or isinstance(values[0], bool):
        message = f"packet of version {values[0]!r}, this is version {VERSION}"
        raise UnsupportedVersion(message)
    _, kind, *numbers, payload = values
    if type(kind) is not int or kind not in KINDS:
        message = f"packet of kind {kind!r}"
        raise MalformedMessage(message)
    for (name, bits), value in zip(_LIMITS.items(), numbers, strict=True):
        if type(value) is not int or not 0 <= value < 1 << bits:
            message = f"packet: {name} is {value!r}, not an integer of {bits} bits"
            raise MalformedMessage(message)
    if not isinstance(payload, bytes):
        message = "packet: the payload must be bin"
        raise MalformedMessage(message)
    return Packet(*(kind, *numbers, payload))


def packet_fields(packet: Packet) -> tuple[Any, ...]:
    """Return the array that a packet is on the wire."""
    return (VERSION, *astuple(packet))
