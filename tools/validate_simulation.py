"""Hold the simulation against real runs on a grid that its costs were not fitted on.

    python -m tools.validate_simulation --costs costs.json --rounds 3 --out grid.json

The costs are those of clusters of two and three workers (`neurocluster bench --costs`).
Each cell, a cut, a packing and a window, is predicted first; then all cells run for
real, in rounds, every second one in the opposite order, and medians of the rounds are
compared with the predictions. A cell agrees if throughput, median latency and packets
lie within 15 % of the real ones, and the mean share of time that workers waited for
input or a link within 15 points. All cells are printed, whether they agree or not. The
work of the workers' main threads is not judged: it tells how far costs are right even
where other programs have the cores.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
import uvloop

from neurocluster.bench.environment import environment
from neurocluster.bench.processes import core_count
from neurocluster.cluster.local import LocalCluster
from neurocluster.config import RunConfig
from neurocluster.data.idx import load_dataset
from neurocluster.dtypes import CLIENT, U8, Records
from neurocluster.errors import NeuroclusterError
from neurocluster.launch.spawn import spawn_template
from neurocluster.model.convert import convert
from neurocluster.model.load import load_network
from neurocluster.model.partition import make_plan
from neurocluster.model.split import parse_splits
from neurocluster.simulate.costs import Costs, read_costs
from neurocluster.simulate.site import Site
from neurocluster.simulate.study import study_of
from neurocluster.simulate.summary import mean_shares

SPLITS: Final = (
    "", "fc1=neurons:2", "conv1=rows:2,fc1=neurons:2",
    "conv1=rows:4,conv2=channels:2,fc1=neurons:2",
)  # fmt: skip
PACKINGS: Final = (32, 128, 512)
WINDOWS: Final = (1, 4, 16, 64)
WITHIN: Final = 0.15
WARM: Final = 10
"""One frame of so many, at the start, is left out."""
PACKETS: Final = 3
"""Place in a row of a report's outbound links."""
QUANTITIES: Final = ("frames_per_second", "latency_p50_us", "packets", "waiting")
SHOWN: Final = (*QUANTITIES, "work_us")


@dataclass(frozen=True, slots=True)
class Cell:
    """One setting of the grid."""

    split: str
    max_spikes: int
    window: int

    def config(self) -> RunConfig:
        """Return the settings of a run."""
        return RunConfig().replace(
            split=self.split, max_spikes=self.max_spikes, window=self.window
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """What is compared: of frames after the warm-up; packets and work of one frame."""

    frames_per_second: float
    latency_p50_us: float
    packets: float
    waiting: float
    work_us: float

    def agrees(self, real: Figures) -> dict[str, bool]:
        """Tell which quantities agree with the real ones."""
        found = {
            name: abs(getattr(self, name) / getattr(real, name) - 1) <= WITHIN
            for name in QUANTITIES[:-1]
        }
        return found | {"waiting": abs(self.waiting - real.waiting) <= WITHIN}


def of_rows(rows: Records, packets: float, waiting: float, work: float) -> Figures:
    """Return the figures of finished frames."""
    rows = rows[len(rows) // WARM :]
    done, latency = rows["done_ns"], rows["done_ns"] - rows["started_ns"]
    rate = (len(done) - 1) / (float(done[-1] - done[0]) / 1e9)
    return Figures(rate, float(np.median(latency)) / 1e3, packets, waiting, work)


def predict(cell: Cell, costs: Costs, images: U8) -> Figures:
    """Return what the simulation says."""
    config = cell.config()
    graph = load_network(config.network)
    plan = make_plan(graph, parse_splits(config.split))
    fixed, site = convert(graph, None, config.offset), Site(1, core_count())
    outcome = study_of(config, fixed, plan, site, costs).run(
        images, np.arange(len(images))
    )
    packets = sum(line["packets"] for line in outcome.links) / len(images)
    share = mean_shares(outcome)
    workers = len(plan.partitions)
    work = share["work"] * outcome.duration_ns * workers / len(images) / 1e3
    waiting = share["input"] + share["link"]
    return of_rows(outcome.frames.rows, packets, waiting, work)


def scheduled(pids: Sequence[int]) -> Any:
    """Return (processes, 2): CPU time and wait for a core of main threads, ns."""
    texts = [Path(f"/proc/{pid}/task/{pid}/schedstat").read_text() for pid in pids]
    return np.array([[int(word) for word in text.split()[:2]] for text in texts])


async def _stream(cluster: LocalCluster, images: U8) -> Figures:
    chunks, done, begin, begin_ns = [], 0, None, 0
    async with cluster:
        session = cluster.session
        assert session is not None
        workers = [e["pid"] for e in session.roster if e["partition"] != CLIENT]
        session.submit(images)
        async for chunk in session.chunks():
            chunks.append(chunk)
            done += len(chunk.frames)
            if begin is None and done >= len(images) // WARM:
                begin, begin_ns = scheduled(workers), int(chunk.rows["done_ns"][-1])
        spent = scheduled(workers) - begin
        await session.close()
        if session.failure is not None:
            raise session.failure
        reports = session.reports
    rows = np.concatenate([chunk.rows for chunk in chunks])
    wall = float(rows["done_ns"][-1] - begin_ns)
    packets = sum(row[PACKETS] for r in reports for row in r["outbound"]) / len(rows)
    waiting = 1 - float((spent.sum(1) / wall).mean())
    frames = int((rows["done_ns"] > begin_ns).sum())
    work = float(spent[:, 0].sum()) / frames / 1e3
    return of_rows(rows, packets, waiting, work)


def run(cell: Cell, images: U8) -> Figures:
    """Return what a real cluster does."""
    template = spawn_template()
    try:
        cluster = LocalCluster(cell.config(), template=template)
        return uvloop.run(_stream(cluster, images))
    finally:
        template.discard()


def medians(rounds: Sequence[Figures]) -> Figures:
    """Return the median of each quantity."""
    return Figures(*(median(getattr(r, name) for r in rounds) for name in SHOWN))


def show(cell: Cell, predicted: Figures, real: Figures) -> str:
    """Return a line: predicted / real, with a mark where they do not agree."""
    agrees = predicted.agrees(real)
    parts = [f"{cell.split or 'chain':<46}{cell.max_spikes:>5}{cell.window:>4}"]
    forms = (",.0f", ",.0f", ".1f", ".2f", ",.0f")
    for name, form in zip(SHOWN, forms, strict=True):
        a, b = getattr(predicted, name), getattr(real, name)
        mark = "" if agrees.get(name, True) else " *"
        parts.append(f"{a:{form}} / {b:{form}}{mark}".rjust(20))
    return "".join(parts)


def main() -> int:
    """Predict, run and compare the grid; return 0 if 9 of 10 cells agree."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--costs", type=Path, default=Path("costs.json"))
    parser.add_argument("--frames", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--every", type=int, default=1, help="only each N-th cell")
    parser.add_argument("--out", type=Path, help="JSON file of all figures")
    given = parser.parse_args()
    costs, data = read_costs(given.costs), load_dataset(None)
    flat = data.images.reshape(len(data), -1)
    images = np.resize(flat, (given.frames, flat.shape[1]))
    cells = [Cell(*values) for values in product(SPLITS, PACKINGS, WINDOWS)]
    cells = cells[:: given.every]
    predicted = {cell: predict(cell, costs, images) for cell in cells}
    real: dict[Cell, list[Figures]] = {cell: [] for cell in cells}
    for number in range(given.rounds):
        for place, cell in enumerate(cells[:: -1 if number % 2 else 1]):
            print(f"round {number + 1}, cell {place + 1}/{len(cells)}", file=sys.stderr)
            try:
                real[cell].append(run(cell, images))
            except NeuroclusterError as error:
                print(f"{cell}: {error}", file=sys.stderr)
    names = "".join(f"{name:>20}" for name in SHOWN)
    print(f"{'cut, spikes a packet, window':<55}{names}")
    print("predicted / real, * where they do not agree")
    lines, good = [], 0
    for cell in cells:
        if real[cell]:
            measured = medians(real[cell])
            agrees = predicted[cell].agrees(measured)
            good += all(agrees.values())
            print(show(cell, predicted[cell], measured))
            lines.append({**asdict(cell), "predicted": asdict(predicted[cell]),
                          "real": [asdict(r) for r in real[cell]],
                          "agrees": agrees})  # fmt: skip
    print(f"{good} of {len(lines)} cells agree in all four.")
    if given.out is not None:
        text = {"cells": lines, "environment": environment(), "costs": costs.told}
        given.out.write_text(json.dumps(text, indent=1) + "\n")
    return 0 if lines and good >= 0.9 * len(lines) else 1


if __name__ == "__main__":
    sys.exit(main())
