"""Keep lines of results as they come, so that a command that was stopped goes on."""

from __future__ import annotations

import csv
import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from neurocluster.errors import ConfigError

INPUTS: Final = "inputs.json"


class Kept:
    """A CSV file that grows line by line, and what its lines were made of.

    Attributes:
        lines: All, those of earlier calls first.
    """

    def __init__(
        self, path: Path, columns: Sequence[str], words: Collection[str],
        inputs: Mapping[str, Any],
    ) -> None:  # fmt: skip
        """Make the file, or read it; its folder is made if need be.

        Args:
            path: Of the file; `INPUTS` stands beside it.
            columns: Of each line.
            words: Columns that are text; all others are numbers.
            inputs: What lines depend on, as JSON has it. Lines of others do not mix.

        Raises:
            ConfigError: The folder holds lines of other inputs, a damaged file, or
                cannot be written.
        """
        self._path, self._columns = path, columns
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._claim(json.loads(json.dumps(inputs)))
            self.lines = self._read(words) if path.exists() else []
            if not path.exists():
                self._append(columns)
        except OSError as error:
            message = f"cannot write {error.filename or path}: {error.strerror}"
            raise ConfigError(message) from error

    def _claim(self, inputs: Mapping[str, Any]) -> None:
        claim = self._path.parent / INPUTS
        if not claim.exists():
            if self._path.exists():
                message = f"{self._path.parent} holds other results; name another --out"
                raise ConfigError(message)
            claim.write_text(json.dumps(inputs, indent=1) + "\n", encoding="utf-8")
            return
        try:
            before = json.loads(claim.read_text(encoding="utf-8"))
        except ValueError as error:
            message = f"{claim} is damaged: {error}; name another --out"
            raise ConfigError(message) from error
        for name in inputs:
            if before.get(name) != inputs[name]:
                message = (
                    f"{self._path.parent} holds results with another value of {name}; "
                    "name another --out, or remove it"
                )
                raise ConfigError(message)

    def _read(self, words: Collection[str]) -> list[dict[str, Any]]:
        """Return the lines; one that was cut when the command was killed is dropped."""
        data = self._path.read_bytes()
        if (whole := data.rfind(b"\n") + 1) < len(data):
            with self._path.open("r+b") as file:
                file.truncate(whole)
        lines = []
        try:
            reader = csv.reader(data[:whole].decode().splitlines(), strict=True)
            for k, row in enumerate(reader):
                if not k and row != list(self._columns):
                    message = f"columns are {', '.join(row)}"
                    raise ValueError(message)
                if k:
                    named = dict(zip(self._columns, row, strict=True))
                    lines.append(
                        {n: v if n in words else float(v) for n, v in named.items()}
                    )
        except (ValueError, csv.Error) as error:
            message = f"{self._path} is damaged: {error}; remove {self._path.parent}"
            raise ConfigError(message) from error
        return lines

    def _append(self, values: Sequence[Any]) -> None:
        with self._path.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerow(values)

    def add(self, line: Mapping[str, Any]) -> None:
        """Write a line behind those before.

        Raises:
            ConfigError: It cannot be written.
        """
        try:
            self._append([line[name] for name in self._columns])
        except OSError as error:
            message = f"cannot write {self._path}: {error.strerror}"
            raise ConfigError(message) from error
        self.lines.append(dict(line))
