"""Hold what things cost: affine means with factors around them; read and write files.

A cost is ``fixed + byte * bytes`` and the like, times a factor. Factors are drawn from
the quantiles of measured ones; their mean is 1, so a cost's mean is its formula.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from neurocluster.config import unknown_key
from neurocluster.dtypes import F64
from neurocluster.errors import ConfigError
from neurocluster.simulate.records import FACTORS

SCHEMA: Final = 1
OTHERS: Final = "others"
"""Key of what layers cost that were not measured."""
CLIENT_LAYER: Final = "client"
_LIMIT: Final = 1e12


@dataclass(frozen=True, slots=True)
class Cost:
    """One kind of cost.

    Attributes:
        terms: ns by what they count: ``fixed``, ``byte``, ``spike``, ``synop``,
            ``fired``, ``frame``.
        factors: (FACTORS + 1,) quantiles of factors, mean 1; empty for no variation.
    """

    terms: Mapping[str, float] = field(default_factory=dict)
    factors: tuple[float, ...] = ()

    def __getitem__(self, term: str) -> float:
        """Return one term, 0 if there is none."""
        return self.terms.get(term, 0.0)

    @property
    def least(self) -> float:
        """Return the smallest factor."""
        return self.factors[0] if self.factors else 1.0


FREE: Final = Cost()
"""What takes no time."""


def factors_of(samples: F64) -> tuple[float, ...]:
    """Return the table of factors of measured ones, scaled to mean 1.

    Args:
        samples: (n,) float64, at least one above 0.
    """
    table = np.quantile(samples, np.linspace(0, 1, FACTORS + 1))
    mean = (table[1:] + table[:-1]).sum() / 2 / FACTORS  # of what is drawn
    return tuple((table / mean).tolist())


@dataclass(frozen=True, slots=True)
class Costs:
    """Everything that takes time.

    Attributes:
        receive: Of a packet, in the call that receives it.
        send: Likewise.
        layers: Handling a packet, by layer, ``others`` and ``client``.
        wake: Work of a turn beside packets, half of it when it begins: reading events,
            the event loop, going to sleep and waking up.
        late: Until a core that was idle begins; for I/O threads only its mean.
        io: Work of an I/O thread for a packet.
        io_wake: Work of one that wakes up; without variation.
        io_late: Until an idle core begins with an I/O thread.
        wire: From I/O thread to I/O thread on one host.
        network: Likewise between hosts, without the delay that is asked for.
        clock_hear: Work of a member under a clock, to take a round that opens.
        clock_tell: Likewise, to say that it has done one.
        barrier_hear: Work of the controller, to note that a member has done its round.
        barrier_tell: Likewise, to open a round for a member.
        beat_ns: Between beats; 0 for none.
        beat: Work of a beat, in each member.
        beat_answer: In the controller, for each member's.
        kernel_bytes: What the system's buffers of a link hold.
        quantum_ns: For how long a thread keeps its core while others wait.
        told: Where the figures come from and how well they fit; not used.
    """

    receive: Cost = FREE
    send: Cost = FREE
    layers: Mapping[str, Cost] = field(default_factory=dict)
    wake: Cost = FREE
    late: Cost = FREE
    io: Cost = FREE
    io_wake: Cost = FREE
    io_late: Cost = FREE
    wire: Cost = FREE
    network: Cost = FREE
    clock_hear: Cost = FREE
    clock_tell: Cost = FREE
    barrier_hear: Cost = FREE
    barrier_tell: Cost = FREE
    beat: Cost = FREE
    beat_answer: Cost = FREE
    beat_ns: int = 0
    kernel_bytes: int = 65536
    quantum_ns: int = 3_000_000
    told: Mapping[str, Any] = field(default_factory=dict)

    def layer(self, name: str) -> Cost:
        """Return what handling a packet costs in a layer, or in the client."""
        return self.layers.get(name, self.layers.get(OTHERS, Cost()))

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields replaced."""
        return dataclasses.replace(self, **changes)

    def to_json(self) -> str:
        """Return the text of a file."""
        plain = dataclasses.asdict(self)
        return json.dumps({"schema": SCHEMA, **plain}, indent=1) + "\n"


def read_costs(path: Path) -> Costs:
    """Read a file of costs.

    Raises:
        ConfigError: It is missing or wrong; the message says where, and what to do.
    """
    where = f"costs: {path}"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"{where}: {error.strerror}; measure it: neurocluster bench --costs"
        raise ConfigError(f"{message} {path}") from error
    except ValueError as error:
        message = f"{where} is no JSON: {error}"
        raise ConfigError(message) from error
    if not isinstance(values, dict) or values.pop("schema", None) != SCHEMA:
        message = f"{where} is no file of costs of schema {SCHEMA}; measure it anew"
        raise ConfigError(message)
    known = {f.name: f for f in dataclasses.fields(Costs)}
    for key in values:
        if key not in known:
            raise ConfigError(unknown_key(key, set(known), where))
    return Costs(**{key: _value(f"{where}: {key}", key, values[key]) for key in values})


def _value(where: str, key: str, value: Any) -> Any:
    if key == "told":
        return value
    if key == "layers":
        if not isinstance(value, dict):
            message = f"{where} is no table of costs"
            raise ConfigError(message)
        return {name: _cost(f"{where}.{name}", entry) for name, entry in value.items()}
    if key in ("beat_ns", "kernel_bytes", "quantum_ns"):
        if type(value) is not int or not 0 <= value < _LIMIT:
            message = f"{where} is {value!r}, not a whole number from 0"
            raise ConfigError(message)
        return value
    return _cost(where, value)


def _cost(where: str, value: Any) -> Cost:
    if not isinstance(value, dict) or not set(value) <= {"terms", "factors"}:
        message = f"{where} is no table of terms and factors"
        raise ConfigError(message)
    terms, factors = value.get("terms", {}), value.get("factors", [])
    known = {"fixed", "byte", "spike", "synop", "fired", "frame"}
    if not isinstance(terms, dict) or not _numbers(list(terms.values())):
        message = f"{where}.terms: each is a number of ns from 0"
        raise ConfigError(message)
    for term in terms:
        if term not in known:
            raise ConfigError(unknown_key(term, known, f"{where}.terms"))
    if not _numbers(factors) or len(factors) not in (0, FACTORS + 1):
        message = f"{where}.factors: {FACTORS + 1} numbers from 0 are wanted, or none"
        raise ConfigError(message)
    if list(factors) != sorted(factors):
        message = f"{where}.factors: they must ascend"
        raise ConfigError(message)
    return Cost({k: float(v) for k, v in terms.items()}, tuple(map(float, factors)))


def _numbers(values: Any) -> bool:
    return isinstance(values, list | tuple) and all(
        type(v) in (int, float) and 0 <= v < _LIMIT for v in values
    )


def mean_of(cost: Cost, counts: Mapping[str, float]) -> float:
    """Return the mean cost, ns, of something that is counted so; ``fixed`` once."""
    once = {"fixed": 1.0, **counts}
    return sum(ns * once.get(term, 0.0) for term, ns in cost.terms.items())
