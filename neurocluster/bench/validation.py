"""Hold the simulation against real runs in cells that its costs were not fitted on.

A cell is some settings of a run. It is predicted from costs of two and three workers,
and run for real; throughput, median latency, packets a frame and the share of time that
workers wait are compared.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np

from neurocluster.bench.observed import WARM, Observed, Ran, observe
from neurocluster.bench.processes import core_count
from neurocluster.config import RunConfig
from neurocluster.dtypes import CLIENT, U8, Records
from neurocluster.errors import ConfigError
from neurocluster.metrics.agreement import error_of, is_near
from neurocluster.model.convert import convert
from neurocluster.model.load import load_network
from neurocluster.model.partition import make_plan
from neurocluster.model.split import parse_splits
from neurocluster.simulate.costs import Costs
from neurocluster.simulate.outcome import Outcome
from neurocluster.simulate.site import Site
from neurocluster.simulate.study import study_of
from neurocluster.simulate.summary import mean_shares

JUDGED: Final = ("frames_per_second", "latency_p50_us", "packets", "waiting")
QUANTITIES: Final = (*JUDGED, "latency_p99_us", "work_us")
"""The last ones are shown beside the others, and not judged."""
COLUMNS: Final = (
    "cell", "quantity", "measured", "measured_low", "measured_high", "predicted",
    "runs", "error", "judged",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cell:
    """Some settings.

    Attributes:
        name: What is different from other cells.
        settings: Of a run.
    """

    name: str
    settings: Mapping[str, Any]

    def config(self, base: RunConfig) -> RunConfig:
        """Return all settings of a run."""
        return base.replace(**self.settings, compare=False)


@dataclass(frozen=True, slots=True)
class Grid:
    """What is compared.

    Attributes:
        cells: All.
        frames: Of each run.
        rounds: Runs of each cell.
    """

    cells: tuple[Cell, ...]
    frames: int
    rounds: int


def read_grid(path: Path) -> Grid:
    """Read a grid: ``frames``, ``rounds``, and blocks ``[[cells]]`` of lists.

    Each block stands for every combination of its values.

    Raises:
        ConfigError: It cannot be read, or a setting is wrong.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        message = f"cannot read grid {path}: {error.strerror}"
        raise ConfigError(message) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"grid {path} is no TOML: {error}"
        raise ConfigError(message) from error
    blocks = data.pop("cells", ())
    frames, rounds = data.pop("frames", 0), data.pop("rounds", 0)
    if data or not blocks or not isinstance(blocks, list):
        message = f"grid {path}: give frames, rounds and [[cells]], nothing else"
        raise ConfigError(message)
    if not all(type(n) is int and n > 0 for n in (frames, rounds)):
        message = f"grid {path}: frames and rounds are whole numbers from 1"
        raise ConfigError(message)
    cells = tuple(cell for block in blocks for cell in _block(block))
    for cell in cells:
        cell.config(RunConfig())
    if len({cell.name for cell in cells}) < len(cells):
        message = f"grid {path}: a cell is there twice"
        raise ConfigError(message)
    return Grid(cells, frames, rounds)


def _block(block: Mapping[str, Any]) -> Iterator[Cell]:
    lists = [v if isinstance(v, list) else [v] for v in block.values()]
    for values in itertools.product(*lists):
        settings = dict(zip(block, values, strict=True))
        parts = (f"{k}={'none' if v == '' else v}" for k, v in settings.items())
        name = " ".join(parts)
        yield Cell(name, settings)


def simulated(
    config: RunConfig, costs: Costs, images: U8, site: Site, *, copies: int = 1,
    barrier: str = "",
) -> Outcome:  # fmt: skip
    """Simulate a run of these settings on images, (frames, pixels)."""
    fixed = convert(
        load_network(config.network), config.threshold or None, config.offset
    )
    plan = make_plan(fixed.graph, parse_splits(config.split))
    study = study_of(config, fixed, plan, site, costs, copies=copies, barrier=barrier)
    return study.run(images, np.arange(len(images)))


def predicted(config: RunConfig, costs: Costs, images: U8) -> dict[str, float]:
    """Return what the simulation says of a run; the quantities, and the clock's."""
    outcome = simulated(config, costs, images, Site(1, core_count()))
    share = mean_shares(outcome)
    workers = sum(line["partition"] != CLIENT for line in outcome.workers)
    work = share["work"] * outcome.duration_ns * workers
    return {
        **_of_rows(outcome.frames.rows[len(images) // WARM :]),
        "packets": sum(line["packets"] for line in outcome.links) / len(images),
        "waiting": 1 - share["work"] - share["cpu"],
        "work_us": work / len(images) / 1e3,
        "rounds": outcome.barrier.get("rounds", 0) / len(images),
    }


def measured(config: RunConfig, images: U8) -> dict[str, float]:
    """Return what a real cluster did.

    Raises:
        ClusterError: It failed.
    """
    return of_observed(observe(config, images))


def of_observed(run: Observed) -> dict[str, float]:
    """Return the quantities of a real run."""

    def share(each: Ran) -> float:
        return (each.cpu + each.delay) / run.wall_ns

    return {
        **_of_rows(run.rows),
        "packets": run.packets,
        "waiting": 1 - float(np.mean([share(each) for each in run.workers])),
        "work_us": sum(each.cpu for each in run.workers) / run.frames / 1e3,
        "rounds": run.rounds,
    }


def _of_rows(rows: Records) -> dict[str, float]:
    done, latency = rows["done_ns"], (rows["done_ns"] - rows["started_ns"]) / 1e3
    p50, p99 = np.percentile(latency, (50, 99))
    return {
        "frames_per_second": (len(done) - 1) / (float(done[-1] - done[0]) / 1e9),
        "latency_p50_us": float(p50), "latency_p99_us": float(p99),
    }  # fmt: skip


def compare(
    cell: str, said: Mapping[str, float], runs: Sequence[Mapping[str, float]]
) -> list[dict[str, Any]]:
    """Return a line for each quantity of a cell, with COLUMNS.

    Args:
        cell: Its name.
        said: The prediction.
        runs: Real ones, at least one; their median counts.
    """
    lines = []
    for name in QUANTITIES:
        values = [run[name] for run in runs]
        middle = median(values)
        lines.append({
            "cell": cell, "quantity": name, "measured": middle,
            "measured_low": min(values), "measured_high": max(values),
            "predicted": said[name], "runs": len(values),
            "error": error_of(name, said[name], middle), "judged": name in JUDGED,
        })  # fmt: skip
    return lines


def agrees(lines: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether all judged quantities of a cell lie within the limit."""
    return all(is_near(line["error"]) for line in lines if line["judged"])


def flat(images: U8, frames: int) -> U8:
    """Return so many flat images, the first ones again where there are too few."""
    pixels = images.reshape(len(images), -1)
    return np.resize(pixels, (frames, pixels.shape[1]))
