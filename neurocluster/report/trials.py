"""Say what the report of an experiment consists of: hypotheses, remarks, figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from neurocluster.report.breakeven import headline
from neurocluster.report.experiment import ASKED, OPEN, Experiment
from neurocluster.report.figure import Drawn
from neurocluster.report.frontier import frontier
from neurocluster.report.orders import distribution, draws_anew
from neurocluster.report.page import Section, Table, command_of
from neurocluster.report.parts import Part, slugs
from neurocluster.report.ratios import ratio
from neurocluster.report.speedup import COUNTS, speedup
from neurocluster.report.trends import QUANTITIES, Quantity, trend
from neurocluster.report.words import listed, plural, time_text

PAIRS: Final = (
    ("latency_ns_p50", "frames_per_second"), ("latency_ns_p50", "accuracy_by_count"),
    ("spikes_per_neuron", "accuracy_by_count"),
)  # fmt: skip
"""Quantities that are drawn against each other: across and up."""


def parts_of_experiments(experiments: Sequence[Experiment]) -> list[Part]:
    """Return a section an experiment."""
    if len(experiments) == 1:
        return [_part(experiments[0], "")]
    names = slugs([f"experiment {e.path.resolve().name}" for e in experiments])
    both = zip(experiments, names, strict=True)
    return [_part(experiment, f"{name}-") for experiment, name in both]


def _part(e: Experiment, prefix: str) -> Part:
    again = command_of(["neurocluster", "experiment", str(e.path / ASKED)])
    said = headline(e)
    section = Section(
        e.title, e.path, again, _remarks(e), _tables(e), headline=said and f"{said}."
    )
    figures: dict[str, Callable[[str], Drawn]] = {}
    for quantity in QUANTITIES:
        name = quantity.name.replace("_", "-")
        figures[f"{prefix}{name}"] = _bound(trend, e, quantity)
        ratios = e.points.get(f"{quantity.name}_ratio", ())
        if e.lines is not None and any(point.median != 1 for point in ratios):
            figures[f"{prefix}{name}-ratio"] = _bound(ratio, e, quantity)
    if draws_anew(e):
        figures[f"{prefix}distribution"] = lambda name: distribution(e, name)
    figures |= _frontiers(e, prefix)
    if e.x in COUNTS:
        figures[f"{prefix}speed-up"] = lambda name: speedup(e, name)
    return Part(section, figures)


def _frontiers(e: Experiment, prefix: str) -> dict[str, Callable[[str], Drawn]]:
    """Return figures of one quantity against another, where both vary."""
    names = {quantity.name: quantity for quantity in QUANTITIES}
    found: dict[str, Callable[[str], Drawn]] = {}
    for across, up in PAIRS:
        values = [{p.median for p in e.points.get(k, [])} for k in (across, up)]
        if all(len(few) > 1 for few in values):
            name = f"{prefix}{up}-{across}".replace("_", "-")
            found[name] = partial(frontier, e, names[across], names[up])
    return found


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
    if (timers := _timers(e)) is not None:
        said.append(timers)
    statuses = e.statuses()
    if len(statuses) > 1:
        counts = [f"{count} {status}" for status, count in statuses.most_common()]
        said.append(f"Not all repetitions ended alike: {listed(counts)}.")
    undecided = [k.name for k in e.outcomes if k.outcome == OPEN]
    if undecided:
        said.append(f"Neither confirmed nor refuted: {listed(undecided)}.")
    return said


def _timers(e: Experiment) -> str | None:
    """Say how fine the machine's timers are; None where nothing was recorded."""
    found = e.environment.get("timers")
    if not isinstance(found, dict):
        return None
    source = found.get("clocksource") or "unknown"
    parts = [f"Clock source {source}"]
    for key, what in (("resolution_ns", "resolution"), ("slack_ns", "timer slack")):
        if isinstance(value := found.get(key), int):
            parts.append(f"{what} {time_text(value)}")
    if isinstance(late := found.get("late_ns_p99"), int | float):
        parts.append(f"a sleep ends {time_text(late)} late at most in 99 of 100")
    return (
        f"{', '.join(parts)}: delays and service times that are shorter are not "
        "what was asked for."
    )


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
