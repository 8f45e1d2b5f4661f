"""Read and write DONE and OPEN in one fixed form, in a tenth of the general time.

They are on the path of every round of a clock, whose price is measured. The form is
msgpack, as any other control message; in any other width the general decoder reads it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

_FORM: Final = struct.Struct(">2sBcQcI7scI8scI")
SIZE: Final = _FORM.size
"""Bytes of such a message."""
_HEAD: Final = b"\x95\x01"
_U64: Final = b"\xcf"
_U32: Final = b"\xce"
_ROUND: Final = b"\x82\xa5round"
_STARTED: Final = b"\xa7started"
MOST: Final = (1 << 32) - 1
"""Largest number of a round, or of frames, that has this form."""


def fits(body: Mapping[str, int]) -> bool:
    """Tell whether a body's numbers have the fixed form."""
    return min(body.values()) >= 0 and max(body.values()) <= MOST


def write_round(
    kind: int, generation: int, epoch: int, number: int, started: int
) -> bytes:
    """Return the bytes of a DONE or an OPEN, every integer in its widest form."""
    return _FORM.pack(
        _HEAD, kind, _U64, generation, _U32, epoch, _ROUND, _U32, number, _STARTED,
        _U32, started,
    )  # fmt: skip


def read_round(data: bytes) -> tuple[int, int, int, int, int] | None:
    """Return kind, generation, epoch, round and frames; None if it has another form."""
    (head, kind, wide, generation, a, epoch, name, b, number, text, c, started) = (
        _FORM.unpack(data)
    )  # fmt: skip
    marks = (head, wide, a, name, b, text, c)
    if marks != (_HEAD, _U64, _U32, _ROUND, _U32, _STARTED, _U32):
        return None
    return kind, generation, epoch, number, started
