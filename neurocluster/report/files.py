"""Read tables and JSON that a run or an experiment left; a damaged one is named."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neurocluster.dtypes import F64
from neurocluster.errors import DataError

Line = Mapping[str, Any]


def read_lines(path: Path) -> list[Line]:
    """Return the lines of a CSV file as maps; an empty field is None.

    What reads as a number is one: int where it has no fraction, else float. A file
    that does not exist has no lines.

    Raises:
        DataError: The file cannot be read, or a line has too many or too few fields.
    """
    if not path.exists():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        message = f"{path} cannot be read: {error}"
        raise DataError(message) from error
    header, *body = rows or [[]]
    for number, row in enumerate(body, 2):
        if len(row) != len(header):
            message = f"{path}, line {number}: {len(row)} fields for {len(header)}"
            raise DataError(f"{message} columns; it is damaged")
    values = [[_value(text) for text in row] for row in body]
    return [dict(zip(header, row, strict=True)) for row in values]


def _value(text: str) -> int | float | str | None:
    """Return a field as what it reads like."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text or None


def number(line: Line, name: str) -> float | None:
    """Return a number of a line; None where there is none."""
    value = line.get(name)
    return None if value is None or isinstance(value, str) else value


def column(lines: Sequence[Line], name: str) -> F64:
    """Return a column as (lines,) float64; NaN where there is no number."""
    values = [number(line, name) for line in lines]
    return np.array([np.nan if v is None else v for v in values], np.float64)


def read_json(path: Path) -> Any:
    """Return the contents of a JSON file; None if it does not exist.

    Raises:
        DataError: It cannot be read or is no JSON.
    """
    if not path.exists():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"{path} cannot be read: {error}"
        raise DataError(message) from error
