"""Read how fine this machine's clock and timers are, as far as the system tells."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

SOURCE: Final = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
SLACK: Final = Path("/proc/self/timerslack_ns")


def timers() -> dict[str, Any]:
    """Return the clock's source and resolution, and by how much sleeps may be late.

    Slack is what the kernel may add to a sleep to join it with others; None where
    nothing is told.
    """
    slack = _read(SLACK)
    return {
        "clocksource": _read(SOURCE),
        "resolution_ns": round(time.get_clock_info("monotonic").resolution * 1e9),
        "slack_ns": int(slack) if slack is not None and slack.isdecimal() else None,
    }


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None
