"""Say numbers in words: times, counts, shares and lists."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

TIMES: Final = (("s", 1e9), ("ms", 1e6), ("us", 1e3), ("ns", 1.0))
COUNTS: Final = ((" G", 1e9), (" M", 1e6), (" k", 1e3))


def digits(value: float, wanted: int = 3) -> str:
    """Return a number with so many significant digits, never as a power of ten."""
    if not value or not math.isfinite(value):
        return "0" if not value else str(value)
    places = wanted - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)
    if abs(rounded) >= 10 ** (math.floor(math.log10(abs(value))) + 1):
        places -= 1  # 9.996 became 10.00
    return f"{rounded:,.{max(places, 0)}f}"


def time_text(value_ns: float | None, wanted: int = 3) -> str:
    """Return a time in few letters, with its unit; "-" for None and NaN.

    Args:
        value_ns: The time.
        wanted: Significant digits.
    """
    if value_ns is None or math.isnan(value_ns):
        return "-"
    if not value_ns:
        return "0"
    size = abs(value_ns)
    for unit, one in TIMES:
        if size >= one * 0.9995:
            return f"{digits(value_ns / one, wanted)} {unit}"
    return f"{digits(value_ns, wanted)} ns"


def tick_text(value_ns: float) -> str:
    """Return a round time as the tick of an axis: 1 ms, 50 us, 0.5 s."""
    for unit, one in TIMES:
        if value_ns >= one * 0.9995:
            return f"{value_ns / one:.4g} {unit}"
    return f"{value_ns:.3g} ns"


def count_text(value: float | None) -> str:
    """Return a count in few letters: 940, 12.3 k, 1.8 M; "-" for None and NaN."""
    if value is None or math.isnan(value):
        return "-"
    for unit, one in COUNTS:
        if abs(value) >= one * 0.9995:
            return f"{digits(value / one)}{unit}"
    return f"{value:,.0f}" if value == int(value) else digits(value)


def percent(share: float | None, places: int = 2) -> str:
    """Return a share as a percentage; "-" for None and NaN."""
    if share is None or math.isnan(share):
        return "-"
    return f"{100 * share:.{places}f} %"


def listed(items: Sequence[str], most: int = 6) -> str:
    """Return items as a list in a sentence; what exceeds ``most`` is counted."""
    shown = list(items[:most])
    if len(items) > most:
        shown.append(f"{len(items) - most} more")
    if len(shown) < 2:
        return "".join(shown)
    return f"{', '.join(shown[:-1])} and {shown[-1]}"


def plural(count: int, one: str, many: str = "") -> str:
    """Return a number of things: "1 frame", "2,000 frames"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
