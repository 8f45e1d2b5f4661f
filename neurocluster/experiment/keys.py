"""Read keys of an experiment's file; each has one form, or the file is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from neurocluster.errors import ConfigError

MOST: Final = {"repetitions": 1000, "warm_up_frames": 10**9, "frames": 10**9}
LEAST: Final = {"repetitions": 1, "warm_up_frames": 0, "frames": 2}


def name_of(document: Mapping[str, Any]) -> str:
    """Return the experiment's name.

    Raises:
        ConfigError: It has another form.
    """
    name = document.get("name")
    if not isinstance(name, str) or not name or "/" in name or "\0" in name:
        message = f"top: name: {name!r} must be a plain word"
        raise ConfigError(message)
    return name


def number_of(document: Mapping[str, Any], key: str, default: int | None) -> int | None:
    """Return a number of the top of a file, or the default if it is not there.

    Raises:
        ConfigError: It has another form.
    """
    value = document.get(key, default)
    if key not in document:
        return default
    if type(value) is not int or not LEAST[key] <= value <= MOST[key]:
        message = (
            f"top: {key}: {value!r} must be a number from {LEAST[key]} to {MOST[key]:,}"
        )
        raise ConfigError(message)
    return value


def seed_of(document: Mapping[str, Any]) -> int:
    """Return the seed.

    Raises:
        ConfigError: It has another form.
    """
    value = document.get("seed", 0)
    if type(value) is not int or value < 0:
        message = f"top: seed: {value!r} must be a number from 0"
        raise ConfigError(message)
    return value


def flag_of(document: Mapping[str, Any], key: str, *, default: bool) -> bool:
    """Return what is true or false.

    Raises:
        ConfigError: It has another form.
    """
    value = document.get(key, default)
    if type(value) is not bool:
        message = f"top: {key}: {value!r} is neither true nor false"
        raise ConfigError(message)
    return value


def table_of(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return a table; an empty one if it is not there.

    Raises:
        ConfigError: It has another form.
    """
    table = document.get(key, {})
    if not isinstance(table, Mapping):
        message = f"top: {key} must be a table: [{key}]"
        raise ConfigError(message)
    return table


def tables_of(document: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    """Return tables of one name; none if they are not there.

    Raises:
        ConfigError: It has another form.
    """
    tables = document.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(t, Mapping) for t in tables):
        message = f"top: {key} must be tables: [[{key}]]"
        raise ConfigError(message)
    return tables
