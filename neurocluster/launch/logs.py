"""Quote the ends of processes' logs, so that an error shows what its process said."""

from __future__ import annotations

from pathlib import Path
from typing import Final

MOST_LINES: Final = 5
"""Of a log's end; a traceback's last lines name error and place."""


def log_end(path: Path) -> list[str]:
    """Return the last lines of a log; none if there is no log."""
    try:
        return path.read_text(errors="replace").strip().splitlines()[-MOST_LINES:]
    except OSError:
        return []


def quote_log(error: Exception, path: Path) -> None:
    """Note the end of a log on an error that carries no note yet."""
    lines = log_end(path)
    if lines and not getattr(error, "__notes__", None):
        error.add_note("\n  ".join([f"end of {path}:", *lines]))
