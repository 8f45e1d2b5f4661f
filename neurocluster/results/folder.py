"""Make and fill a run's folder; every file appears whole or not at all."""

from __future__ import annotations

import csv
import itertools
import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from neurocluster.errors import ConfigError

SESSION: Final = ".session"
"""File that names the session that writes the others."""
Row = Sequence[Any]


class RunFolder:
    """Write the files of one run.

    One session at a time does so: the last that took it. An engine may start a job
    again though a host that it cannot reach still runs it.
    """

    def __init__(self, path: Path) -> None:
        """Name the folder; `make_folder` makes it."""
        self.path = path
        self.logs = path / "logs"
        self._mark = secrets.token_hex(8)

    def take(self) -> None:
        """Be the session that writes here, until another one takes the folder.

        Raises:
            ConfigError: It cannot be written.
        """
        self.write_text(SESSION, self._mark)

    @property
    def taken(self) -> bool:
        """Tell whether this session took the folder, and no later one did."""
        try:
            return (self.path / SESSION).read_text(encoding="utf-8") == self._mark
        except OSError:
            return False

    def leave(self) -> None:
        """Give the folder back, if it is still this session's."""
        if self.taken:
            self.remove(SESSION)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        (self.path / name).unlink(missing_ok=True)

    @contextmanager
    def open_binary(self, name: str) -> Iterator[IO[bytes]]:
        """Open a file of bytes that appears whole or not at all.

        Raises:
            ConfigError: It cannot be written.
        """
        with _whole(self.path / name, binary=True) as file:
            yield file

    def write_text(self, name: str, text: str) -> None:
        """Write a file.

        Raises:
            ConfigError: It cannot be written (no permission, no space).
        """
        with _whole(self.path / name) as file:
            file.write(text)

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file."""
        self.write_text(name, json.dumps(value, indent=2) + "\n")

    def write_csv(self, name: str, header: Row, rows: Iterable[Row]) -> None:
        """Write a CSV file; None becomes an empty field."""
        with _whole(self.path / name) as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)


@contextmanager
def _whole(target: Path, *, binary: bool = False) -> Iterator[IO[Any]]:
    """Open a file that takes its name once all of it is written, or leaves nothing."""
    partial = target.with_name(f".{target.name}.part")
    try:
        try:
            with _open(partial, binary=binary) as file:
                yield file
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        message = f"cannot write {target}: {error.strerror}"
        raise ConfigError(message) from error


def _open(path: Path, *, binary: bool) -> IO[Any]:
    if binary:
        return path.open("wb")
    # A path that is no UTF-8 arrives as lone surrogates: escape, never fail.
    return path.open("w", newline="", encoding="utf-8", errors="backslashreplace")


def make_folder(out: str | None, name: str) -> RunFolder:
    """Make ``out``, or ``runs/<time>-<name>`` when it is None.

    Raises:
        ConfigError: The folder cannot be made, or holds files already.
    """
    path = Path("runs" if out is None else out)
    try:
        path.mkdir(parents=True, exist_ok=True)
        if out is None:
            path = new_folder(path, name)
        elif any(path.iterdir()):
            message = f"out: folder {path} is not empty; give a new one"
            raise ConfigError(message)
        (path / "logs").mkdir()
    except OSError as error:
        message = (
            f"out: cannot make folder {path}: {error.strerror}; choose another by --out"
        )
        raise ConfigError(message) from error
    return RunFolder(path)


def new_folder(base: Path, name: str) -> Path:
    """Make a folder that nobody has, also where two runs start in one second.

    Raises:
        OSError: It cannot be made.
    """
    now = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    for count in itertools.count(1):
        path = base / (f"{now}-{name}" + (f"-{count}" if count > 1 else ""))
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise AssertionError  # the count has no end
