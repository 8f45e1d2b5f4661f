"""Bound the throughput of a cell by what its workers' kernels took.

Frames pass a partition one after the other, so frames/s cannot exceed the rate at which
the busiest one's kernels can follow each other: the critical path of a full pipeline.
Nor can all kernels together take more than the cores have. Messages come on top, so no
schedule, with a clock or without, reaches the bound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from neurocluster.dtypes import CLIENT
from neurocluster.report.experiment import Experiment, Value
from neurocluster.report.files import Line, number, read_lines

RUNS: Final = "runs"
DONE: Final = "done"


def of_workers(workers: Sequence[Line], cores: int | None) -> float | None:
    """Return most frames a second of a run; None if its kernels were not timed.

    Args:
        workers: Lines of workers.csv.
        cores: That they shared; None if unknown.
    """
    spent = []
    for line in workers:
        kernel, frames = number(line, "kernel_ns"), number(line, "frames")
        if line.get("partition") != CLIENT and kernel and frames:
            spent.append(kernel / frames)
    if not spent:
        return None
    alone = 1e9 / max(spent)
    return alone if cores is None else min(alone, cores * 1e9 / sum(spent))


def bound(e: Experiment, settings: Mapping[str, Value]) -> float | None:
    """Return most frames a second of a cell: the median over its runs.

    Raises:
        DataError: A run's table is damaged.
    """
    found = []
    for line in e.results:
        mine = all(line.get(name) == value for name, value in settings.items())
        run = number(line, "run")
        if mine and run is not None and line.get("status") == DONE:
            value = of_workers(_workers(e.path, int(run)), e.cores)
            if value is not None:
                found.append(value)
    return median(found) if found else None


def _workers(path: Path, run: int) -> list[Line]:
    return read_lines(path / RUNS / f"{run:03}" / "workers.csv")
