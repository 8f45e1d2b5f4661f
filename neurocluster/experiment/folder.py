"""Write and read an experiment's folder; it can be left and taken up at any run.

results.csv has a line a run, written whole after each, so whoever stops the experiment
loses no more than the run that was under way.
"""

from __future__ import annotations

import contextlib
import csv
import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from neurocluster.errors import ConfigError
from neurocluster.experiment.changes import changes
from neurocluster.experiment.file import Experiment, read_experiment
from neurocluster.experiment.quantities import QUANTITIES
from neurocluster.experiment.runs import Run, Samples
from neurocluster.experiment.schedule import Turn
from neurocluster.experiment.table import about, cell_columns, cell_lines
from neurocluster.results.folder import RunFolder

FILE: Final = "experiment.toml"
RESULTS: Final = "results.csv"
RUNS: Final = "runs"
TURN: Final = ("run", "repetition", "cell", "attempt")
HEAD: Final = (*TURN, "status", "reason", "started", "seconds", "load_average")


class ExperimentFolder:
    """Hold an experiment's files; `opened` keeps others out meanwhile."""

    def __init__(self, path: Path, experiment: Experiment, cores: int) -> None:
        """Name the folder; `opened` makes it."""
        self.path, self._experiment, self._cores = path, experiment, cores
        self.files = RunFolder(path)
        self.runs: list[Run] = []

    @contextlib.contextmanager
    def opened(self, file: Path) -> Iterator[None]:
        """Make the folder, or take up what is in it; hold it until the end.

        Args:
            file: The experiment's file, which is copied.

        Raises:
            ConfigError: It holds something else, or another experiment; somebody runs
                it; it cannot be written.
        """
        fresh = self._make()
        held = os.open(self.path, os.O_RDONLY)
        try:
            self._hold(held)
            if fresh:
                self.files.write_text(FILE, file.read_text(encoding="utf-8"))
            else:
                self._check_same()
                self.runs = read_runs(self.path)
            yield
        finally:
            os.close(held)

    def _make(self) -> bool:
        """Make the folder; tell whether it is new."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if (self.path / FILE).exists():
                return False
            if any(self.path.iterdir()):
                message = (
                    f"out: folder {self.path} is not empty and no experiment's; give a "
                    "new one"
                )
                raise ConfigError(message)
        except OSError as error:
            message = (
                f"out: cannot make folder {self.path}: {error.strerror}; choose "
                "another by --out"
            )
            raise ConfigError(message) from error
        return True

    def _hold(self, held: int) -> None:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            message = f"out: {self.path} is being run; wait for its end, or stop it"
            raise ConfigError(message) from error

    def _check_same(self) -> None:
        before = read_experiment(self.path / FILE)
        found = changes(before.document, self._experiment.document)
        if found:
            message = (
                f"out: {self.path} holds another version of this experiment: "
                f"{'; '.join(found)}; take that file back, or give a new folder"
            )
            raise ConfigError(message)

    def folder_of(self, turn: Turn) -> Path:
        """Return the folder of a run, without what an earlier try left in it."""
        path = self.path / RUNS / f"{turn.run:03}"
        shutil.rmtree(path, ignore_errors=True)
        return path

    def add(self, run: Run) -> None:
        """Keep a run's line."""
        self.runs.append(run)
        columns = self.columns
        lines = self.lines()
        self.files.write_csv(RESULTS, columns, [[k[c] for c in columns] for k in lines])

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns of results.csv."""
        own = [name for name in cell_columns(self._experiment) if name != "cell"]
        return (*HEAD, *own[: own.index("quantity")], "frames", *QUANTITIES)

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines of results.csv."""
        cells = {cell.number: cell for cell in self._experiment.cells}
        found = []
        for run in self.runs:
            told = about(self._experiment, cells[run.turn.cell], self._cores)
            turn = {name: getattr(run.turn, name) for name in TURN}
            found.append({
                **told, **turn, "status": run.status, "reason": run.reason,
                "started": run.started, "seconds": run.seconds,
                "load_average": run.load, "frames": run.frames, **run.values,
            })  # fmt: skip
        return [{name: line.get(name) for name in self.columns} for line in found]

    def write_cells(self) -> list[dict[str, Any]]:
        """Write cells.csv; return its lines."""
        lines = list(cell_lines(self._experiment, Samples(self.runs), self._cores))
        columns = cell_columns(self._experiment)
        rows = [[line[c] for c in columns] for line in lines]
        self.files.write_csv("cells.csv", columns, rows)
        return lines

    def write_parquet(self) -> bool:
        """Write results.parquet; False without the extra that it takes."""
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ModuleNotFoundError:
            return False
        lines = self.lines()
        table = pa.table(
            {name: _typed(pa, [line[name] for line in lines]) for name in self.columns}
        )
        with self.files.open_binary("results.parquet") as file:
            pq.write_table(table, file)
        return True


def _typed(pa: Any, values: Sequence[Any]) -> Any:
    """Return a column; one of mixed kinds, such as a threshold or several, is text."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        return pa.array(values, pa.float64())
    if len(kinds) > 1:
        return pa.array([None if v is None else str(v) for v in values], pa.string())
    return pa.array(values)


def read_runs(path: Path) -> list[Run]:
    """Read results.csv of an experiment's folder; empty if no run has ended.

    Raises:
        ConfigError: It is damaged.
    """
    file = path / RESULTS
    try:
        with file.open(newline="", encoding="utf-8") as source:
            reader = csv.DictReader(source)
            if not {*HEAD} <= {*(reader.fieldnames or ())}:
                message = "columns are missing"
                raise ValueError(message)
            return [_run_of(line) for line in reader]
    except FileNotFoundError:
        return []
    except (OSError, KeyError, ValueError, TypeError) as error:
        message = f"{file} is damaged: {error}; start the experiment anew"
        raise ConfigError(message) from error


def _run_of(line: dict[str, str]) -> Run:
    turn = Turn(*(int(line[name]) for name in TURN))
    values = {name: _number(line.get(name, "")) for name in QUANTITIES}
    return Run(
        turn, line["status"], line["reason"], line["started"], float(line["seconds"]),
        _number(line["load_average"]), int(line["frames"]), values,
    )  # fmt: skip


def _number(text: str) -> float | None:
    """Return a number that is written again as it was."""
    if not text:
        return None
    return int(text) if text.removeprefix("-").isdecimal() else float(text)


def load_now() -> float | None:
    """Return the load average of one minute; None where the system tells none."""
    try:
        return os.getloadavg()[0]
    except OSError:
        return None
