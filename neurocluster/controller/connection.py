"""Write the connection file: where members find the controller."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from neurocluster.errors import ConfigError

VERSION: Final = 1


def write_connection(path: Path, endpoint: str) -> None:
    """Write the file whole or not at all, readable by its owner only.

    Raises:
        ConfigError: The folder cannot be written.
    """
    text = json.dumps({"version": VERSION, "endpoint": endpoint})
    partial = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    except OSError as error:
        message = f"cannot write the connection file {path}: {error.strerror}"
        raise ConfigError(message) from error
