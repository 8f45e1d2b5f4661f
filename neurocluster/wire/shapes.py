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
    "link", "spikes", "negative", "packets", "bytes", "unclocked", "transit_max",
    "error_max", "method", "round_trip", "jumps", "probes", "probes_busy",
    "batching_p50", "batching_p99", "transit_p50", "transit_p99", "wire_p50",
    "wire_p99", "service_p50", "service_p99", "wire_packets", "epoch_spikes",
)  # fmt: skip
"""Times are ns; ``unclocked`` packets came while the source's clock was not known."""
METHODS: Final = ("shared", "udp", "zmq")
"""How the clock of a link's source is known: it is ours, or it was probed, by datagrams
or, where those do not pass, through the controller."""
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
ROUNDS_ROW: Final = ("round", "done")
"""Head of BEAT's rounds, uint64; nothing without a clock.

After them, where nodes tell each other: by step of the barrier the last round that was
told, then the last that was heard, each plus 1, or 0.
"""
ROSTER: Final = {"partition": str, "host": str, "pid": int, "endpoint": str}
QUESTIONS: Final = ("ping", "status", "stop", "stop now")
"""What ASK may ask."""
CONTROLLER: Final = {
    "pid": int, "host": str, "start": int, "endpoint": str, "version": str,
}  # fmt: skip
"""The controller that gives an ANSWER; start is in clock ticks since the boot."""
STATUS: Final = {
    "phase": str, "epoch": int, "stopping": bool, "reason": str, "left_ms": int,
    "refused": int, "strangers": int, "partitions": tuple, "links": tuple,
    "members": tuple, "lost": tuple, "recoveries": tuple,
}  # fmt: skip
"""Where a cluster stands; left_ms is -1 without a deadline. Connections that the
control socket refused, and messages of strangers there, since the controller began."""
MEMBER: Final = {
    "node": str, "role": str, "pid": int, "host": str, "slot": int, "ready": bool,
    "linked": bool, "told": bool, "phase": str, "heard_ms": int, "moved_ms": int,
    "blocked": bool, "open_frames": int, "frame": int, "finished": int, "packets": int,
    "received": bytes, "sent": bytes, "refused": int, "strangers": int,
    "rounds": bytes,
}  # fmt: skip
"""One member; slot is -1 without a wish, counters are those of its last BEAT; what it
refused and dropped as strangers' counts since its process began."""
LOST: Final = {"node": str, "pid": int, "host": str, "how": str, "ago_ms": int}
SPAN_ROW: Final = ("link", "span", "bin", "count")
PACKET_ROW: Final = (
    "epoch", "link", "sequence", "frame", "sent", "received", "done", "spikes",
    "caused", "kernel", "known", "offset", "error",
)  # fmt: skip
"""Of a packet: when it was sent by its source's clock, when it came and was handled by
its receiver's, ns; spikes in it, spikes that it caused, time in kernels; whether the
source's clock was known, how much it was ahead, and how far that may have been off."""
TURN_ROW: Final = ("epoch", "begin", "end", "cause")
"""Of a turn: when it began and ended, ns, and what was waited for then: an index in
`transport.turn.CAUSES`."""
DETAILS: Final = {"spans": SPAN_ROW, "packets": PACKET_ROW, "turns": TURN_ROW}
"""Tables of DETAILS, rows of int64."""
ROLES: Final = ("worker", "client")
MOST_NAME: Final = 255
"""Letters of a host's name, a version, a clock."""
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


def is_stamp(value: Any) -> bool:
    """Tell whether an integer is a time of a clock, ns."""
    return bool(0 <= value < 1 << 63)


_WAITS: Final = table_of(str, int, int, int)
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


def map_of(types: Mapping[str, type]) -> Check:
    """Return a check for a map of exactly these keys and types of value."""

    def check(value: Any) -> bool:
        return (
            isinstance(value, dict)
            and value.keys() == types.keys()
            and all(type(value[key]) is kind for key, kind in types.items())
        )

    return check


def is_name(value: Any) -> bool:
    """Tell whether a value is a text short enough to be kept and repeated."""
    return isinstance(value, str) and len(value) <= MOST_NAME


def tuple_of(check: Check) -> Check:
    """Return a check for a tuple of values that pass a check."""
    return lambda value: isinstance(value, tuple) and all(map(check, value))


is_roster: Final = tuple_of(map_of(ROSTER))
is_controller: Final = map_of(CONTROLLER)
_LINKS: Final = table_of(int, str, int, int, int, int)
_RECEIVED: Final = words_of(len(RECEIVED_ROW))
_SENT: Final = words_of(len(SENT_ROW))
_STATUS: Final = map_of(STATUS)
_MEMBER: Final = map_of(MEMBER)
_INSIDE_STATUS: Final[Mapping[str, Check]] = {
    "partitions": lambda value: all(type(name) is str for name in value),
    "links": table_of(int, str, str),
    "members": tuple_of(lambda value: _MEMBER(value) and _has_rows(value)),
    "lost": tuple_of(map_of(LOST)),
    "recoveries": table_of(int, int, str),
}


def _has_rows(member: Mapping[str, Any]) -> bool:
    rows = _RECEIVED(member["received"]) and _SENT(member["sent"])
    return rows and is_rounds(member["rounds"])


def is_rounds(value: Any) -> bool:
    """Tell whether a ``bin`` has the form of `ROUNDS_ROW`."""
    return isinstance(value, bytes) and not len(value) % (len(ROUNDS_ROW) * WORD)


def is_status(value: Any) -> bool:
    """Tell whether a value is the status of a cluster, or None."""
    return value is None or (
        _STATUS(value)
        and all(check(value[key]) for key, check in _INSIDE_STATUS.items())
    )


def is_barrier(value: Any) -> bool:
    """Tell whether a value says what a clock's barrier did, or nothing."""
    return value == {} or (
        isinstance(value, dict)
        and value.keys() == {"rounds", "nodes"}
        and type(value["rounds"]) is int
        and _WAITS(value["nodes"])
    )


SHAPES: Final[Mapping[str, Check]] = {
    "inbound": _LINKS,
    "outbound": _LINKS,
    "endpoints": table_of(int, str),
    "clocks": table_of(int, str),
    "partners": lambda value: all(type(where) is str for where in value),
    "rounds": is_rounds,
    "roster": is_roster,
    "received": _RECEIVED,
    "sent": _SENT,
    "rows": words_of(1),
    "report": is_report,
    "reports": lambda value: all(map(is_report, value)),
    "table": lambda value: value in DETAILS,
    "what": lambda value: value in QUESTIONS,
    "role": lambda value: value in ROLES,
    "host": is_name,
    "version": is_name,
    "clock": is_name,
    "controller": is_controller,
    "status": is_status,
    "barrier": is_barrier,
    "asked_ns": is_stamp,
    "heard_ns": is_stamp,
    "answered_ns": is_stamp,
}
"""By name of the field; names mean the same in every message."""
