"""Read settings: TOML files and keyword arguments into one frozen dataclass."""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self, get_args

from neurocluster.dtypes import FirePolicy, Quantizer
from neurocluster.errors import ConfigError
from neurocluster.sizes import parse_size

MOST_WINDOW: Final = 1024
MOST_SPIKES: Final = 1 << 20
MOST_HWM: Final = 1 << 16
MOST_SPARES: Final = 64
TABLES: Final = {
    "split": ("layer = 'KIND:PARTS'", "layer", "cut"),
    "place": ("partition = 'HOST'", "partition", "host"),
}
"""Settings that are tables: their form, what has an entry, and what the entry is."""


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Every setting of a run; each has an option of the same name.

    Attributes:
        network: Network file; None is the reference network.
        data: Folder of idx files; None is the shipped MNIST test set.
        frames: How many frames; None is all.
        start: First frame.
        threshold: One, or one per weight layer; empty takes the network file's.
        quantizer: ``hysteresis``, ``floor`` or ``round``.
        fire: ``once`` or ``settle``.
        offset: Fraction of the threshold added to hidden initial potentials.
        split: By layer: ``rows:N``, ``channels:N`` or ``neurons:N``.
        place: By partition, or layer for all of its partitions: the host that runs it.
        window: Frames in flight.
        max_spikes: Spikes of a full packet.
        hwm: Packets queued at each side of a link.
        memory: Most bytes that all processes may take; None is no limit. Text such as
            ``500M`` is read too.
        out: Folder of the results; None makes one below ``runs/``.
        name: Part of that folder's name.
        deadline_s: How long the cluster may take to be complete.
        recovery_s: How long a run waits for somebody in the place of a lost worker.
        spares: Workers that stand by to take the place of a lost one.
        compare: Compare the results with the dense networks and with one process.
    """

    network: str | None = None
    data: str | None = None
    frames: int | None = None
    start: int = 0
    threshold: tuple[float, ...] = ()
    quantizer: Quantizer = "hysteresis"
    fire: FirePolicy = "once"
    offset: float = 0.0
    split: Mapping[str, str] = field(default_factory=dict)
    place: Mapping[str, str] = field(default_factory=dict)
    window: int = 16
    max_spikes: int = 512
    hwm: int = 16
    memory: int | None = None
    out: str | None = None
    name: str = "run"
    deadline_s: float = 30.0
    recovery_s: float = 30.0
    spares: int = 0
    compare: bool = True

    def replace(self, **settings: Any) -> Self:
        """Return a copy with some settings replaced, all checked.

        Raises:
            ConfigError: A setting is unknown or wrong.
        """
        known = {f.name for f in dataclasses.fields(self)}
        for key in settings:
            if key not in known:
                raise ConfigError(unknown_key(key, known, "settings"))
        values = {k: _normal(k, v) for k, v in settings.items()}
        made = dataclasses.replace(self, **values)
        _check(made)
        return made

    def cluster_options(self) -> dict[str, str]:
        """Return what a controller needs, as text."""
        return {
            "network": self.network or "",
            "threshold": json.dumps(self.threshold),
            "quantizer": self.quantizer,
            "fire": self.fire,
            "offset": repr(self.offset),
            "split": json.dumps(dict(self.split)),
            "window": str(self.window),
            "max_spikes": str(self.max_spikes),
            "hwm": str(self.hwm),
        }

    def to_toml(self) -> str:
        """Return the settings as a config file."""
        lines = []
        for key in (f.name for f in dataclasses.fields(self)):
            value = getattr(self, key)
            if key in TABLES:
                continue
            if value is None:
                lines.append(f"# {key} =   (default)")
            elif isinstance(value, tuple):
                lines.append(f"{key} = [{', '.join(map(_toml, value))}]")
            else:
                lines.append(f"{key} = {_toml(value)}")
        for key in TABLES:
            lines += ["", f"[{key}]"]
            table = getattr(self, key).items()
            lines += [f"{_toml(name)} = {_toml(entry)}" for name, entry in table]
        return "\n".join(lines) + "\n"


def _toml(value: str | float | bool) -> str:
    """Write one value as TOML.

    JSON's escapes are TOML's, but for characters beyond 16 bits, which JSON writes
    as two surrogates that TOML refuses, and for DEL, which only TOML escapes.
    """
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool) else repr(value)


def unknown_key(key: str, known: set[str], source: str) -> str:
    """Return an error text that suggests the nearest known key."""
    near = difflib.get_close_matches(key, sorted(known), n=1)
    hint = (
        f"; did you mean {near[0]!r}?"
        if near
        else f"; known are {', '.join(sorted(known))}"
    )
    return f"{source}: unknown key {key!r}{hint}"


def load_config(path: str | Path) -> RunConfig:
    """Read a config file.

    Raises:
        ConfigError: It cannot be read, or a key or value is wrong.
    """
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        message = f"cannot read config {path}: {error.strerror}"
        raise ConfigError(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"config {path} is no TOML: {error}"
        raise ConfigError(message) from error
    try:
        return RunConfig().replace(**values)
    except ConfigError as error:
        message = f"config {path}: {str(error).removeprefix('settings: ')}"
        raise ConfigError(message) from error


def _normal(key: str, value: Any) -> Any:
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
            if not isinstance(entry, str):
                message = f"{key}: {name} is {entry!r}, not text; quote dotted names"
                raise ConfigError(message)
        return {str(name): entry for name, entry in value.items()}
    if key == "memory" and value is not None:
        return parse_size(value, key)
    if key in ("offset", "deadline_s", "recovery_s") and type(value) is int:
        return float(value)
    if key in ("network", "data", "out") and isinstance(value, Path):
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
    "compare": (bool,),
}
_RANGES: Final = {
    "frames": (1, math.inf),
    "start": (0, math.inf),
    "window": (1, MOST_WINDOW),
    "max_spikes": (1, MOST_SPIKES),
    "hwm": (1, MOST_HWM),
    "deadline_s": (0.1, 86400),
    "recovery_s": (0.1, 86400),
    "spares": (0, MOST_SPARES),
    "offset": (-1000, 1000),
}


def _check(config: RunConfig) -> None:
    for key, types in _TYPES.items():
        value = getattr(config, key)
        if type(value) not in types:
            wanted = " or ".join(t.__name__ for t in types if t is not type(None))
            message = f"{key}: {value!r} is {type(value).__name__}, not {wanted}"
            raise ConfigError(message)
        if isinstance(value, str) and "\0" in value:
            message = f"{key}: {value!r} holds a NUL byte; remove it"
            raise ConfigError(message)
    for key, (low, high) in _RANGES.items():
        value = getattr(config, key)
        if value is not None and not low <= value <= high:
            bound = f"at least {low}" if high == math.inf else f"from {low} to {high}"
            message = f"{key}: {value} must be {bound}"
            raise ConfigError(message)
    for key, choices in (
        ("quantizer", get_args(Quantizer)),
        ("fire", get_args(FirePolicy)),
    ):
        if getattr(config, key) not in choices:
            message = f"{key}: {getattr(config, key)!r} is none of {', '.join(choices)}"
            raise ConfigError(message)
    if not config.name or "/" in config.name:
        message = f"name: {config.name!r} must be a plain word"
        raise ConfigError(message)
