"""Say in words why a run cannot go on, or a member cannot join it."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from typing import Any

from neurocluster.controller.watch import STALL_NS, Counts

NOTHING = "no frame was finished"


def exit_cause(code: int) -> str:
    """Return words for an exit: ``was killed by signal 9 (SIGKILL)``."""
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = "unknown"
        return f"was killed by signal {-code} ({name})"
    return f"ended with exit status {code}"


def lost(name: str, how: str, finished: int) -> str:
    """Return words for a member that is gone."""
    return f"{name} {how}; {last(finished)}"


def last(finished: int) -> str:
    """Return words for how far a session came."""
    return f"last finished frame: {finished}" if finished >= 0 else NOTHING


def barren(reason: str, epochs: int) -> str:
    """Return words for a session that recovers again and again and gets nowhere."""
    return f"{epochs} times in a row no frame was finished; the last time {reason}"


def hopeless(reason: str) -> str:
    """Return words for a member whose place nobody will take."""
    return f"{reason}; it is not started again"


def wrong_version(theirs: str, ours: str) -> str:
    """Return words for a member of another version."""
    return (
        f"version {theirs} does not fit the controller's {ours}; "
        "install the same version everywhere"
    )


def link(ends: tuple[str, str], hosts: tuple[str, str]) -> str:
    """Return words for a link: ``conv1.0->conv2.0 (n1 to n2)``."""
    one, other = hosts
    where = f"on {one}" if one == other else f"{one} to {other}"
    return f"{ends[0]}->{ends[1]} ({where})"


def stalled(counts: Counts, name: str) -> str:
    """Return words for a link on which nothing arrives."""
    return (
        f"link {name} is stalled: {counts.received} of {counts.sent} "
        f"spikes arrived and nothing for {STALL_NS / 1e9:.0f} s"
    )


def no_tick(number: int, way: str) -> str:
    """Return words for a tick of the clock that does not arrive."""
    seconds = f"{STALL_NS / 1e9:.0f} s"
    return f"the tick {way} of round {number} has not arrived for {seconds}"


def unequal(counts: Counts, ends: tuple[str, str]) -> str:
    """Return words for a link whose ends disagree at the end of a run."""
    return (
        f"link {ends[0]}->{ends[1]} carried {counts.sent} spikes at its "
        f"source and {counts.received} at its destination"
    )


def fault(name: str, body: Mapping[str, Any]) -> str:
    """Return words for what a member's FAULT says."""
    frame = "" if body["frame"] is None else f", frame {body['frame']}"
    return (
        f"{name} found a fault on link {body['link']}{frame}: "
        f"{body['reason']} (expected {body['expected']}, got {body['got']})"
    )


def too_few_workers(
    limit_ns: int, came: int, partitions: int, missing: Sequence[str]
) -> str:
    """Return words for a cluster that waited for members in vain."""
    names = ", ".join(missing)
    return (
        f"{_incomplete(limit_ns)}: {came} of {partitions} workers are there"
        + (f"; nobody runs {names}" if names else "; some are not ready")
        + "; start more with 'neurocluster worker --connect ...', or have some stand "
        "by (--spares)"
    )


def links_not_made(limit_ns: int, links: Sequence[str], *, apart: bool) -> str:
    """Return words for a cluster that waited for links in vain.

    Args:
        limit_ns: How long it waited.
        links: In words.
        apart: Some are between hosts.
    """
    advice = (
        "; see that these hosts reach each other, or have workers stand by on others "
        "(--spares)"
    )
    what = f"{_incomplete(limit_ns)}: links not made: {', '.join(links)}"
    return what + (advice if apart else "")


def _incomplete(limit_ns: int) -> str:
    return f"the cluster was not complete after {limit_ns / 1e9:.0f} s"
