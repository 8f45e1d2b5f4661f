"""Judge hypotheses by what was measured.

Of ``all`` cells, one that refutes refutes, and one that is open leaves it open; of
``any``, one that holds suffices. Too few values leave a cell open whatever they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from neurocluster.experiment.cells import Cell
from neurocluster.experiment.hypothesis import FEWEST, Hypothesis, Verdict
from neurocluster.experiment.runs import Samples
from neurocluster.experiment.statistics import Estimate, estimate, ratios


@dataclass(frozen=True, slots=True)
class Judged:
    """One cell's part in an outcome.

    Attributes:
        place: Words for the cell, and for the other if there is one.
        found: The interval; None without values.
    """

    place: str
    found: Estimate | None
    verdict: Verdict

    def __str__(self) -> str:
        """Return one sentence of evidence."""
        if self.found is None:
            return f"{self.place}: nothing was measured"
        f = self.found
        told = f"{self.place}: {f.median:.4g} ({f.low:.4g} to {f.high:.4g}, n = {f.n})"
        few = f"; fewer than {FEWEST} decide nothing" if f.n < FEWEST else ""
        return f"{told}: {self.verdict}{few}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a hypothesis."""

    hypothesis: Hypothesis
    outcome: Verdict
    judged: tuple[Judged, ...]

    def told(self) -> dict[str, Any]:
        """Return what outcomes.json has of it."""
        h = self.hypothesis
        return {
            "name": h.name,
            "claim": h.claim,
            "refuted_if": h.refuted_if,
            "quantity": h.quantity,
            "test": self.test,
            "outcome": self.outcome,
            "evidence": "; ".join(map(str, self.judged)),
        }

    @property
    def test(self) -> str:
        """Return the test in words."""
        h = self.hypothesis
        of = h.quantity
        if h.compare is not None:
            of = f"{of}, ratio of {h.compare[0]} to {h.compare[1]}"
        where = f" where {h.where}" if h.where.wanted else ""
        return f"{of}{where}: {h.holds_if.text} in {h.cells} cells"


def judge(
    hypothesis: Hypothesis, cells: Sequence[Cell], samples: Samples, seed: int
) -> Outcome:
    """Return what the runs so far say of a hypothesis."""
    judged = []
    for cell, other in hypothesis.pairs(cells):
        place = cell.label
        if other is None:
            values = list(samples.values(cell, hypothesis.quantity).values())
        else:
            place = f"{cell.label} / {other.label}"
            pairs = samples.pairs(cell, other, hypothesis.quantity)
            values = ratios([a for a, _ in pairs], [b for _, b in pairs])
        found = estimate(values, seed)
        judged.append(Judged(place, found, _verdict(hypothesis, found)))
    verdicts = [one.verdict for one in judged]
    return Outcome(hypothesis, _joined(verdicts, hypothesis.cells), tuple(judged))


def _verdict(hypothesis: Hypothesis, found: Estimate | None) -> Verdict:
    if found is None or found.n < FEWEST:
        return "open"
    return hypothesis.holds_if.judge(found.low, found.high)


def _joined(verdicts: Sequence[Verdict], cells: str) -> Verdict:
    decides, rest = ("refuted", "holds") if cells == "all" else ("holds", "refuted")
    if decides in verdicts:
        return "refuted" if cells == "all" else "holds"
    if all(verdict == rest for verdict in verdicts):
        return "holds" if cells == "all" else "refuted"
    return "open"
