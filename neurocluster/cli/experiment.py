"""Do `neurocluster experiment`: all runs of a file, in rounds; tables and outcomes."""

from __future__ import annotations

import json as json_
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from neurocluster.bench.processes import core_count
from neurocluster.cli.endpoint import RUNS
from neurocluster.cli.exits import EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED
from neurocluster.cli.frames import check_images, choose_frames
from neurocluster.cli.memory import refuse_or_warn
from neurocluster.cli.progress import warm_with_progress
from neurocluster.cli.rounds import RoundsProgress, Stop
from neurocluster.cli.runner import Runner
from neurocluster.cli.terminal import paper, terminal
from neurocluster.errors import ConfigError
from neurocluster.experiment.conduct import complete, conduct
from neurocluster.experiment.environment import Sessions
from neurocluster.experiment.file import Experiment, read_experiment
from neurocluster.experiment.folder import ExperimentFolder
from neurocluster.experiment.outcomes import Outcome, judge
from neurocluster.experiment.report import print_experiment
from neurocluster.experiment.runs import Samples
from neurocluster.experiment.schedule import usable
from neurocluster.launch.memory import MemoryBound
from neurocluster.launch.spawn import spawn_template
from neurocluster.model.convert import convert
from neurocluster.model.load import load_network
from neurocluster.model.partition import make_plan
from neurocluster.model.split import parse_splits
from neurocluster.results.folder import new_folder


def experiment_command(file: Path, out: Path | None, *, json: bool, quiet: bool) -> int:
    """Run an experiment, or what is left of it; return the exit code.

    Args:
        file: The experiment.
        out: Its folder; None makes one below ``runs/``.
        json: Print cells and outcomes as JSON in place of tables.
        quiet: Print errors only.

    Raises:
        ConfigError: The file or the folder is wrong.
    """
    console = terminal(quiet=quiet, json=json)
    experiment = read_experiment(file)
    _check(experiment)
    path = out or _new_folder(experiment.name)
    folder = ExperimentFolder(path, experiment, core_count())
    with folder.opened(file):
        whole = complete(experiment, folder)
        if not whole:
            sessions = Sessions(folder.files)
            _told_again(folder, sessions, console)
            sessions.write(ended=False)
            whole = _conducted(experiment, folder, console)
            sessions.write(ended=True)
        outcomes = _write(experiment, folder)
    _print(experiment, folder, outcomes, json=json, quiet=quiet)
    if not whole:
        print(
            f"interrupted; what finished is saved; go on with: neurocluster experiment "
            f"{file} --out {path}",
            file=sys.stderr,
        )
        return EXIT_INTERRUPTED
    console.print(f"Results: {path}", soft_wrap=True)
    good = len(usable(run.past for run in folder.runs))
    wanted = len(experiment.cells) * experiment.repetitions
    return EXIT_DONE if good == wanted else EXIT_FAILED


def _new_folder(name: str) -> Path:
    """Make a folder below ``runs/``.

    Raises:
        ConfigError: It cannot be made.
    """
    try:
        RUNS.mkdir(exist_ok=True)
        return new_folder(RUNS, name)
    except OSError as error:
        message = f"out: cannot make a folder in runs: {error.strerror}; give --out"
        raise ConfigError(message) from error


def _told_again(folder: ExperimentFolder, sessions: Sessions, console: Console) -> None:
    if count := len(folder.runs):
        text = f"going on with {folder.path}, which has {count} runs"
        console.print(text, soft_wrap=True)
    if different := sessions.differences():
        print(
            f"warning: {', '.join(different)} differ from the first session's; see "
            "environment.json",
            file=sys.stderr,
        )


def _check(experiment: Experiment) -> None:
    """See that every cell can be run, before any is.

    Raises:
        ConfigError: Memory, or too few frames.
        DataError: The data cannot be read, or does not fit a network.
        ModelError: A threshold does not fit a network.
    """
    bounds = {}
    for cell in experiment.cells:
        config = cell.config
        data, frames = choose_frames(config)
        if len(frames) < experiment.warm_up + 2:
            message = (
                f"warm_up_frames: {experiment.warm_up} of {len(frames)} frames leave "
                "fewer than 2; give more frames or a shorter warm-up"
            )
            raise ConfigError(message)
        graph = load_network(config.network)
        check_images(data, graph)
        fixed = convert(graph, config.threshold or None, config.offset)
        plan = make_plan(graph, parse_splits(config.split))
        bound = MemoryBound(config, fixed, plan)
        memory = bound.cluster(frames=len(frames), data_bytes=data.nbytes)
        bounds[memory.total] = config, memory
    refuse_or_warn(*bounds[max(bounds)])


def _warm(experiment: Experiment, console: Console) -> None:
    """Compile or load the kernels of all cells, so that no run does."""
    seen = []
    for cell in experiment.cells:
        config = cell.config
        kind = config.network, config.split, config.quantizer, config.fire
        if kind not in seen:
            seen.append(kind)
            graph = load_network(config.network)
            fixed = convert(graph, config.threshold or None, config.offset)
            plan = make_plan(graph, parse_splits(config.split))
            warm_with_progress(config, fixed, plan, console)


def _conducted(
    experiment: Experiment, folder: ExperimentFolder, console: Console
) -> bool:
    """Make the runs that are left; tell whether there are none any more."""
    template = spawn_template()  # first: it imports while we compile
    with Stop() as stop:
        runner = Runner(experiment, template, stop)
        try:
            _warm(experiment, console)
            with RoundsProgress(console, experiment, stop) as progress:
                runner.shows = progress
                return conduct(experiment, folder, runner.run, progress)
        except KeyboardInterrupt:  # a second one, or between two loops
            return False
        finally:
            runner.close()


def _write(experiment: Experiment, folder: ExperimentFolder) -> Sequence[Outcome]:
    samples = Samples(folder.runs)
    outcomes = [
        judge(one, experiment.cells, samples, experiment.seed)
        for one in experiment.hypotheses
    ]
    folder.write_cells()
    folder.write_parquet()
    folder.files.write_json("outcomes.json", [one.told() for one in outcomes])
    return outcomes


def _print(
    experiment: Experiment, folder: ExperimentFolder, outcomes: Sequence[Outcome], *,
    json: bool, quiet: bool,
) -> None:  # fmt: skip
    if json:
        print(
            json_.dumps({
                "folder": str(folder.path), "runs": folder.lines(),
                "cells": folder.write_cells(),
                "outcomes": [one.told() for one in outcomes],
            })
        )  # fmt: skip
    elif not quiet:
        print_experiment(paper(), experiment, folder.runs, outcomes, core_count())
