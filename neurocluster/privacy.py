"""Refuse files with a secret that others than their owner may read."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final

from neurocluster.errors import ConfigError

OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def check_private(path: Path, mode: int, what: str) -> None:
    """Refuse a file with a secret that others than its owner may read.

    Args:
        path: Of the file.
        mode: Its mode.
        what: The setting that names it.

    Raises:
        ConfigError: They may.
    """
    if mode & OTHERS:
        message = (
            f"{what}: {path}: others may read it (mode {stat.S_IMODE(mode):o}); "
            f"make a new one if they could have, then: chmod 600 {path}"
        )
        raise ConfigError(message)
