"""Bring settings into their fields' types, and refuse what they cannot be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_args

from neurocluster.dtypes import BarrierKind, ClockMode, FirePolicy, Quantizer
from neurocluster.errors import ConfigError
from neurocluster.impairments import JITTERS, MOST_DILATION, MOST_US
from neurocluster.sizes import parse_size

MOST_WINDOW: Final = 1024
MOST_SPIKES: Final = 1 << 20
MOST_HWM: Final = 1 << 16
MOST_SPARES: Final = 64
MOST_TRACE: Final = 1_000_000
MOST_SLOW: Final = 10_000
MOST_PHASES: Final = 1024
MOST_SEED: Final = (1 << 63) - 1
TABLES: Final = {
    "split": ("layer = 'KIND:PARTS'", "layer", "cut"),
    "place": ("partition = 'HOST'", "partition", "host"),
    "straggler": ("partition = 'FACTOR'", "partition", "factor"),
}
"""Settings that are tables: their form, what has an entry, and what the entry is."""


def normal(key: str, value: Any) -> Any:
    """Bring a value into its field's type, or leave it for `_check` to refuse."""
    if key == "threshold":
        if isinstance(value, str):
            return parse_thresholds(value)
        values = value if isinstance(value, list | tuple) else [value]
        if not all(type(v) in (int, float) for v in values):
            message = f"threshold: {value!r} is no number or list of numbers"
            raise ConfigError(message)
        return tuple(float(v) for v in values)
    if key in TABLES:
        if isinstance(value, str):
            return _table_of(key, value)
        if not isinstance(value, Mapping):
            message = f"{key}: {value!r} is no table of {TABLES[key][0]}"
            raise ConfigError(message)
        for name, entry in value.items():
            if key == "straggler" and type(entry) in (int, float):
                continue
            if not isinstance(entry, str):
                message = f"{key}: {name} is {entry!r}, not text; quote dotted names"
                raise ConfigError(message)
        return {str(name): str(entry) for name, entry in value.items()}
    if key == "memory" and value is not None:
        return parse_size(value, key)
    if float in _TYPES.get(key, ()) and type(value) is int:
        return float(value)
    if key in ("network", "data", "out", "impair") and isinstance(value, Path):
        return str(value)
    return value


def _table_of(key: str, text: str) -> dict[str, str]:
    """Read ``conv1=rows:4,fc1=neurons:2``; what it means is the plan's to judge."""
    _, owner, owned = TABLES[key]
    table: dict[str, str] = {}
    for entry in filter(str.strip, text.split(",")):
        name, _, value = (part.strip() for part in entry.partition("="))
        if name in table:
            message = f"{key}: {owner} {name} is named twice; a {owner} has one {owned}"
            raise ConfigError(message)
        table[name] = value
    return table


def parse_thresholds(text: str) -> tuple[float, ...]:
    """Read ``0.7`` or ``0.7,0.7,0.5,0.5``.

    Raises:
        ConfigError: It has another form.
    """
    try:
        return tuple(float(part) for part in text.split(",")) if text.strip() else ()
    except ValueError as error:
        message = f"threshold {text!r}: write a number, or numbers between commas"
        raise ConfigError(message) from error


_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "network": (str, type(None)),
    "data": (str, type(None)),
    "frames": (int, type(None)),
    "start": (int,),
    "quantizer": (str,),
    "fire": (str,),
    "offset": (float,),
    "window": (int,),
    "max_spikes": (int,),
    "hwm": (int,),
    "memory": (int, type(None)),
    "out": (str, type(None)),
    "name": (str,),
    "deadline_s": (float,),
    "recovery_s": (float,),
    "spares": (int,),
    "pin": (bool,),
    "trace": (int,),
    "compare": (bool,),
    "clock": (str,),
    "barrier": (str,),
    "phases": (int,),
    "max_linger_us": (float,),
    "delay_us": (float,),
    "jitter_us": (float,),
    "jitter": (str,),
    "rate_mbit": (float,),
    "loss": (float,),
    "service_us": (float,),
    "service_cv": (float,),
    "impair": (str, type(None)),
    "seed": (int,),
    "order_seed": (int, type(None)),
    "dilation": (float,),
    "tu": (float, type(None)),
}
_RANGES: Final = {
    "frames": (1, math.inf),
    "start": (0, math.inf),
    "window": (1, MOST_WINDOW),
    "phases": (1, MOST_PHASES),
    "max_spikes": (1, MOST_SPIKES),
    "hwm": (1, MOST_HWM),
    "deadline_s": (0.1, 86400),
    "recovery_s": (0.1, 86400),
    "spares": (0, MOST_SPARES),
    "trace": (0, MOST_TRACE),
    "offset": (-1000, 1000),
    "max_linger_us": (0, MOST_US),
    "delay_us": (0, MOST_US),
    "jitter_us": (0, MOST_US),
    "rate_mbit": (0, 1e6),
    "loss": (0, 0.9),
    "service_us": (0, MOST_US),
    "service_cv": (0, 10),
    "seed": (0, MOST_SEED),
    "order_seed": (0, MOST_SEED),
    "dilation": (1, MOST_DILATION),
    "tu": (0.001, 3600),
}


def check(config: Any) -> None:
    """Refuse settings of a wrong type or out of range.

    Raises:
        ConfigError: One is; it is named.
    """
    _check_types(config)
    _check_values(config)
    for partition, factor in config.straggler.items():
        _check_factor(partition, factor)
    if not config.name or "/" in config.name:
        message = f"name: {config.name!r} must be a plain word"
        raise ConfigError(message)


def _check_types(config: Any) -> None:
    for key, types in _TYPES.items():
        value = getattr(config, key)
        if type(value) not in types:
            wanted = " or ".join(t.__name__ for t in types if t is not type(None))
            message = f"{key}: {value!r} is {type(value).__name__}, not {wanted}"
            raise ConfigError(message)
        if isinstance(value, str) and "\0" in value:
            message = f"{key}: {value!r} holds a NUL byte; remove it"
            raise ConfigError(message)


def _check_values(config: Any) -> None:
    for key, (low, high) in _RANGES.items():
        value = getattr(config, key)
        if value is not None and not low <= value <= high:
            bound = f"at least {low}" if high == math.inf else f"from {low} to {high}"
            message = f"{key}: {value} must be {bound}"
            raise ConfigError(message)
    for key, choices in (
        ("quantizer", get_args(Quantizer)),
        ("fire", get_args(FirePolicy)),
        ("jitter", JITTERS),
        ("clock", get_args(ClockMode)),
        ("barrier", get_args(BarrierKind)),
    ):
        if getattr(config, key) not in choices:
            message = f"{key}: {getattr(config, key)!r} is none of {', '.join(choices)}"
            raise ConfigError(message)


def _check_factor(partition: str, factor: str) -> None:
    try:
        good = 1 <= float(factor) <= MOST_SLOW
    except ValueError:
        good = False
    if not good:
        message = (
            f"straggler: {partition}={factor}: give a factor from 1 to {MOST_SLOW}"
        )
        raise ConfigError(message)
