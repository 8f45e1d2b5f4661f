"""Read and show sizes of memory; K, M, G and T are powers of 1024."""

from __future__ import annotations

import re
from typing import Final

from neurocluster.errors import ConfigError

UNITS: Final = "KMGT"
_FORM: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:([KMGT])(?:iB)?)?\s*", re.ASCII)


def parse_size(value: object, name: str) -> int:
    """Return the bytes that a number or a text such as ``500M`` or ``1.5GiB`` says.

    Args:
        value: An int of bytes, or text.
        name: What an error calls it.

    Raises:
        ConfigError: It is neither, or below one byte.
    """
    size = value if type(value) is int else 0
    if isinstance(value, str) and (found := _FORM.fullmatch(value)):
        number, unit = found.groups()
        size = int(float(number) * 1024 ** (UNITS.index(unit) + 1 if unit else 0))
    if size < 1:
        message = (
            f"{name}: {value!r} is no size; write bytes, or a number with K, M, G or "
            "T (powers of 1024), such as 500M or 2GiB"
        )
        raise ConfigError(message)
    return size


def show_size(size: float) -> str:
    """Return a size as people read it."""
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.2f} GiB"
