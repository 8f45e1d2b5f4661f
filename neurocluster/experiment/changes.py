"""Say in words how two files of settings differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

MOST: Final = 3
"""So many differences are named; one is enough to refuse."""


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return words for what differs, at most so many and how many more there are."""
    found = list(_differences(before, now, ""))
    more = len(found) - MOST
    return found[:MOST] + ([f"and {more} more"] if more > 0 else [])


def _differences(before: Any, now: Any, place: str) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys([*before, *now]):
            name = f"{place}.{key}" if place else str(key)
            if key not in now:
                yield f"{name} was {before[key]!r} and is gone"
            elif key not in before:
                yield f"{name} is new: {now[key]!r}"
            else:
                yield from _differences(before[key], now[key], name)
    elif _tables(before) and _tables(now) and len(before) == len(now):
        for number, (one, other) in enumerate(zip(before, now, strict=True), 1):
            yield from _differences(one, other, f"{place}[{number}]")
    elif _tables(before) and _tables(now):
        yield f"{place} had {len(before)} tables and has {len(now)}"
    elif type(before) is not type(now) or before != now:
        yield f"{place} was {before!r} and is {now!r}"


def _tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, Mapping) for v in value)
