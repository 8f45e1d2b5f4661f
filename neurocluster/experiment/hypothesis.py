"""State a hypothesis so that a machine can judge it, before anything is measured.

A condition looks at the interval of a median: of a quantity, or of its ratio between
two cells. It holds, is refuted or stays open, cell by cell; `outcomes` joins them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from neurocluster.errors import ConfigError
from neurocluster.experiment.cells import Cell, Selector, at_equal_places
from neurocluster.experiment.quantities import SPEEDS

Verdict = Literal["holds", "refuted", "open"]
FEWEST: Final = 5
"""Values, or pairs, below which nothing is decided: of four, even an interval from the
least to the greatest misses the median once in eight times."""
_NUMBER: Final = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
_FORMS: Final = {
    "above": re.compile(rf"low\s*>\s*{_NUMBER}"),
    "below": re.compile(rf"high\s*<\s*{_NUMBER}"),
    "within": re.compile(rf"within\s+{_NUMBER}\s+to\s+{_NUMBER}"),
    "contains": re.compile(rf"contains\s+{_NUMBER}"),
}
WRITTEN: Final = "'low > X', 'high < X', 'within X to Y' or 'contains X'"


@dataclass(frozen=True, slots=True)
class Condition:
    """What an interval must be for a hypothesis to hold.

    Attributes:
        text: As written.
        form: ``above``, ``below``, ``within`` or ``contains``.
        low: The number, or the lower of two.
        high: The number, or the higher of two.
    """

    text: str
    form: str
    low: float
    high: float

    def judge(self, low: float, high: float) -> Verdict:
        """Judge an interval: open where it lies on both sides of a bound.

        ``contains`` never stays open, so a wide interval satisfies it; ``within`` asks
        for evidence that there is no difference.
        """
        if self.form == "contains":
            return "holds" if low <= self.low <= high else "refuted"
        if self.form == "above":
            held, refuted = low > self.low, high < self.low
        elif self.form == "below":
            held, refuted = high < self.low, low > self.low
        else:
            held = self.low <= low and high <= self.high
            refuted = high < self.low or low > self.high
        return "holds" if held else "refuted" if refuted else "open"


def parse_condition(text: str) -> Condition:
    """Read a condition.

    Raises:
        ConfigError: It has another form, or its bounds are the wrong way round.
    """
    for form, pattern in _FORMS.items():
        if (found := pattern.fullmatch(text.strip())) is not None:
            numbers = [float(number) for number in found.groups()]
            if numbers != sorted(numbers):
                message = f"holds_if: in {text!r} the first number must be the lower"
                raise ConfigError(message)
            return Condition(text, form, numbers[0], numbers[-1])
    message = f"holds_if: {text!r} is no condition; write {WRITTEN}"
    raise ConfigError(message)


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A claim, and the test that decides it.

    Attributes:
        claim: In words.
        refuted_if: In words.
        quantity: See `quantities.QUANTITIES`.
        compare: The ratio of the first's cells to the second's is judged; None judges
            the quantity itself.
        where: Cells that count; of a comparison, both.
        holds_if: What the interval must be.
        cells: It must hold in ``all`` cells or in ``any``.
    """

    name: str
    claim: str
    refuted_if: str
    quantity: str
    compare: tuple[Selector, Selector] | None
    where: Selector
    holds_if: Condition
    cells: Literal["all", "any"] = "all"

    def pairs(self, cells: Sequence[Cell]) -> Iterator[tuple[Cell, Cell | None]]:
        """Yield each cell that is judged, with the one that it is compared with.

        Raises:
            ConfigError: A cell has no partner, or several.
        """
        chosen = [cell for cell in cells if self.where.matches(cell)]
        if self.compare is None:
            yield from ((cell, None) for cell in chosen)
            return
        first, second = self.compare
        named: Mapping[str, Any] = {**first.wanted, **second.wanted}
        for cell in filter(first.matches, chosen):
            near = at_equal_places(chosen, cell, named)
            partners = [other for other in near if second.matches(other)]
            if len(partners) != 1:
                message = (
                    f"compare: {cell.label} has {len(partners)} partners among the "
                    f"cells of {second}; name what tells them apart, or choose by where"
                )
                raise ConfigError(message)
            yield cell, partners[0]

    def check(self, cells: Sequence[Cell]) -> None:
        """See that there is something to judge, and that it may be compared.

        Raises:
            ConfigError: No cell is chosen, a partner is missing, or speeds at unequal
                windows are compared though the comparison is not one of windows.
        """
        pairs = list(self.pairs(cells))
        if not pairs:
            message = "no cell is chosen by compare and where"
            raise ConfigError(message)
        for cell, other in pairs:
            if cell is other:
                message = f"compare: {cell.label} is on both sides"
                raise ConfigError(message)
            if other is not None and not self._comparable(cell, other):
                message = (
                    f"{self.quantity}: {cell.label} has window {cell.config.window}, "
                    f"{other.label} has {other.config.window}; speeds are compared at "
                    "the same window"
                )
                raise ConfigError(message)

    def _comparable(self, cell: Cell, other: Cell) -> bool:
        named = {key for side in self.compare or () for key in side.wanted}
        same = cell.config.window == other.config.window
        return same or "window" in named or self.quantity not in SPEEDS
