"""Say in words why a run cannot go on."""

from __future__ import annotations

import signal


def exit_cause(code: int) -> str:
    """Return words for an exit: ``was killed by signal 9 (SIGKILL)``."""
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = "unknown"
        return f"was killed by signal {-code} ({name})"
    return f"ended with exit status {code}"
