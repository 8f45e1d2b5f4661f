"""Read files of settings."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from neurocluster.errors import ConfigError


def read_toml(path: str | Path, what: str) -> dict[str, Any]:
    """Return what a TOML file says.

    Args:
        path: Of the file.
        what: It is, for messages.

    Raises:
        ConfigError: It cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        message = f"cannot read {what} {path}: {error.strerror}"
        raise ConfigError(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"{what} {path} is no TOML: {error}"
        raise ConfigError(message) from error
