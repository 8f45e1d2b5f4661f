"""Say with which code a command ends, and print why."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

import typer

from neurocluster.errors import (
    ConfigError,
    DataError,
    ModelError,
    NeuroclusterError,
    PartitionError,
    PlatformError,
)

EXIT_DONE: Final = 0
EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_INPUT: Final = 3
EXIT_INTERRUPTED: Final = 130
CODES: Final = (
    "Exit codes: 0 done, 1 the run failed, 2 usage or config, 3 bad network or data, "
    "130 interrupted or stopped with results saved."
)


def guarded(action: Callable[[], int]) -> None:
    """Run a command; print an error in one line and end with its code."""
    try:
        if not sys.platform.startswith("linux"):
            message = f"neurocluster runs on Linux; this is {sys.platform}"
            raise PlatformError(message)
        code = action()
    except NeuroclusterError as error:
        print_error(error)
        code = error_code(error)
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        code = EXIT_FAILED
    raise typer.Exit(code)


def error_code(error: NeuroclusterError) -> int:
    """Return the exit code of an error."""
    if isinstance(error, ConfigError | PartitionError | PlatformError):
        return EXIT_USAGE
    if isinstance(error, ModelError | DataError):
        return EXIT_INPUT
    return EXIT_FAILED


def print_error(error: NeuroclusterError) -> None:
    """Print an error, and what was noted on it, to standard error."""
    notes = getattr(error, "__notes__", ())
    print("\n".join([f"error: {error}", *notes]), file=sys.stderr)
