"""Say what hinders links and workers: rules, each for some of them, later ones first.

A rule names links by their ends, or a worker, by partition (``conv1.0``, ``conv1.*``),
as ``client``, or by host (``host:n1``). Where several rules set the same thing the last
one counts.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from neurocluster.errors import ConfigError
from neurocluster.toml import read_toml

JITTERS: Final = ("exponential", "normal", "heavy")
HOST: Final = "host:"
MOST_US: Final = 60e6
MOST_DILATION: Final = 1000
LEAST_RATE: Final = 1e-3
ANYWHERE: Final = "*"


@dataclass(frozen=True, slots=True)
class LinkImpairment:
    """What a link's packets meet.

    Attributes:
        delay_us: That each takes longer, microseconds.
        jitter_us: Mean of what is added to that (of ``normal`` the standard deviation,
            magnitudes only).
        jitter: Its distribution; ``heavy`` has a Pareto tail of exponent 2.5.
        rate_mbit: Megabits a second; 0 is no limit.
        burst_kib: KiB that may go at once nevertheless.
        loss: Probability that a packet is lost and sent again.
        resend_us: After which time it is.
        duplicate: Probability that a packet crosses the network twice; the second is
            dropped there.
    """

    delay_us: float = 0.0
    jitter_us: float = 0.0
    jitter: str = "exponential"
    rate_mbit: float = 0.0
    burst_kib: float = 16.0
    loss: float = 0.0
    resend_us: float = 1000.0
    duplicate: float = 0.0

    def dilated(self, by: float) -> Self:
        """Return the same network in a time that is so many times as long."""
        return dataclasses.replace(
            self, delay_us=self.delay_us * by, jitter_us=self.jitter_us * by,
            resend_us=self.resend_us * by, rate_mbit=self.rate_mbit / by,
        )  # fmt: skip

    @property
    def matters(self) -> bool:
        """Tell whether it hinders anything."""
        return bool(
            self.delay_us or self.jitter_us or self.rate_mbit or self.loss
            or self.duplicate
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class WorkerImpairment:
    """What slows a worker down; it sleeps for that, it does not compute.

    Attributes:
        slow: Times its own time that each packet takes.
        service_us: Mean time that each frame takes beside, microseconds.
        service_cv: Its coefficient of variation (log-normal).
        pause_us: For how long it stands still from time to time.
        pause_every_us: From one such pause to the next; 0: never.
        by_processor: What it is slower than is the processor time of its turns, not
            the time by the wall that its packets took.
    """

    slow: float = 1.0
    service_us: float = 0.0
    service_cv: float = 0.0
    pause_us: float = 0.0
    pause_every_us: float = 0.0
    by_processor: bool = False

    def dilated(self, by: float) -> Self:
        """Return the same worker in a time that is so many times as long."""
        return dataclasses.replace(
            self, slow=self.slow * by, service_us=self.service_us * by,
            pause_us=self.pause_us * by, pause_every_us=self.pause_every_us * by,
            by_processor=True,
        )  # fmt: skip

    @property
    def matters(self) -> bool:
        """Tell whether it hinders anything."""
        return self.slow > 1 or bool(self.service_us) or bool(self.pause_every_us)


_LIMITS: Final = {
    "loss": (0, 0.9), "duplicate": (0, 1), "slow": (1, 10_000), "service_cv": (0, 10),
    "rate_mbit": (0, 1e6), "burst_kib": (0, 1e6),
}  # fmt: skip
WHERE: Final = {"link": ("from", "to"), "worker": ("partition",)}
KINDS: Final = {"link": LinkImpairment, "worker": WorkerImpairment}
OWN: Final = {"by_processor"}
"""Fields that no rule sets."""
Kind = TypeVar("Kind", LinkImpairment, WorkerImpairment)
Rule = Mapping[str, Any]


def check_rule(kind: str, rule: Rule, source: str) -> dict[str, Any]:
    """Return a rule with floats for numbers.

    Args:
        kind: ``link`` or ``worker``.
        rule: Where it holds, and what it sets.
        source: Names it in errors.

    Raises:
        ConfigError: A key is unknown, or a value is out of range.
    """
    known = {f.name for f in dataclasses.fields(KINDS[kind])} - OWN
    made: dict[str, Any] = {}
    for key, value in rule.items():
        if key in WHERE[kind] or key == "jitter":
            if not isinstance(value, str):
                message = f"{source}: {key} is {value!r}, not text"
                raise ConfigError(message)
            made[key] = value
            continue
        if key not in known:
            names = ", ".join(sorted({*known, *WHERE[kind]}))
            message = f"{source}: unknown key {key!r}; known are {names}"
            raise ConfigError(message)
        low, high = _LIMITS.get(key, (0, MOST_US))
        number = type(value) in (int, float) and math.isfinite(value)
        if not number or not low <= value <= high:
            message = (
                f"{source}: {key} is {value!r}; give a number from {low} to {high:g}"
            )
            raise ConfigError(message)
        made[key] = float(value)
    if 0 < made.get("rate_mbit", 0) < LEAST_RATE:
        value = made["rate_mbit"]
        message = (
            f"{source}: rate_mbit is {value}; give 0 or a number from {LEAST_RATE}"
        )
        raise ConfigError(message)
    if made.get("jitter", JITTERS[0]) not in JITTERS:
        message = f"{source}: jitter {made['jitter']!r} is none of {', '.join(JITTERS)}"
        raise ConfigError(message)
    return made


@dataclass(frozen=True, slots=True)
class Impairments:
    """Hold all rules of a run.

    Attributes:
        links: Rules of links, checked.
        workers: Rules of workers, checked.
        seed: Of everything random in them.
        dilation: How many times as long all times are; every worker sleeps for that.
    """

    links: tuple[Rule, ...] = ()
    workers: tuple[Rule, ...] = ()
    seed: int = 0
    dilation: float = 1.0

    def __bool__(self) -> bool:
        """Tell whether there is any rule, or a dilation."""
        return bool(self.links or self.workers or self.dilation > 1)

    def to_wire(self) -> dict[str, Any]:
        """Return plain data, for PREPARE."""
        return {
            "link": [dict(rule) for rule in self.links],
            "worker": [dict(rule) for rule in self.workers],
            "seed": self.seed,
            "dilation": self.dilation,
        }

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> Self:
        """Read plain data.

        Raises:
            ConfigError: It says something unknown or impossible.
        """
        seed = data.get("seed", 0)
        if type(seed) is not int or not 0 <= seed < 1 << 63:
            message = f"impairments: seed is {seed!r}; give an integer from 0 on"
            raise ConfigError(message)
        by = data.get("dilation", 1.0)
        if type(by) not in (int, float) or not 1 <= by <= MOST_DILATION:
            message = (
                f"impairments: dilation is {by!r}; give a number from 1 to "
                f"{MOST_DILATION}"
            )
            raise ConfigError(message)
        return cls(_rules("link", data), _rules("worker", data), seed, float(by))

    def check_names(self, partitions: Sequence[str]) -> None:
        """Refuse rules that name no partition: they would do nothing, unnoticed.

        Raises:
            ConfigError: A name matches neither a partition, a layer nor the client.
        """
        known = (*partitions, "client")
        for kind, rules in (("link", self.links), ("worker", self.workers)):
            patterns = [
                rule[key] for rule in rules for key in WHERE[kind] if key in rule
            ]
            for pattern in patterns:
                if pattern.startswith(HOST):
                    continue
                if not any(_matches(pattern, name, {}) for name in known):
                    names = ", ".join(partitions)
                    message = (
                        f"impairments: {pattern} is none of the partitions {names}"
                    )
                    raise ConfigError(message)

    def link(
        self, source: str, destination: str, hosts: Mapping[str, str]
    ) -> LinkImpairment | None:
        """Return what hinders a link, or None.

        Args:
            source: Partition, or ``client``.
            destination: Likewise.
            hosts: By partition and ``client``, where known.
        """
        fields: dict[str, Any] = {}
        for rule in self.links:
            ends = ((rule.get("from"), source), (rule.get("to"), destination))
            if all(_matches(pattern, name, hosts) for pattern, name in ends):
                fields |= rule
        made = _made(LinkImpairment, fields)
        return made.dilated(self.dilation) if made is not None else None

    def worker(
        self, partition: str, hosts: Mapping[str, str]
    ) -> WorkerImpairment | None:
        """Return what slows a worker down, or None."""
        fields: dict[str, Any] = {}
        for rule in self.workers:
            if _matches(rule.get("partition"), partition, hosts):
                fields |= rule
        made = _made(WorkerImpairment, fields)
        if self.dilation > 1:
            return (made or WorkerImpairment()).dilated(self.dilation)
        return made


def _rules(kind: str, data: Mapping[str, Any]) -> tuple[Rule, ...]:
    rules = data.get(kind, ())
    if not isinstance(rules, Sequence) or not all(
        isinstance(r, Mapping) for r in rules
    ):
        message = f"impairments: write each rule as [[{kind}]]"
        raise ConfigError(message)
    return tuple(
        check_rule(kind, rule, f"impairments: {kind} {k}")
        for k, rule in enumerate(rules, 1)
    )


def _matches(pattern: str | None, name: str, hosts: Mapping[str, str]) -> bool:
    if pattern is None:
        return True
    if pattern.startswith(HOST):
        return fnmatchcase(hosts.get(name, ""), pattern.removeprefix(HOST))
    return fnmatchcase(name, pattern) or name.rpartition(".")[0] == pattern


def _made(kind: type[Kind], fields: Mapping[str, Any]) -> Kind | None:
    known = {f.name for f in dataclasses.fields(kind)} - OWN
    made = kind(**{k: v for k, v in fields.items() if k in known})
    return made if made.matters else None


def load_impairments(path: str | Path) -> dict[str, Any]:
    """Read a TOML file of rules; returns what `Impairments.from_wire` takes.

    Raises:
        ConfigError: It cannot be read, or says something unknown.
    """
    data = read_toml(path, "impairments")
    if unknown := sorted(set(data) - {*KINDS, "seed"}):
        message = (
            f"impairments {path}: unknown {unknown[0]!r}; known are link, worker, seed"
        )
        raise ConfigError(message)
    try:
        Impairments.from_wire(data)
    except ConfigError as error:
        message = f"{path}: {error}"
        raise ConfigError(message) from error
    return data
