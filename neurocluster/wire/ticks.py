"""Read and write TICK, by which nodes tell each other that a round is done.

A tick is on the path of every round of a clock, whose price is measured, so it is
written in one fixed form, every integer in its widest. The form is msgpack; in any
other width the general decoder reads it.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from neurocluster.errors import WireError
from neurocluster.wire.packet import VERSION, unpack

_FORM: Final = struct.Struct(">3sI cI B cI cI cQ cH cQ cH")
SIZE: Final = _FORM.size
"""Bytes of a tick in the fixed form."""
LIMIT: Final = 2 * SIZE
"""Most bytes of a tick in any form."""
FIELDS: Final = 10
_HEAD: Final = b"\x9a\x01\xce"
_U16, _U32, _U64 = b"\xcd", b"\xce", b"\xcf"
_MARKS: Final = (_HEAD, _U32, _U32, _U32, _U64, _U16, _U64, _U16)
MOST_STEPS: Final = 16
"""Steps of a barrier of 65,536 nodes."""
NOBODY: Final = (1 << 16) - 1
"""Rank in the place of a wait that is not known."""
_MOST: Final = (32, 32, 7, 32, 32, 64, 16, 64, 16)
"""Bits of each field after the version."""


class Tick(NamedTuple):
    """What a node tells a partner in a step of a round.

    Attributes:
        round: Which nodes, all that the sender has heard of, have done.
        step: Of the barrier.
        started: Frames that the client has started, as far as the sender has heard.
        before: Frames that it had started when the round before ended.
        first_ns: Shortest wait in the round before that the sender has heard of.
        first: Whose it was: its rank, or NOBODY.
        second_ns: Second shortest.
        second: Whose.
    """

    round: int
    step: int
    started: int = 0
    before: int = 0
    first_ns: int = 0
    first: int = NOBODY
    second_ns: int = 0
    second: int = NOBODY


def write_tick(mark: int, tick: Tick) -> bytes:
    """Return the bytes of a tick under an epoch's mark."""
    number, step, started, before, first_ns, first, second_ns, second = tick
    return _FORM.pack(
        _HEAD, mark, _U32, number, step, _U32, started, _U32, before, _U64, first_ns,
        _U16, first, _U64, second_ns, _U16, second,
    )  # fmt: skip


def read_tick(data: bytes, mark: int) -> Tick | None:
    """Return a tick; None if it is none, or not of the epoch of this mark."""
    if len(data) != SIZE:
        return _of_any_width(data, mark)
    (head, found, a, number, step, b, started, c, before, d, first_ns, e, first, f,
     second_ns, g, second) = _FORM.unpack(data)  # fmt: skip
    if (head, a, b, c, d, e, f, g) != _MARKS or step >= MOST_STEPS:
        return _of_any_width(data, mark)
    if found != mark:
        return None
    return Tick(number, step, started, before, first_ns, first, second_ns, second)


def _of_any_width(data: bytes, mark: int) -> Tick | None:
    try:
        values = unpack(
            data, LIMIT, max_array_len=FIELDS, max_map_len=0, max_str_len=0,
            max_bin_len=0,
        )  # fmt: skip
    except WireError:
        return None
    if not isinstance(values, tuple) or len(values) != FIELDS:
        return None
    if not all(type(value) is int for value in values) or values[0] != VERSION:
        return None
    pairs = zip(values[1:], _MOST, strict=True)
    if values[1] != mark or not all(0 <= value < 1 << bits for value, bits in pairs):
        return None
    tick = Tick(*values[2:])
    return tick if tick.step < MOST_STEPS else None
