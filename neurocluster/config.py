"""Read settings: TOML files and keyword arguments into one frozen dataclass."""

from __future__ import annotations

import dataclasses
import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from neurocluster.dtypes import STEPPED, BarrierKind, ClockMode, FirePolicy, Quantizer
from neurocluster.errors import ConfigError
from neurocluster.fields import TABLES, check, normal
from neurocluster.impairments import Impairments, load_impairments
from neurocluster.together import check_together
from neurocluster.toml import read_toml


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
        max_linger_us: How long spikes may wait for others to fill their packet.
        hwm: Packets queued at each side of a link.
        memory: Most bytes that all processes may take; None is no limit. Text such as
            ``500M`` is read too.
        out: Folder of the results; None makes one below ``runs/``.
        name: Part of that folder's name.
        deadline_s: How long the cluster may take to be complete.
        recovery_s: How long a run waits for somebody in the place of a lost worker.
        spares: Workers that stand by to take the place of a lost one.
        pin: Bind each worker of this machine to one core, round robin.
        trace: Record so many frames, packet by packet; 0 is none.
        compare: Compare the results with the dense networks and with one process.
        clock: ``none``; ``pipeline``, ``layer``, ``step``, ``step-batch``,
            ``neighbour`` (see `member.rounds`); ``frame``: one frame in flight.
        phases: Of a frame, under a clock that steps through them.
        barrier: How a clock finds that all have done a round: ``central``, through the
            controller, or ``dissemination``, from node to node.
        delay_us: That each packet takes longer on its link.
        jitter_us: Mean of what is added to that.
        jitter: Its distribution; see `impairments.LinkImpairment`.
        rate_mbit: Megabits a second of each link; 0 is no limit.
        loss: Probability that a packet is lost and sent again.
        straggler: By partition: how many times its own time a packet takes there.
        service_us: Mean time that each frame takes longer in each worker.
        service_cv: Its coefficient of variation.
        impair: File of further rules; see `impairments`.
        seed: Of everything random in these.
        order_seed: Of the order in which workers handle packets of their links; None:
            as they arrive.
        dilation: How many times as long all times are: workers sleep for it.
        tu: Unit of time in s in which each frame's input is played; None sends it as
            fast as links take it.
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
    max_linger_us: float = 0.0
    hwm: int = 16
    memory: int | None = None
    out: str | None = None
    name: str = "run"
    deadline_s: float = 30.0
    recovery_s: float = 30.0
    spares: int = 0
    pin: bool = False
    trace: int = 0
    compare: bool = True
    clock: ClockMode = "none"
    barrier: BarrierKind = "central"
    phases: int = 8
    delay_us: float = 0.0
    jitter_us: float = 0.0
    jitter: str = "exponential"
    rate_mbit: float = 0.0
    loss: float = 0.0
    straggler: Mapping[str, str] = field(default_factory=dict)
    service_us: float = 0.0
    service_cv: float = 0.0
    impair: str | None = None
    seed: int = 0
    order_seed: int | None = None
    dilation: float = 1.0
    tu: float | None = None

    def replace(self, **settings: Any) -> Self:
        """Return a copy with some settings replaced, all checked.

        Raises:
            ConfigError: A setting is unknown or wrong.
        """
        known = {f.name for f in dataclasses.fields(self)}
        for key in settings:
            if key not in known:
                raise ConfigError(unknown_key(key, known, "settings"))
        values = {k: normal(k, v) for k, v in settings.items()}
        made = dataclasses.replace(self, **values)
        check(made)
        check_together(made)
        return made

    @property
    def phases_of_frame(self) -> int:
        """Return the phases of a frame under the clock that is set."""
        return self.phases if self.clock in STEPPED else 1

    def impairments(self) -> Impairments:
        """Return what hinders links and workers, the file's rules last.

        Raises:
            ConfigError: The file cannot be read, or says something unknown.
        """
        names = ("delay_us", "jitter_us", "jitter", "rate_mbit", "loss")
        link = {name: getattr(self, name) for name in names}
        worker = {"service_us": self.service_us, "service_cv": self.service_cv}
        slow = [
            {"partition": name, "slow": float(factor)}
            for name, factor in self.straggler.items()
        ]
        data = load_impairments(self.impair) if self.impair is not None else {}
        hindered = self.delay_us or self.jitter_us or self.rate_mbit or self.loss
        return Impairments.from_wire(
            {
                "link": [*([link] if hindered else []), *data.get("link", ())],
                "worker": [
                    *([worker] if self.service_us else []), *slow,
                    *data.get("worker", ()),
                ],
                "seed": data.get("seed", self.seed),
                "dilation": self.dilation,
            }
        )  # fmt: skip

    def cluster_options(self) -> dict[str, str]:
        """Return what a controller needs, as text.

        Raises:
            ConfigError: See `impairments`.
        """
        return {
            "network": self.network or "",
            "threshold": json.dumps(self.threshold),
            "quantizer": self.quantizer,
            "fire": self.fire,
            "offset": repr(self.offset),
            "split": json.dumps(dict(self.split)),
            "window": str(1 if self.clock == "frame" else self.window),
            "clock": self.clock,
            "barrier": self.barrier,
            "trace": str(self.trace),
            "phases": str(self.phases_of_frame),
            "max_spikes": str(self.max_spikes),
            "hwm": str(self.hwm),
            "max_linger_us": repr(self.max_linger_us),
            "impair": json.dumps(self.impairments().to_wire()),
            "order_seed": json.dumps(self.order_seed),
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
    values = read_toml(path, "config")
    try:
        return RunConfig().replace(**values)
    except ConfigError as error:
        message = f"config {path}: {str(error).removeprefix('settings: ')}"
        raise ConfigError(message) from error
