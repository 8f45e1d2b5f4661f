"""Do `neurocluster simulate`: a cluster in virtual time, from costs to tables."""

from __future__ import annotations

import json as json_
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from neurocluster.cli.exits import EXIT_DONE
from neurocluster.cli.frames import check_images, choose_frames
from neurocluster.cli.progress import REFRESH_S, warm_with_progress
from neurocluster.cli.terminal import paper, terminal
from neurocluster.config import RunConfig
from neurocluster.errors import ConfigError
from neurocluster.impairments import JITTERS, MOST_US
from neurocluster.model.convert import convert
from neurocluster.model.load import load_network
from neurocluster.model.partition import make_plan
from neurocluster.model.split import parse_splits
from neurocluster.results.folder import RunFolder, make_folder
from neurocluster.results.layout import dense_table
from neurocluster.results.tables import FRAME_COLUMNS, frame_rows, write_maps
from neurocluster.simulate.costs import read_costs
from neurocluster.simulate.outcome import COPY_COLUMNS, PROCESS_COLUMNS, Outcome
from neurocluster.simulate.site import MOST_HOSTS, Site
from neurocluster.simulate.study import MOST_PARTITIONS, Told, flat_images, study_of
from neurocluster.simulate.summary import shares, summarise

FRAMES: Final = 1000
"""Simulated where the settings do not say how many."""
SHOWN: Final = 40
"""Lines of a table on the terminal; files have all."""
MOST_CORES: Final = 4096
LEAST: Final = 5e-4
"""Share that is shown; a column without any is left out."""
NAMED: Final = {
    "work": "work", "input": "no input", "outbound": "link full", "sleep": "slowed",
    "slowest": "slowest", "barrier": "barrier", "cpu": "processor", "loop": "loop",
}  # fmt: skip
"""How shares are called in the table."""


@dataclass(frozen=True, slots=True)
class Place:
    """On what a plan is simulated, as options say it.

    Attributes:
        costs: File.
        hosts: That run workers.
        cores: Of each.
        wire_us: Added to each way between hosts, microseconds.
        wire_jitter_us: Added to that at random.
        wire_jitter: Its distribution.
        barrier: Of a clock, see `simulate.clock.BARRIERS`; default the settings'.
        copies: Of the plan, side by side.
        span: See `simulate.site.span_of`.
    """

    costs: Path
    hosts: int = 1
    cores: int = 2
    wire_us: float = 0.0
    wire_jitter_us: float = 0.0
    wire_jitter: str = JITTERS[0]
    barrier: str = ""
    copies: int = 1
    span: int = 0

    def site(self) -> Site:
        """Return the site.

        Raises:
            ConfigError: A number is out of its range.
        """
        for name, most in {
            "hosts": MOST_HOSTS, "cores": MOST_CORES, "copies": MOST_PARTITIONS,
        }.items():  # fmt: skip
            value = getattr(self, name)
            if not 1 <= value <= most:
                message = f"{name}: {value} is out of range; give 1 to {most:,}"
                raise ConfigError(message)
        for name in ("wire_us", "wire_jitter_us"):
            if not 0 <= getattr(self, name) <= MOST_US:
                option, value = name.replace("_", "-"), getattr(self, name)
                message = f"{option}: {value:g} is out of range; give 0 to {MOST_US:g}"
                raise ConfigError(message)
        if self.wire_jitter not in JITTERS:
            kinds = ", ".join(JITTERS)
            message = f"wire-jitter: {self.wire_jitter!r} is none of {kinds}"
            raise ConfigError(message)
        return Site(
            self.hosts, self.cores, round(self.wire_us * 1000),
            round(self.wire_jitter_us * 1000), self.wire_jitter,
        )  # fmt: skip


def simulate_command(
    config: RunConfig, place: Place, *, json: bool, quiet: bool
) -> int:
    """Simulate; write tables and print a report.

    Args:
        config: Settings of a run.
        place: On what.
        json: Print the summary as JSON.
        quiet: Print errors only.

    Raises:
        ConfigError: A setting is wrong, or the file of costs.
        ModelError: The network, its split or its placement is wrong.
    """
    console = terminal(quiet=quiet, json=json)
    site, costs = place.site(), read_costs(place.costs)
    config = config if config.frames is not None else config.replace(frames=FRAMES)
    graph = load_network(config.network)
    data, frames = choose_frames(config)
    check_images(data, graph)
    images = flat_images(data, frames)
    fixed = convert(graph, config.threshold or None, config.offset)
    plan = make_plan(graph, parse_splits(config.split))
    study = study_of(
        config,
        fixed,
        plan,
        site,
        costs,
        copies=place.copies,
        span=place.span,
        barrier=place.barrier,
    )
    with whole_folder(config.out, f"{config.name}-simulated") as folder:
        warm_with_progress(config, fixed, plan, console)
        begin = time.monotonic()
        with telling(console, len(frames)) as told:
            outcome = study.run(images, frames, told)
        summary = summarise(
            study.work, site, outcome, data.labels, copies=place.copies,
            seed=config.seed, costs=str(place.costs), barrier=study.barrier,
        )  # fmt: skip
        summary["seconds"] = time.monotonic() - begin
        _write(folder, config, summary, outcome, data.labels)
    if json:
        print(json_.dumps({"folder": str(folder.path), **summary}))
    elif not quiet:
        print_outcome(paper(), summary, outcome)
        console.print(f"Tables: {folder.path}")
    return EXIT_DONE


@contextmanager
def whole_folder(out: str | None, name: str) -> Iterator[RunFolder]:
    """Make a folder of results; take it away again if nothing comes of it."""
    folder = make_folder(out, name)
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise
    (folder.path / "logs").rmdir()


@contextmanager
def telling(console: Console, frames: int) -> Iterator[Told]:
    """Show how far a simulation is."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}"),
        TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console, refresh_per_second=1 / REFRESH_S) as bar:
        task, said = bar.add_task("frames", total=frames), ""

        def told(what: str, done: int) -> None:
            nonlocal said
            if what != said:
                said = what
                bar.reset(task, description=what)
            bar.update(task, completed=done)

        yield told


def _write(
    folder: RunFolder, config: RunConfig, summary: Mapping[str, Any], outcome: Outcome,
    labels: Any,
) -> None:  # fmt: skip
    outputs = [f"count_{k}" for k in range(outcome.frames.counts.shape[1])]
    columns = (*FRAME_COLUMNS, *outputs, "latency_ns_bound")
    known = labels if summary["copies"] == 1 else None
    rows = frame_rows(outcome.frames, known)
    bounds = outcome.bound_ns.round().astype(np.int64).tolist()
    lines = ([*row, bound] for row, bound in zip(rows, bounds, strict=True))
    folder.write_csv("frames.csv", columns, lines)
    write_maps(folder, "links.csv", COPY_COLUMNS, outcome.links)
    write_maps(folder, "workers.csv", PROCESS_COLUMNS, outcome.workers)
    folder.write_json("summary.json", dict(summary))
    folder.write_text("config.toml", config.to_toml())


def print_outcome(
    console: Console, summary: Mapping[str, Any], outcome: Outcome
) -> None:
    """Print what a simulated run gave."""
    latency, bound = summary["latency_ns"], summary["latency_ns_bound"]
    console.print(
        f"Simulated: {summary['workers']:,} workers on {summary['hosts']} hosts of "
        f"{summary['cores']} cores, {summary['frames']:,} frames"
    )
    table = dense_table("")
    table.add_column("quantity")
    table.add_column("value", justify="right")
    table.add_column("bound", justify="right")
    for name, value, limit in (
        ("frames/s", summary["frames_per_second"], summary["frames_per_second_bound"]),
        ("latency p50, us", latency["p50"] / 1e3, bound["p50"] / 1e3),
        ("latency p99, us", latency["p99"] / 1e3, bound["p99"] / 1e3),
        ("packets", summary["packets"], None),
        ("spikes sent", summary["spikes_sent"], None),
    ):
        limit_text = "" if limit is None else f"{limit:,.0f}"
        table.add_row(name, f"{value:,.0f}", limit_text)
    console.print(table)
    console.print(_worker_table(outcome))
    if outcome.barrier:
        mean = summary["shares"]
        console.print(
            f"Clock {summary['clock']}, barrier {summary['barrier_kind']}: "
            f"{outcome.barrier['rounds']:,} rounds; workers waited "
            f"{100 * mean['slowest']:.1f} % of their time for the slowest and "
            f"{100 * mean['barrier']:.1f} % for the barrier itself."
        )
    console.print(
        "Bounds: of frames/s by the busiest resource, "
        f"{summary['busiest']}; of latency by each frame's critical path."
    )


def _worker_table(outcome: Outcome) -> Any:
    lines: Sequence[Mapping[str, Any]] = outcome.workers
    more = f", the first {SHOWN} of {len(lines):,}" if len(lines) > SHOWN else ""
    table = dense_table(f"Time of each process, %{more}")
    for name in ("process", "host"):
        table.add_column(name)
    shown = [shares(line, outcome.duration_ns) for line in lines[:SHOWN]]
    names = [name for name in NAMED if any(each[name] >= LEAST for each in shown)]
    for name in names:
        table.add_column(NAMED[name], justify="right")
    for line, each in zip(lines[:SHOWN], shown, strict=True):
        cells = (f"{100 * each[name]:.1f}" for name in names)
        table.add_row(line["partition"], line["host"], *cells)
    return table
