"""Make and fill a run's folder; every file appears whole or not at all."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from neurocluster.errors import ConfigError

Row = Sequence[Any]


class RunFolder:
    """Write the files of one run."""

    def __init__(self, path: Path) -> None:
        """Take the folder; `make_folder` makes it."""
        self.path = path
        self.logs = path / "logs"

    def write_text(self, name: str, text: str) -> None:
        """Write a file.

        Raises:
            ConfigError: It cannot be written (no permission, no space).
        """
        target = self.path / name
        partial = target.with_name(f".{name}.part")
        try:
            partial.write_text(text, encoding="utf-8")
            partial.replace(target)
        except OSError as error:
            message = f"cannot write {target}: {error.strerror}"
            raise ConfigError(message) from error

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file."""
        self.write_text(name, json.dumps(value, indent=2) + "\n")

    def write_csv(self, name: str, header: Row, rows: Iterable[Row]) -> None:
        """Write a CSV file; None becomes an empty field."""
        target = self.path / name
        partial = target.with_name(f".{name}.part")
        try:
            with partial.open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(header)
                writer.writerows(rows)
            partial.replace(target)
        except OSError as error:
            message = f"cannot write {target}: {error.strerror}"
            raise ConfigError(message) from error


def make_folder(out: str | None, name: str) -> RunFolder:
    """Make ``out``, or ``runs/<time>-<name>`` when it is None.

    Raises:
        ConfigError: The folder cannot be made, or holds files already.
    """
    if out is None:
        now = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
        base = Path("runs") / f"{now}-{name}"
        path, count = base, 1
        while path.exists():
            count += 1
            path = base.with_name(f"{base.name}-{count}")
    else:
        path = Path(out)
    try:
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            message = f"out: folder {path} is not empty; give a new one"
            raise ConfigError(message)
        (path / "logs").mkdir()
    except OSError as error:
        message = f"out: cannot make folder {path}: {error.strerror}"
        raise ConfigError(message) from error
    if not os.access(path, os.W_OK):
        message = f"out: folder {path} is not writable"
        raise ConfigError(message)
    return RunFolder(path)
