"""Predict clusters that are not there, with a band for every parameter.

    FILE=configs/simulation/thousand.toml
    python -m tools.predict $FILE --costs costs.json --out thousand

Every case is simulated at each time on the wire, as it is and with each parameter
halved and doubled, one at a time: work for packets, kernels, turns, the time that idle
cores take to begin, the barrier's messages, the way between hosts. The band is the
least and the greatest of all of them; of ratios to the first case, those of runs with
the same parameter. Beside each prediction stand the bounds: of throughput by the
busiest resource, of latency by the critical path. No prediction is better than the
validation of its costs (`tools.validate_simulation`).

What is done is kept in the folder after each run: the same command goes on where it
was. It leaves `runs.csv` and `prediction.csv`, a line a case and quantity.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import sys
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import numpy as np

from neurocluster.bench.validation import flat
from neurocluster.config import RunConfig
from neurocluster.data.idx import load_dataset
from neurocluster.errors import ConfigError, NeuroclusterError
from neurocluster.launch.warm import warm_engines
from neurocluster.model.convert import convert
from neurocluster.model.load import load_network
from neurocluster.model.partition import make_plan
from neurocluster.model.split import parse_splits
from neurocluster.simulate.costs import Cost, Costs, read_costs
from neurocluster.simulate.site import Site
from neurocluster.simulate.study import study_of
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
WARM: Final = 10
QUANTITIES: Final = (
    "frames_per_second", "frames_per_second_bound", "latency_p50_us",
    "latency_bound_us", "slowest", "barrier", "waiting",
)  # fmt: skip
RUN_COLUMNS: Final = (
    "case", "wire_us", "parameter", "factor", *QUANTITIES, "busiest", "seconds",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Task:
    """One simulation.

    Attributes:
        case: Name.
        settings: Of a run.
        barrier: Of its clock.
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
    def key(self) -> tuple[str, float, str, float]:
        """Return what tells it from all others."""
        return self.case, self.wire_us, self.parameter, self.factor


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
        frames, copies, hosts, cores = (int(data.pop(name)) for name in names)
        wires = [float(wire) for wire in data.pop("wire_us")]
        shared, cases = data.pop("settings", {}), data.pop("case")
    except OSError as error:
        message = f"cannot read {path}: {error.strerror}"
        raise ConfigError(message) from error
    except (KeyError, TypeError, ValueError) as error:
        message = f"{path}: {error} is missing or wrong"
        raise ConfigError(message) from error
    if data:
        message = f"{path}: unknown key {next(iter(data))!r}"
        raise ConfigError(message)
    varied = [AS_IT_IS, *itertools.product(PARAMETERS, (0.5, 2.0))]
    tasks = []
    for (name, factor), wire, case in itertools.product(varied, wires, cases):
        own = {k: v for k, v in case.items() if k not in ("name", "barrier")}
        barrier = case.get("barrier", "central")
        priced = own.get("clock", "none") != "none" and barrier != "free"
        if name != "barrier" or priced:
            settings = {**shared, **own}
            RunConfig().replace(**settings)
            tasks.append(Task(case["name"], settings, barrier, wire, name, factor))
    return File(frames, Site(hosts, cores), copies, tuple(tasks))


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
    """Return a line of runs.csv."""
    begin = time.monotonic()
    config = RunConfig().replace(**task.settings)
    fixed = convert(
        load_network(config.network), config.threshold or None, config.offset
    )
    plan = make_plan(fixed.graph, parse_splits(config.split))
    stretched = task.factor if task.parameter == "wire" else 1.0
    site = replace(file.site, wire_ns=round(task.wire_us * stretched * 1000))
    study = study_of(
        config, fixed, plan, site, scaled(costs, task.parameter, task.factor),
        copies=file.copies, barrier=task.barrier,
    )  # fmt: skip
    images = flat(load_dataset(config.data).images, file.frames)
    outcome = study.run(images, np.arange(file.frames))
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


def read_runs(path: Path) -> list[dict[str, Any]]:
    """Return what was simulated before."""
    if not path.exists():
        return []
    words = ("case", "parameter", "busiest")
    with path.open(newline="", encoding="utf-8") as file:
        return [
            {k: v if k in words else float(v) for k, v in line.items()}
            for line in csv.DictReader(file)
        ]


def run_all(file: File, costs: Costs, path: Path, jobs: int) -> list[dict[str, Any]]:
    """Simulate what is left; return all runs."""
    runs = read_runs(path)
    done = {(r["case"], r["wire_us"], r["parameter"], r["factor"]) for r in runs}
    left = [task for task in file.tasks if task.key not in done]
    begin = time.monotonic()
    with ProcessPoolExecutor(jobs) as pool, path.open("a", newline="") as out:
        writer = csv.DictWriter(out, RUN_COLUMNS)
        if not runs:
            writer.writeheader()
        futures = [pool.submit(simulate, task, file, costs) for task in left]
        for count, future in enumerate(as_completed(futures), 1):
            line = future.result()
            writer.writerow(line)
            out.flush()
            runs.append(line)
            wait = (time.monotonic() - begin) / count * (len(left) - count)
            which = f"{line['parameter'] or 'as it is'} x {line['factor']:g}"
            print(
                f"{count}/{len(left)}, {wait:.0f} s left: {line['case']}, "
                f"{line['wire_us']:g} us, {which}: {line['frames_per_second']:,.0f}/s",
                file=sys.stderr, flush=True,
            )  # fmt: skip
    return runs


def band(
    runs: Sequence[Mapping[str, Any]], value: Callable[[Mapping[str, Any]], float]
) -> tuple[float, float, float]:
    """Return the value as it is, the least and the greatest of all runs."""
    middle = next(value(r) for r in runs if (r["parameter"], r["factor"]) == AS_IT_IS)
    values = [value(run) for run in runs]
    return middle, min(values), max(values)


def lines_of(file: File, runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return lines of prediction.csv: every quantity, and ratios to the first case."""
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

        def gain(run: Mapping[str, Any], base: Mapping[Any, float] = base) -> float:
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


def main() -> int:
    """Simulate all cases; print them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--costs", type=Path, default=Path("costs.json"))
    parser.add_argument("--out", type=Path, default=Path("prediction"))
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    given = parser.parse_args()
    try:
        file, costs = read_file(given.file), read_costs(given.costs)
        warm_engines()
        given.out.mkdir(parents=True, exist_ok=True)
        runs = run_all(file, costs, given.out / "runs.csv", given.jobs)
    except NeuroclusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    lines = lines_of(file, runs)
    path = given.out / "prediction.csv"
    with path.open("w", newline="", encoding="utf-8") as out:
        writer = csv.DictWriter(out, lines[0])
        writer.writeheader()
        writer.writerows(lines)
    print(f"{file.copies} copies on {file.site.hosts} hosts of {file.site.cores} cores")
    print("case, us on the wire, quantity: predicted (least to greatest of the band)")
    for line in lines:
        form = ",.0f" if abs(line["predicted"]) >= 100 else ".3g"
        low, high = f"{line['low']:{form}}", f"{line['high']:{form}}"
        print(
            f"{line['case']:<28}{line['wire_us']:>7,.0f}  {line['quantity']:<26}"
            f"{line['predicted']:>12{form}}  ({low} to {high})"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
