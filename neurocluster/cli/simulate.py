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
from neurocluster.model.convert import convert
from neurocluster.model.load import load_network
from neurocluster.model.partition import make_plan
from neurocluster.model.split import parse_splits
from neurocluster.results.folder import RunFolder, make_folder
from neurocluster.results.layout import dense_table
from neurocluster.results.tables import FRAME_COLUMNS, frame_rows, write_maps
from neurocluster.simulate.costs import read_costs
from neurocluster.simulate.outcome import COPY_COLUMNS, WAIT_COLUMNS, Outcome
from neurocluster.simulate.site import MOST_HOSTS, Site, parse_jitter
from neurocluster.simulate.study import MOST_PARTITIONS, Told, flat_images, study_of
from neurocluster.simulate.summary import shares, summarise

FRAMES: Final = 1000
"""Simulated where the settings do not say how many."""
SHOWN: Final = 40
"""Lines of a table on the terminal; files have all."""
MOST_CORES: Final = 4096


@dataclass(frozen=True, slots=True)
class Place:
    """On what a plan is simulated, as options say it.

    Attributes:
        costs: File.
        hosts: That run workers.
        cores: Of each.
        delay_us: Added to each way between hosts.
        jitter: See `simulate.site.parse_jitter`.
        copies: Of the plan, side by side.
        seed: Of what is drawn.
        span: See `simulate.site.span_of`.
    """

    costs: Path
    hosts: int = 1
    cores: int = 2
    delay_us: float = 0.0
    jitter: str = ""
    copies: int = 1
    seed: int = 0
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
        if not 0 <= self.delay_us < 1e9:
            message = f"delay-us: {self.delay_us:g} is out of range; give 0 to 1e9"
            raise ConfigError(message)
        kind, scale = parse_jitter(self.jitter)
        return Site(self.hosts, self.cores, round(self.delay_us * 1000), kind, scale)


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
        seed=place.seed,
        span=place.span,
    )
    with whole_folder(config.out, f"{config.name}-simulated") as folder:
        warm_with_progress(config, fixed, plan, console)
        begin = time.monotonic()
        with telling(console, len(frames)) as told:
            outcome = study.run(images, frames, told)
        summary = summarise(
            study.work, site, outcome, data.labels, copies=place.copies,
            seed=place.seed, costs=str(place.costs),
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
    write_maps(folder, "workers.csv", WAIT_COLUMNS, outcome.workers)
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
    for name in ("work", "no input", "link full", "processor"):
        table.add_column(name, justify="right")
    for line in lines[:SHOWN]:
        each = shares(line, outcome.duration_ns).values()
        shown = (f"{100 * share:.1f}" for share in each)
        table.add_row(line["partition"], line["host"], *shown)
    return table
