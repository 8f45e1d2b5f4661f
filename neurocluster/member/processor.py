"""Tell apart what a process waited for a processor from what else it waited for."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple


class Ran(NamedTuple):
    """What the kernel counted of a thread.

    Attributes:
        cpu_ns: On a processor.
        delay_ns: Ready to run, and without one.
    """

    cpu_ns: int
    delay_ns: int


def thread_ran() -> Ran | None:
    """Return what the kernel counted of this thread; None if it does not count."""
    path = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
    try:
        cpu, delay, *_ = path.read_text(encoding="ascii").split()
        return Ran(int(cpu), int(delay))
    except (OSError, ValueError):
        return None


def told_apart(
    turn_ns: int, waits: Mapping[str, int], ends: Sequence[int], ran: Ran
) -> dict[str, int]:
    """Take what was waited for a processor out of turns and waits; pure.

    The kernel knows the whole of it. Turns lasted longer than the thread was on a
    processor by what it was without one in their midst. The rest was before a turn,
    when there was something to do already: each wait that ended has the same share of
    that, as far as it was that long.

    Args:
        turn_ns: In turns.
        waits: Between turns, by cause, ns.
        ends: How many waits of each cause ended.
        ran: Of the thread, in the same time.

    Returns:
        turn_ns and the waits, shortened; wait_cpu_ns. They have the sum of those given.
    """
    total = turn_ns + sum(waits.values())
    inside = min(max(turn_ns - ran.cpu_ns, 0), ran.delay_ns)
    left, count = ran.delay_ns - inside, sum(ends)
    made = {"turn_ns": turn_ns - inside}
    for (name, ns), n in zip(waits.items(), ends, strict=True):
        made[name] = ns - min(ns, left * n // max(count, 1))
    made["wait_cpu_ns"] = total - sum(made.values())
    return made
