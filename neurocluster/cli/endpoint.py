"""Find the controller that an option names."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

from neurocluster.errors import ConfigError


def endpoint_of(connect: str) -> str:
    """Return the endpoint in a connection file, or the endpoint itself.

    Raises:
        ConfigError: The file is missing or is none.
    """
    if "://" in connect:
        return connect
    try:
        text = json.loads(Path(connect).read_text(encoding="utf-8"))
        if text["version"] == 1 and isinstance(text["endpoint"], str):
            return str(text["endpoint"])
        problem = "it is of another version"
    except OSError as error:
        problem = f"{error.strerror}; is the controller running?"
    except (ValueError, KeyError, TypeError):
        problem = "it is no connection file"
    message = f"connect: {connect}: {problem}"
    raise ConfigError(message)


def find_again(connect: str) -> Callable[[], str] | None:
    """Return how to look for a controller again; None for a fixed endpoint."""
    return None if "://" in connect else partial(endpoint_of, connect)
