"""Show how far an experiment is, and end it between or within runs when asked."""

from __future__ import annotations

import signal
import time
from types import FrameType, TracebackType
from typing import Any, Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from neurocluster.cli.progress import REFRESH_S
from neurocluster.client.results import Chunk
from neurocluster.experiment.cells import Cell
from neurocluster.experiment.file import Experiment
from neurocluster.experiment.runs import Run
from neurocluster.experiment.schedule import Turn

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
MINUTE: Final = 60


class Stop:
    """Note that the user wants an end; a second time ends whatever is under way.

    Use it as a context manager; leaving it restores the signals.
    """

    def __init__(self) -> None:
        """Hear nothing yet."""
        self.asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        """Take the signals."""
        self._before = {number: signal.getsignal(number) for number in SIGNALS}
        self.listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def listen(self) -> None:
        """Take the signals again, from an event loop that had them."""
        for number in SIGNALS:
            signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


class RoundsProgress:
    """Show the runs of an experiment: a bar on a terminal, and a line a run.

    It shows the frames of the run under way, too. Nothing is drawn by a thread, which
    would take processor time from what is measured.

    Attributes:
        frames: Of the run under way.
    """

    def __init__(self, console: Console, experiment: Experiment, stop: Stop) -> None:
        """Take the terminal when entered; leaving gives it back."""
        self._console, self._experiment, self._stop = console, experiment, stop
        columns = (
            TextColumn("{task.description}"), BarColumn(),
            TextColumn("{task.fields[left]}"),
        )  # fmt: skip
        self._progress = Progress(
            *columns, console=console, auto_refresh=False,
            disable=console.quiet or not console.is_terminal,
        )  # fmt: skip
        self._bar = self._progress.add_task("experiment", total=1.0, left="")
        self.frames = 1
        self._made = self._done = 0
        self._shown = 0.0

    def __enter__(self) -> Self:
        """Take the terminal."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        """Give the terminal back."""
        self._progress.stop()

    @property
    def stopped(self) -> bool:
        """Tell whether the user wants an end."""
        return self._stop.asked

    def begin(self, turn: Turn, cell: Cell, left: int) -> None:
        """Show the run that begins."""
        self._done = 0
        total = self._made + left
        again = f", attempt {turn.attempt}" if turn.attempt > 1 else ""
        what = f"run {self._made + 1} of {total}: {cell.label}{again}"
        self._progress.update(self._bar, description=what, total=float(total))
        self._show()

    def end(self, run: Run, cell: Cell, left: int, seconds: float) -> None:
        """Print a line for the run that ended."""
        self._made += 1
        self._done = 0
        turn, total = run.turn, self._made + left
        told = _figures(run) if not run.reason else f"{run.status}: {run.reason}"
        ahead = f"; about {duration(seconds)} left" if left else ""
        self._console.print(
            f"run {self._made} of {total}, repetition {turn.repetition}, {cell.label}: "
            f"{told} ({run.seconds:.1f} s{ahead})",
            soft_wrap=True,
        )
        text = f"about {duration(seconds)} left" if left else ""
        self._progress.update(self._bar, total=float(total), left=text)
        self._show()

    def add(self, chunk: Chunk) -> None:
        """Count frames of the run under way; show them if the last news are old."""
        self._done += len(chunk.frames)
        if time.monotonic() - self._shown > REFRESH_S:
            self._show()

    def finish(self) -> None:
        """Show nothing: `end` does."""

    def _show(self) -> None:
        self._shown = time.monotonic()
        share = min(self._done / self.frames, 1.0)
        self._progress.update(self._bar, completed=self._made + share)
        if not self._progress.disable:
            self._progress.refresh()


def _figures(run: Run) -> str:
    speed = run.values.get("frames_per_second")
    latency = run.values.get("latency_ns_p50")
    words = [f"{run.frames:,} frames"]
    words += [f"{speed:,.0f} frames/s"] if speed is not None else []
    words += [f"p50 {latency / 1e3:,.0f} us"] if latency is not None else []
    return ", ".join(words)


def duration(seconds: float) -> str:
    """Return a duration for a person: ``42 s``, ``3 min``, ``2 h 10 min``."""
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    minutes = round(seconds / MINUTE)
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours else f"{minutes} min"
