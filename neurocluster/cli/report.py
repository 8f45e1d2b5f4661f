"""Do `neurocluster report`: figures and a page of what runs left."""

from __future__ import annotations

import json as json_
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from neurocluster.cli.exits import EXIT_DONE
from neurocluster.cli.terminal import terminal
from neurocluster.errors import ConfigError

EXTRA: Final = (
    "matplotlib", "jinja2", "markupsafe", "hdrh", "perfetto", "google",
)  # fmt: skip
"""Packages of the extra, and those that they bring."""


def report_command(
    folders: Sequence[Path], out: Path | None, *, json: bool, quiet: bool
) -> int:
    """Make a report and print the path of its page; return the exit code.

    Args:
        folders: Of runs or experiments.
        out: Folder of the report; None is ``report`` in the first of them.
        json: Print what was made as JSON.
        quiet: Print errors only.

    Raises:
        ConfigError: A folder is no run's, or what draws is not installed.
        DataError: A file of a run is damaged.
    """
    try:
        from neurocluster.report.make import (
            as_json,
            default_out,
            make_report,
            write_report,
        )  # fmt: skip
    except ModuleNotFoundError as error:
        raise _not_installed(error) from error
    console = terminal(quiet=quiet, json=json)
    target = default_out(folders) if out is None else out
    with console.status("reading") as status:
        report = make_report(folders, target, status.update)
        status.update("writing")
        path = write_report(report, target)
    if json:
        print(json_.dumps(as_json(report, path)))
    elif not quiet:
        print(path)
    return EXIT_DONE


def _not_installed(error: ModuleNotFoundError) -> Exception:
    """Return what to tell who lacks what draws; any other module is our mistake."""
    if (error.name or "").partition(".")[0] not in EXTRA:
        return error
    message = (
        f"report: {error.name} is not installed; install the extra: "
        "pip install 'neurocluster[report]'"
    )
    return ConfigError(message)
