"""Make the runs of an experiment, each as `neurocluster run` makes one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from rich.console import Console

from neurocluster.cli.finish import keep
from neurocluster.cli.frames import choose_frames
from neurocluster.cli.resume import Work, work_of
from neurocluster.cli.rounds import RoundsProgress, Stop
from neurocluster.cli.run import run_work
from neurocluster.cli.streaming import Outcome as Streamed
from neurocluster.errors import ClusterStopped
from neurocluster.experiment.cells import Cell
from neurocluster.experiment.environment import now
from neurocluster.experiment.file import Experiment
from neurocluster.experiment.folder import load_now
from neurocluster.experiment.quantities import measure
from neurocluster.experiment.runs import Run
from neurocluster.experiment.schedule import DISTURBED, DONE, FAILED, Turn
from neurocluster.launch.spawn import Template, spawn_template
from neurocluster.results.part import Part

Kept = tuple[dict[str, Any], Part]
"""Summary and tables of a run."""


class Runner:
    """Make single runs; `close` ends the process that forks all of theirs.

    Attributes:
        shows: Shows the run under way, if anything does.
    """

    def __init__(self, experiment: Experiment, template: Template, stop: Stop) -> None:
        """Take over a template; one that ends with a run is replaced."""
        self._experiment, self._template, self._stop = experiment, template, stop
        self.shows: RoundsProgress | None = None
        self._silent = Console(quiet=True)

    def run(self, turn: Turn, cell: Cell, path: Path) -> Run | None:
        """Make a run; None if it was interrupted."""
        started, begin, load = now(), time.monotonic(), load_now()
        config = cell.settings_of(turn.repetition, self._experiment.reseed)
        config = config.replace(out=str(path), name=self._experiment.name)
        data, frames = choose_frames(config)
        if self.shows is not None:
            self.shows.frames = len(frames)
        work = work_of(config, data, frames, None)
        streamed = self._streamed(work)
        kept = keep(streamed, self._silent)
        work.folder.leave()
        if streamed.interrupted or isinstance(streamed.error, ClusterStopped):
            return None
        if not self._experiment.keep_frames:
            work.folder.remove("frames.csv")
        status, reason = _status(streamed, kept)
        count, values = self._measured(kept)
        seconds = round(time.monotonic() - begin, 3)
        return Run(turn, status, reason, started, seconds, load, count, values)

    def _measured(self, kept: Kept | None) -> tuple[int, dict[str, float | None]]:
        """Return the number of frames with a result, and every quantity."""
        if kept is None:
            return 0, {}
        summary, part = kept
        warm_up = self._experiment.warm_up
        values = measure(summary, part.table, part.links, part.workers, warm_up)
        return len(part.table.frames), values

    def _streamed(self, work: Work) -> Streamed:
        if not self._template.alive:
            self.close()
            self._template = spawn_template()
        lent = self._template.lend()
        try:
            return run_work(work, lent, self._silent, shows=self.shows)
        finally:
            lent.discard()
            self._stop.listen()  # the loop that has ended took the signals with it

    def close(self) -> None:
        """End the template."""
        self._template.discard()


def _status(streamed: Streamed, kept: Kept | None) -> tuple[str, str]:
    """Return how a run ended, and why it does not count if it does not."""
    if streamed.error is not None:
        return FAILED, str(streamed.error).splitlines()[0]
    if kept is None:
        return FAILED, "it left no results"
    if recoveries := kept[0]["recoveries"]:
        return DISTURBED, str(recoveries[0]["reason"]).splitlines()[0]
    return DONE, ""
