"""Hold the simulation against real runs on a grid that its costs were not fitted on.

    neurocluster bench --costs costs.json
    python -m tools.validate_simulation --costs costs.json --out validation

The costs are those of clusters of two and three workers. Each cell of the grid (default
`configs/simulation/held-out.toml`) is predicted first; then all cells run for real, in
rounds, every second one in the opposite order. A cell agrees if throughput, median
latency and packets lie within 15 % of the median of the real runs, and the mean share
of time that workers waited within 15 points. All cells are printed, whether they agree
or not. The latency's 99th percentile and the work of the workers' main threads are
shown and not judged; the work tells how far costs are right even where other programs
have the cores.

What is measured is kept in the folder after each run: the same command goes on where it
was. It leaves `comparison.csv`, a line a cell and quantity, and `validation.json`.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from neurocluster.bench.environment import environment
from neurocluster.bench.kept import Kept
from neurocluster.bench.validation import (
    COLUMNS,
    QUANTITIES,
    Cell,
    Grid,
    agrees,
    compare,
    flat,
    measured,
    predicted,
    read_grid,
)
from neurocluster.config import RunConfig
from neurocluster.data.idx import load_dataset
from neurocluster.errors import NeuroclusterError
from neurocluster.launch.warm import warm_engines
from neurocluster.metrics.agreement import WITHIN
from neurocluster.simulate.costs import Costs, read_costs

GRID: Final = Path("configs/simulation/held-out.toml")
RUN_COLUMNS: Final = ("round", "cell", *QUANTITIES, "rounds", "load_average")
FORMS: Final = {
    "frames_per_second": ",.0f", "latency_p50_us": ",.0f", "packets": ".1f",
    "waiting": ".2f", "latency_p99_us": ",.0f", "work_us": ",.0f",
}  # fmt: skip


def run_all(grid: Grid, images: Any, runs: Kept) -> None:
    """Run what is left of all rounds."""
    done = {(int(run["round"]), run["cell"]) for run in runs.lines}
    total, begin = grid.rounds * len(grid.cells) - len(done), time.monotonic()
    count = 0
    for number in range(1, grid.rounds + 1):
        for cell in grid.cells[:: 1 if number % 2 else -1]:
            if (number, cell.name) in done:
                continue
            left = (time.monotonic() - begin) / count * (total - count) if count else 0
            count += 1
            say = f"run {count}/{total}, {left:.0f} s left: {cell.name}"
            print(say, file=sys.stderr, flush=True)
            try:
                found = measured(cell.config(RunConfig()), images)
            except NeuroclusterError as error:
                print(f"{cell.name}: {error}", file=sys.stderr)
                continue
            runs.add({
                "round": number, "cell": cell.name, **found,
                "load_average": os.getloadavg()[0],
            })  # fmt: skip


def predict_all(
    cells: Sequence[Cell], costs: Costs, images: Any
) -> dict[str, dict[str, float]]:
    """Return what the simulation says of each cell."""
    found = {}
    for place, cell in enumerate(cells, 1):
        begin = time.monotonic()
        found[cell.name] = predicted(cell.config(RunConfig()), costs, images)
        seconds = time.monotonic() - begin
        say = f"predicted {place}/{len(cells)} ({seconds:.1f} s): {cell.name}"
        print(say, file=sys.stderr, flush=True)
    return found


def show(lines: Sequence[Mapping[str, Any]]) -> str:
    """Return a line of a cell: predicted / measured and the error, marked if it is far.

    What is not judged stands in brackets.
    """
    parts = []
    for line in lines:
        form, error = FORMS[line["quantity"]], 100 * line["error"]
        text = f"{line['predicted']:{form}} / {line['measured']:{form}} {error:+.0f}"
        mark = "*" if line["judged"] and not agrees([line]) else " "
        parts.append((f"{text}{mark}" if line["judged"] else f"({text})").rjust(27))
    return "".join(parts)


def main() -> int:
    """Predict, run and compare the grid; return 0 if 9 of 10 cells agree."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("grid", nargs="?", type=Path, default=GRID)
    parser.add_argument("--costs", type=Path, default=Path("costs.json"))
    parser.add_argument("--out", type=Path, default=Path("validation"))
    parser.add_argument("--frames", type=int, help="of each run; default the grid's")
    parser.add_argument("--rounds", type=int, help="default the grid's")
    parser.add_argument("--every", type=int, default=1, help="only each N-th cell")
    given = parser.parse_args()
    try:
        return validate(given)
    except (NeuroclusterError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on where it was", file=sys.stderr)
        return 130


def validate(given: argparse.Namespace) -> int:
    """Do what arguments say."""
    found = read_grid(given.grid)
    grid = Grid(
        found.cells[:: given.every], given.frames or found.frames,
        given.rounds or found.rounds,
    )  # fmt: skip
    costs, data = read_costs(given.costs), load_dataset(None)
    images = flat(data.images, grid.frames)
    inputs = {"frames": grid.frames, "cells": [cell.name for cell in grid.cells]}
    runs = Kept(given.out / "runs.csv", RUN_COLUMNS, ("cell",), inputs)
    warm_engines()
    said = predict_all(grid.cells, costs, images)
    run_all(grid, images, runs)
    lines, good, cells = [], 0, 0
    width = max(len(cell.name) for cell in grid.cells)
    head = "".join(name.rjust(27) for name in QUANTITIES)
    print("predicted / measured and error in %, * beyond 15; in brackets: not judged")
    print(f"{'cell':<{width}}{head}")
    for cell in grid.cells:
        own = [run for run in runs.lines if run["cell"] == cell.name]
        if own:
            compared = compare(cell.name, said[cell.name], own)
            print(f"{cell.name:<{width}}{show(compared)}")
            lines += compared
            good, cells = good + agrees(compared), cells + 1
        else:
            print(f"{cell.name:<{width}}no run succeeded")
    with (given.out / "comparison.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(lines)
    text = {
        "grid": str(given.grid), "frames": grid.frames, "cells": cells, "agree": good,
        "within": WITHIN, "lines": lines, "environment": environment(),
        "costs": costs.told,
    }  # fmt: skip
    (given.out / "validation.json").write_text(json.dumps(text, indent=1) + "\n")
    print(f"{good} of {len(grid.cells)} cells agree in all four.")
    return 0 if good >= 0.9 * len(grid.cells) else 1


if __name__ == "__main__":
    sys.exit(main())
