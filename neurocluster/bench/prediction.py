"""Predict clusters that are not there, with a band for every parameter.

Every case is simulated as it is, and with each parameter of the costs halved and
doubled, one at a time. The band is the least and the greatest of all of them.
"""

from __future__ import annotations

import itertools
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import numpy as np

from neurocluster.bench.observed import WARM
from neurocluster.bench.validation import flat, simulated
from neurocluster.config import RunConfig
from neurocluster.data.idx import load_dataset
from neurocluster.errors import ConfigError
from neurocluster.member.rounds import CLOCKED
from neurocluster.simulate.clock import BARRIERS, CENTRAL, FREE
from neurocluster.simulate.costs import Cost, Costs
from neurocluster.simulate.site import Site
from neurocluster.simulate.summary import mean_shares

PARAMETERS: Final = {
    "packets": ("receive", "send", "io"),
    "kernels": ("layers",),
    "turns": ("wake", "io_wake"),
    "waking": ("late", "io_late"),
    "barrier": ("clock_hear", "clock_tell", "barrier_hear", "barrier_tell"),
    "wire": ("wire", "network"),
}  # fmt: skip
"""Costs that are halved and doubled together; with the wire's its time is, too."""
AS_IT_IS: Final = ("", 1.0)
QUANTITIES: Final = (
    "frames_per_second", "frames_per_second_bound", "latency_p50_us",
    "latency_bound_us", "slowest", "barrier", "waiting",
)  # fmt: skip
RUN_COLUMNS: Final = (
    "case", "wire_us", "parameter", "factor", *QUANTITIES, "busiest", "seconds",
)  # fmt: skip
WORDS: Final = ("case", "parameter", "busiest")
"""Those of RUN_COLUMNS that are text."""
Key = tuple[str, float, str, float]


@dataclass(frozen=True, slots=True)
class Task:
    """One simulation.

    Attributes:
        case: Name.
        settings: Of a run.
        barrier: Of its clock; empty without one.
        wire_us: Between hosts.
        parameter: That is changed, or empty.
        factor: By which.
    """

    case: str
    settings: Mapping[str, Any]
    barrier: str
    wire_us: float
    parameter: str
    factor: float

    @property
    def key(self) -> Key:
        """Return what tells it from all others."""
        return self.case, self.wire_us, self.parameter, self.factor


def key_of(line: Mapping[str, Any]) -> Key:
    """Return which task a line of `RUN_COLUMNS` is of."""
    return line["case"], line["wire_us"], line["parameter"], line["factor"]


@dataclass(frozen=True, slots=True)
class File:
    """What a file says.

    Attributes:
        frames: Of each simulation.
        site: Without the wire.
        copies: Of the plan.
        tasks: All simulations.
    """

    frames: int
    site: Site
    copies: int
    tasks: tuple[Task, ...]


def read_file(path: Path) -> File:
    """Read a file of cases.

    Raises:
        ConfigError: It cannot be read, or something is missing or wrong.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        names = ("frames", "copies", "hosts", "cores")
        frames, copies, hosts, cores = (_whole(data, name) for name in names)
        wires = [float(wire) for wire in data.pop("wire_us")]
        shared, cases = dict(data.pop("settings", {})), list(data.pop("case"))
        named = [(str(case.pop("name")), dict(case)) for case in cases]
    except OSError as error:
        message = f"cannot read {path}: {error.strerror}"
        raise ConfigError(message) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = f"{path}: {error} is missing or wrong"
        raise ConfigError(message) from error
    if data:
        message = f"{path}: unknown key {next(iter(data))!r}"
        raise ConfigError(message)
    if len({name for name, _ in named}) < len(named) or not named or not wires:
        message = f"{path}: give wire_us, and [[case]]s of different names"
        raise ConfigError(message)
    base = Site(hosts, cores)
    tasks = [task for name, own in named for task in _tasks(name, {**shared, **own})]
    # What is not varied first: it is of use however far the rest comes.
    tasks.sort(key=lambda task: bool(task.parameter))
    all_of_them = [replace(task, wire_us=us) for task in tasks for us in wires]
    return File(frames, base, copies, tuple(all_of_them))


def _whole(data: dict[str, Any], name: str) -> int:
    value = data.pop(name)
    if type(value) is not int or value < 1:
        message = f"{name} = {value!r}"
        raise ValueError(message)
    return value


def _tasks(name: str, settings: dict[str, Any]) -> list[Task]:
    """Return the simulations of a case, without their time on the wire.

    Raises:
        ConfigError: A setting is wrong.
    """
    barrier = settings.pop("barrier", "")
    config = RunConfig().replace(**settings)
    if config.clock in CLOCKED:
        barrier = barrier or CENTRAL
    if barrier not in ("", *BARRIERS):
        message = f"case {name!r}: barrier {barrier!r} is none of {', '.join(BARRIERS)}"
        raise ConfigError(message)
    priced = [p for p in PARAMETERS if p != "barrier" or barrier not in ("", FREE)]
    return [
        Task(name, settings, barrier, 0.0, *varied)
        for varied in (AS_IT_IS, *itertools.product(priced, (0.5, 2.0)))
    ]


def scaled(costs: Costs, parameter: str, factor: float) -> Costs:
    """Return costs of which one parameter is so many times what it was."""
    changes: dict[str, Any] = {}
    for name in PARAMETERS.get(parameter, ()):
        value = getattr(costs, name)
        if isinstance(value, Cost):
            changes[name] = _times(value, factor)
        else:
            changes[name] = {key: _times(c, factor) for key, c in value.items()}
    return costs.replace(**changes)


def _times(cost: Cost, factor: float) -> Cost:
    return replace(cost, terms={k: v * factor for k, v in cost.terms.items()})


def simulate(task: Task, file: File, costs: Costs) -> dict[str, Any]:
    """Return a line of `RUN_COLUMNS`."""
    begin = time.monotonic()
    config = RunConfig().replace(**task.settings)
    stretched = task.factor if task.parameter == "wire" else 1.0
    site = replace(file.site, wire_ns=round(task.wire_us * stretched * 1000))
    images = flat(load_dataset(config.data).images, file.frames)
    outcome = simulated(
        config, scaled(costs, task.parameter, task.factor), images, site,
        copies=file.copies, barrier=task.barrier,
    )  # fmt: skip
    rows = outcome.frames.rows
    warm = rows[len(rows) // WARM :]
    latency = (warm["done_ns"] - warm["started_ns"]) / 1e3
    share = mean_shares(outcome)
    rate = (len(warm) - 1) / (float(np.ptp(warm["done_ns"])) / 1e9)
    return {
        "case": task.case, "wire_us": task.wire_us, "parameter": task.parameter,
        "factor": task.factor, "frames_per_second": rate,
        "frames_per_second_bound": outcome.busiest.per_second,
        "latency_p50_us": float(np.median(latency)),
        "latency_bound_us": float(np.median(outcome.bound_ns)) / 1e3,
        "slowest": share["slowest"], "barrier": share["barrier"],
        "waiting": 1 - share["work"] - share["cpu"],
        "busiest": outcome.busiest.name, "seconds": time.monotonic() - begin,
    }  # fmt: skip


Line = Mapping[str, Any]


def band(
    runs: Sequence[Line], value: Callable[[Line], float]
) -> tuple[float, float, float]:
    """Return the value as it is, the least and the greatest of all runs."""
    middle = next(value(r) for r in runs if (r["parameter"], r["factor"]) == AS_IT_IS)
    values = [value(run) for run in runs]
    return middle, min(values), max(values)


def lines_of(file: File, runs: Sequence[Line]) -> list[dict[str, Any]]:
    """Return every quantity of each case and wire, and ratios to the first case.

    A ratio's band is of runs with the same parameter; what is no parameter of the first
    case is compared with that as it is.
    """
    first, lines = file.tasks[0].case, []
    wires = dict.fromkeys(task.wire_us for task in file.tasks)
    cases = dict.fromkeys(task.case for task in file.tasks)
    for wire, case in itertools.product(wires, cases):
        own = [r for r in runs if (r["case"], r["wire_us"]) == (case, wire)]
        base = {
            (r["parameter"], r["factor"]): r["frames_per_second"]
            for r in runs
            if (r["case"], r["wire_us"]) == (first, wire)
        }
        found = {name: band(own, itemgetter(name)) for name in QUANTITIES}

        def gain(run: Line, base: Mapping[Any, float] = base) -> float:
            key = (run["parameter"], run["factor"])
            return base.get(key, base[AS_IT_IS]) / float(run["frames_per_second"])

        if case != first:
            found[f"{first} / this"] = band(own, gain)
        busiest = next(r["busiest"] for r in own if not r["parameter"])
        lines += [
            {
                "case": case, "wire_us": wire, "quantity": name, "predicted": middle,
                "low": low, "high": high, "busiest": busiest,
            }
            for name, (middle, low, high) in found.items()
        ]  # fmt: skip
    return lines
