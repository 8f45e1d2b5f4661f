"""Check what lies inside a control message's fields: rows, reports, rosters.

The members' code reads these without looking twice, so a malformed one must end
here, as a `WireError`, whoever sent it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

FRAME_ROW: Final = ("frame", "spikes", "spikes_pool", "synops", "service_ns")
"""First columns of FRAMES rows, uint64.

After them, in plan order: spikes of each inbound link, then spikes and negative
spikes of each outbound link of the partition, all of this frame.
"""
INBOUND_ROW: Final = (
    "link", "spikes", "negative", "packets", "bytes", "transit_max", "transit_p50",
    "transit_p99", "wire_p50", "wire_p99", "wire_packets", "epoch_spikes",
)  # fmt: skip
OUTBOUND_ROW: Final = (
    "link", "spikes", "negative", "packets", "bytes", "blocked_ns", "epoch_spikes",
)  # fmt: skip
WORD: Final = 8
NOT_MINE: Final = -1
"""``epoch_spikes`` of a link that a member had in an earlier epoch only."""
RECEIVED_ROW: Final = ("link", "spikes", "frame")
"""Columns of BEAT's inbound links, uint64; frame is the next one to be closed."""
SENT_ROW: Final = ("link", "spikes", "packets")
"""Columns of BEAT's outbound links, uint64; packets are those that wait to be sent."""
ROSTER: Final = {"partition": str, "host": str, "pid": int, "endpoint": str}
Check = Callable[[Any], bool]


def table_of(*types: type) -> Check:
    """Return a check for a tuple of rows of these types."""

    def check(value: Any) -> bool:
        return isinstance(value, tuple) and all(
            isinstance(row, tuple) and tuple(map(type, row)) == types for row in value
        )

    return check


def words_of(columns: int) -> Check:
    """Return a check for a ``bin`` of rows of so many uint64."""
    return lambda value: isinstance(value, bytes) and not len(value) % (columns * WORD)


_INBOUND: Final = table_of(*(int for _ in INBOUND_ROW))
_OUTBOUND: Final = table_of(*(int for _ in OUTBOUND_ROW))


def is_report(value: Any) -> bool:
    """Tell whether a value is a member's report."""
    return (
        isinstance(value, dict)
        and value.keys() == {"inbound", "outbound", "worker"}
        and _INBOUND(value["inbound"])
        and _OUTBOUND(value["outbound"])
        and isinstance(value["worker"], dict)
        and all(type(number) is int for number in value["worker"].values())
    )


def is_roster(value: Any) -> bool:
    """Tell whether a value is the roster of a cluster."""
    return isinstance(value, tuple) and all(
        isinstance(entry, dict)
        and entry.keys() == ROSTER.keys()
        and all(type(entry[key]) is kind for key, kind in ROSTER.items())
        for entry in value
    )


_LINKS: Final = table_of(int, str, int, int, int, int)
SHAPES: Final[Mapping[str, Check]] = {
    "inbound": _LINKS,
    "outbound": _LINKS,
    "endpoints": table_of(int, str),
    "roster": is_roster,
    "received": words_of(len(RECEIVED_ROW)),
    "sent": words_of(len(SENT_ROW)),
    "rows": words_of(1),
    "report": is_report,
    "reports": lambda value: all(map(is_report, value)),
}
"""By name of the field; names mean the same in every message."""
