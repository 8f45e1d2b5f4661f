"""Do `neurocluster bench`: interleaved rounds, medians, ratios to yardsticks."""

from __future__ import annotations

import json as json_
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich.console import Console

from neurocluster.bench.barrier import KINDS as BARRIERS
from neurocluster.bench.barrier import barrier_step, clock_step
from neurocluster.bench.cluster import single_step, speed_step, stop_step
from neurocluster.bench.curve import (
    CURVE,
    KINDS,
    PLAIN,
    curve_cluster_step,
    curve_hop_step,
    curve_link_step,
)
from neurocluster.bench.environment import environment
from neurocluster.bench.hop import hop_step
from neurocluster.bench.kernels import Kernels, bench_data
from neurocluster.bench.link import link_step
from neurocluster.bench.report import show
from neurocluster.bench.rounds import Group, Measured, Samples, Step, measure
from neurocluster.bench.rows import fill, name, table_rows
from neurocluster.bench.simulation import Simulation
from neurocluster.bench.start import cold_step, first_result_step, forked_step
from neurocluster.bench.timer import timer_step
from neurocluster.bench.yardsticks import Yardsticks, check_folder, write_weights
from neurocluster.config import RunConfig
from neurocluster.dtypes import U8
from neurocluster.errors import ConfigError
from neurocluster.launch.warm import warm_engines
from neurocluster.model.graph import Graph
from neurocluster.model.load import load_network
from neurocluster.results.report import WIDTH

SCHEMA: Final = 1
SETTINGS: Final = ((0.7,), (1.0,))
"""Thresholds of the kernels' rows; the first is the cluster's."""
LOSSES: Final = (
    "speed_lost", "single_lost", "stop_lost", "link_lost",
    *(f"{kind}_{what}" for kind in KINDS for what in ("lost", "link_lost")),
)  # fmt: skip
SIMULATION: Final = "simulation"
EXIT_FAILED: Final = 1


def bench_command(
    config: RunConfig, folder: Path | None, frames: int, rounds: int, only: str = "",
    *, json: bool,
) -> int:  # fmt: skip
    """Measure, in interleaved rounds; print medians and ratios.

    Args:
        config: Of the network and the cluster.
        folder: Of yardsticks, if there are any.
        frames: Of a cluster run.
        rounds: Interleaved.
        only: Words of the steps that are run, and of the rows that are shown.
        json: Print JSON in place of the table.

    Returns:
        0, or 1 if a step failed: its figures are missing, the reason is printed.

    Raises:
        ConfigError: A yardstick cannot be run, or no step has such words.
    """
    console = _console(stderr=True)
    thresholds = (config.threshold,) if config.threshold else SETTINGS
    config = config.replace(threshold=thresholds[0])
    graph = load_network(config.network)
    if folder is not None:
        check_folder(folder, graph, config.threshold)
    machine = environment()
    with tempfile.TemporaryDirectory(prefix="nc-bench-") as scratch:
        yardsticks = None
        if folder is not None:
            yardsticks = Yardsticks(folder, write_weights(graph, Path(scratch)))
        with console.status("loading kernels"):
            warm_engines()
            kernels = {name(t): Kernels(graph, config, t) for t in thresholds}
        groups = chosen(_groups(graph, config, frames, kernels, yardsticks), only)
        measured = measure(groups, rounds, console)
    setting = name(thresholds[0])
    for samples in measured.rounds:
        samples |= derived(samples, setting)
    results = {
        "schema": SCHEMA,
        "environment": machine,
        "load_average_after": list(os.getloadavg()),
        "waiting": waiting(measured.rounds, setting),
        "settings": {
            "network": config.network, "threshold": list(config.threshold),
            "window": config.window, "max_spikes": config.max_spikes,
            "hwm": config.hwm, "frames": frames, "rounds": rounds,
            "yardsticks": folder is not None,
        },
        "workloads": [one.workload for one in kernels.values()],
        "rows": {
            row.key: fill(
                row, measured.rounds, measured.failures, folder=folder is not None
            )
            for row in table_rows(thresholds, config.window)
            if row.step in {step.name for group in groups for step in group}
        },
        "rounds": measured.rounds,
    }  # fmt: skip
    return _finish(results, measured, json=json)


def _console(*, stderr: bool) -> Console:
    plain = not (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, width=WIDTH if plain else None, highlight=False)


def _groups(
    graph: Graph, config: RunConfig, frames: int, kernels: dict[str, Kernels],
    yardsticks: Yardsticks | None,
) -> list[Group]:  # fmt: skip
    """Return the steps; those that are compared share a group."""
    images = bench_data(graph).images
    settings = [one.workload["thresholds"][0] for one in kernels.values()]

    def kernels_step() -> Samples:
        found: Samples = {}
        for key, one in kernels.items():
            wall, cpu = one.frame_us()
            found |= {f"kernels_{key}_us": wall, f"kernels_{key}_cpu_us": cpu}
        return found

    measured: list[Group] = [
        (Step("kernels", kernels_step),),
        (
            Step("one frame in flight", lambda: single_step(config, images, frames)),
            Step("cluster", lambda: speed_step(config, images, frames)),
        ),
        (Step("link", lambda: link_step(config.hwm)),),
        (Step("hop", lambda: hop_step(config.hwm)),),
        (
            Step("worker, cold", cold_step),
            Step("worker, forked", forked_step),
            Step("first result", lambda: first_result_step(config)),
            Step("stop", lambda: stop_step(config, images, frames)),
        ),
        *_curve_groups(config, images, frames),
        (Step(SIMULATION, Simulation(config, frames).step),),
        (
            *(
                Step(f"barrier alone, {kind}", partial(barrier_step, kind, frames))
                for kind in BARRIERS
            ),
            Step("barrier in a frame", lambda: clock_step(frames)),
        ),
        (Step("timer", timer_step),),
    ]
    if yardsticks is not None:
        others = (
            Step("yardstick of kernels", lambda: yardsticks.kernels(settings)),
            Step(
                "yardstick of the cluster",
                lambda: yardsticks.data_path(settings[0], frames),
            ),
            Step("yardstick of a link", yardsticks.link),
        )
        for place, step in enumerate(others):
            measured[place] = (*measured[place], step)
    return measured


def _curve_groups(config: RunConfig, images: U8, frames: int) -> list[Group]:
    """Return the steps that tell what encryption costs, each with one without it."""
    measure: dict[str, Callable[[str], Samples]] = {
        "link": lambda kind: curve_link_step(kind, config.hwm),
        "hop": lambda kind: curve_hop_step(kind, config.hwm),
        "cluster": lambda kind: curve_cluster_step(kind, config, images, frames),
    }
    return [
        (
            Step(f"{what}, tcp, not encrypted", partial(run, PLAIN)),
            Step(f"{what}, encrypted", partial(run, CURVE)),
        )
        for what, run in measure.items()
    ]


def chosen(groups: Sequence[Group], only: str) -> list[Group]:
    """Return the groups without steps whose names lack some words.

    The simulation, which takes minutes, is run only if it is asked for.

    Raises:
        ConfigError: No step is left.
    """
    asked = (SIMULATION,) if not only else ()
    left = [
        tuple(s for s in group if only in s.name and s.name not in asked)
        for group in groups
    ]
    if not any(left):
        names = ", ".join(step.name for group in groups for step in group)
        message = f"only: no step has {only!r} in its name; there are: {names}"
        raise ConfigError(message)
    return [group for group in left if group]


def derived(samples: Samples, setting: str) -> Samples:
    """Return what follows from a round's samples.

    The CPU time of a hop is what all processes used for a frame, less the kernels
    alone in one process (so the yardstick defines it), by hops.
    """
    found: Samples = {}
    kernels = samples.get(f"kernels_{setting}_cpu_us")
    if kernels is not None and "speed_cpu_us" in samples:
        beyond = samples["speed_cpu_us"] - kernels
        found["hop_cpu_us"] = beyond / samples["speed_hops"]
    losses = [samples[key] for key in LOSSES if key in samples]
    if losses:
        found["lost"] = sum(map(abs, losses))
    return found


def waiting(rounds: Sequence[Samples], setting: str) -> float | None:
    """Return the share of their time that the kernels waited for a core."""
    wall, cpu = f"kernels_{setting}_us", f"kernels_{setting}_cpu_us"
    shares = [1 - s[cpu] / s[wall] for s in rounds if wall in s]
    return max(0.0, median(shares)) if shares else None


def _finish(results: dict[str, Any], measured: Measured, *, json: bool) -> int:
    if json:
        sys.stdout.write(json_.dumps(results, indent=1) + "\n")
    else:
        show(_console(stderr=False), results)
    return EXIT_FAILED if measured.failures else 0
