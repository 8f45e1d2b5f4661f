"""Render an experiment for a terminal: cells, what is missing, hypotheses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from neurocluster.experiment.cells import Cell
from neurocluster.experiment.file import Experiment
from neurocluster.experiment.outcomes import Outcome
from neurocluster.experiment.runs import Run, Samples
from neurocluster.experiment.schedule import MOST_ATTEMPTS, usable
from neurocluster.experiment.statistics import LEVEL, Estimate, estimate
from neurocluster.experiment.table import oversubscribed, ratio
from neurocluster.results.layout import dense_table

SPEED: Final = "frames_per_second"
LATENCY: Final = "latency_ns_p50"
ACCURACY: Final = "accuracy_by_count"
MARK: Final = "*"


def print_experiment(
    console: Console, experiment: Experiment, runs: Sequence[Run],
    outcomes: Sequence[Outcome], cores: int,
) -> None:  # fmt: skip
    """Print the cells with their figures, and each hypothesis with its outcome."""
    samples = Samples(runs)
    console.print(_cells_table(experiment, samples, cores))
    crowded = [c for c in experiment.cells if oversubscribed(c, cores)]
    if crowded:
        console.print(
            f"{MARK} Workers and client outnumber the {cores} cores: speeds and their "
            "ratios are those of an oversubscribed machine, no speed-up of the method."
        )
    for line in missing(experiment, runs):
        console.print(line)
    if outcomes:
        console.print(_outcomes_table(outcomes))


def _cells_table(experiment: Experiment, samples: Samples, cores: int) -> Table:
    table = dense_table(
        f"{experiment.name}: medians of n runs, {LEVEL} % intervals in brackets"
    )
    table.add_column("cell")
    names = ["workers", "n", "frames/s"]
    names += ["ratio"] if experiment.report.lines else []
    for name in (*names, "p50, ms", "right %"):
        table.add_column(name, justify="right", no_wrap=True)
    for cell in experiment.cells:
        table.add_row(*_row(experiment, samples, cell, cores))
    return table


def _row(
    experiment: Experiment, samples: Samples, cell: Cell, cores: int
) -> Sequence[str]:
    def known(name: str) -> Estimate | None:
        return estimate(list(samples.values(cell, name).values()), experiment.seed)

    speed, accuracy = known(SPEED), known(ACCURACY)
    mark = MARK if oversubscribed(cell, cores) else ""
    row = [cell.label, f"{cell.workers}{mark}", str(speed.n if speed else 0)]
    row.append(figure(speed, ",.0f"))
    if experiment.report.lines:
        row.append(figure(ratio(experiment, samples, cell, SPEED), ".3f"))
    row.append(figure(known(LATENCY), ",.2f", 1e6))
    row.append("-" if accuracy is None else f"{100 * accuracy.median:.2f}")
    return row


def figure(found: Estimate | None, form: str, unit: float = 1.0) -> str:
    """Return a median with its interval; one value has none."""
    if found is None:
        return "-"
    if found.n == 1:
        return format(found.median / unit, form)
    median, low, high = (format(v / unit, form) for v in _values(found))
    return f"{median} ({low}-{high})"


def _values(found: Estimate) -> tuple[float, float, float]:
    return found.median, found.low, found.high


def missing(experiment: Experiment, runs: Sequence[Run]) -> list[str]:
    """Return words for runs that did not count: how many, and of which cells."""
    good = usable(run.past for run in runs)
    lines = []
    for cell in experiment.cells:
        bad = [r for r in runs if r.turn.cell == cell.number and r.reason]
        lost = {r.turn.repetition for r in bad if r.turn.attempt == MOST_ATTEMPTS}
        lost = {k for k in lost if (k, cell.number) not in good}
        if bad:
            given = f", {len(lost)} given up" if lost else ""
            lines.append(
                f"{cell.label}: {len(bad)} runs do not count{given}; the last: "
                f"{bad[-1].status}, {bad[-1].reason}"
            )
    return lines


def _outcomes_table(outcomes: Sequence[Outcome]) -> Table:
    table = dense_table("Hypotheses")
    table.add_column("outcome", no_wrap=True)
    table.add_column("claim, test and evidence")
    for one in outcomes:
        h = one.hypothesis
        evidence = "\n".join(f"  {judged}" for judged in one.judged)
        table.add_row(
            one.outcome.upper(),
            f"{h.name}: {h.claim}\nTest: {one.test}\n{evidence}",
        )
    return table
