"""Say what the report of an experiment consists of: hypotheses, remarks, figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from neurocluster.report.experiment import ASKED, OPEN, Experiment
from neurocluster.report.figure import Drawn
from neurocluster.report.orders import distribution, draws_anew
from neurocluster.report.page import Section, Table, command_of
from neurocluster.report.parts import Part, slugs
from neurocluster.report.ratios import ratio
from neurocluster.report.speedup import COUNTS, speedup
from neurocluster.report.trends import QUANTITIES, Quantity, trend
from neurocluster.report.words import listed, plural


def parts_of_experiments(experiments: Sequence[Experiment]) -> list[Part]:
    """Return a section an experiment."""
    if len(experiments) == 1:
        return [_part(experiments[0], "")]
    names = slugs([f"experiment {e.path.resolve().name}" for e in experiments])
    both = zip(experiments, names, strict=True)
    return [_part(experiment, f"{name}-") for experiment, name in both]


def _part(e: Experiment, prefix: str) -> Part:
    again = command_of(["neurocluster", "experiment", str(e.path / ASKED)])
    section = Section(e.title, e.path, again, _remarks(e), _tables(e))
    figures: dict[str, Callable[[str], Drawn]] = {}
    for quantity in QUANTITIES:
        name = quantity.name.replace("_", "-")
        figures[f"{prefix}{name}"] = _bound(trend, e, quantity)
        if f"{quantity.name}_ratio" in e.points:
            figures[f"{prefix}{name}-ratio"] = _bound(ratio, e, quantity)
    if draws_anew(e):
        figures[f"{prefix}distribution"] = lambda name: distribution(e, name)
    if e.x in COUNTS:
        figures[f"{prefix}speed-up"] = lambda name: speedup(e, name)
    return Part(section, figures)


def _bound(
    draw: Callable[[Experiment, Quantity, str], Drawn], e: Experiment, q: Quantity
) -> Callable[[str], Drawn]:
    return lambda name: draw(e, q, name)


def _remarks(e: Experiment) -> list[str]:
    """Say what whoever quotes these figures must know."""
    said = []
    cells = {tuple(p.settings.items()) for k in e.points.values() for p in k}
    workers = [w for cell in cells if (w := e.workers(dict(cell))) is not None]
    if not workers or e.cores is None:
        said.append("How many workers shared how many cores is not known.")
    else:
        crowded = sum(e.crowded(dict(cell)) for cell in cells)
        least, most = min(workers), max(workers)
        span = f"{least:g}" if least == most else f"{least:g} to {most:g}"
        said.append(
            f"{span} workers and a client on {plural(e.cores, 'core')}: in {crowded} "
            f"of {plural(len(cells), 'cell')} there are more processes than cores"
            + (
                "; speeds and latencies there are those of an oversubscribed machine, "
                "and show as open marks."
                if crowded
                else "."
            )
        )
    statuses = e.statuses()
    if len(statuses) > 1:
        counts = [f"{count} {status}" for status, count in statuses.most_common()]
        said.append(f"Not all repetitions ended alike: {listed(counts)}.")
    undecided = [k.name for k in e.outcomes if k.outcome == OPEN]
    if undecided:
        said.append(f"Neither confirmed nor refuted: {listed(undecided)}.")
    return said


def _tables(e: Experiment) -> list[Table]:
    made = []
    if e.outcomes:
        rows = [
            (k.name, k.claim, k.refuted_if, k.outcome, k.evidence) for k in e.outcomes
        ]
        header = ("hypothesis", "claim", "refuted if", "outcome", "evidence")
        title = "Hypotheses, written before the runs, and their outcomes"
        made.append(Table(title, header, rows, numeric=False))
    if machine := list(_flat(e.environment)):
        title = "Machine and versions"
        made.append(Table(title, ("", ""), machine, folded=True, numeric=False))
    return made


def _flat(values: Any, name: str = "") -> list[tuple[str, str]]:
    """Return nested maps as lines of name and text."""
    if not isinstance(values, dict):
        return [(name, str(values))]
    return [
        line
        for key, value in values.items()
        for line in _flat(value, f"{name} {key}".strip())
    ]
