"""Place the values of a setting on an axis: numbers by size, text side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from matplotlib.axes import Axes

from neurocluster.report.experiment import Value
from neurocluster.report.palette import SOFT

DECADES: Final = 1.5
"""Numbers that span more are placed by their logarithm."""
UNITS: Final = ("ns", "us", "ms", "s")


class Scale:
    """Say where the values of a setting are on an axis.

    Numbers that span decades are placed by their logarithm. Zero has no logarithm: it
    stands to the left of all others, and the axis is broken between.
    """

    def __init__(self, values: Sequence[Value]) -> None:
        """Take all values, in their order."""
        self.values = list(values)
        numbers = [v for v in self.values if isinstance(v, int | float)]
        self.numeric = len(numbers) == len(self.values)
        positive = [float(v) for v in numbers if v > 0]
        wide = bool(positive) and max(positive) / min(positive) >= 10**DECADES
        self.log = self.numeric and wide and min(numbers) >= 0
        self.zero = self.log and len(positive) < len(numbers)
        self._low = math.log10(min(positive)) if self.log else 0.0
        span = math.log10(max(positive)) - self._low if self.log else 0.0
        self._gap = max(0.5, 0.15 * span)

    def place(self, value: Value) -> float:
        """Return where a value is."""
        if not self.numeric or not isinstance(value, int | float):
            return float(self.values.index(value))
        if not self.log:
            return float(value)
        return math.log10(value) if value > 0 else self._low - self._gap

    def value(self, place: float) -> float:
        """Return which number is at a place; across the break it is interpolated."""
        if not self.log:
            return place
        if place < self._low:
            share = (place - self._low + self._gap) / self._gap
            return float(share * 10**self._low)
        return float(10**place)

    @property
    def width(self) -> float:
        """Return how far the outermost values are from each other."""
        places = [self.place(value) for value in self.values]
        return (max(places) - min(places)) or 1.0

    def broken(self, a: Value, b: Value) -> bool:
        """Tell whether the axis is broken between two values."""
        return self.zero and (a == 0) != (b == 0)

    def draw(self, axis: Axes, name: str) -> None:
        """Give the x axis its ticks, a setting's name and the mark of its break."""
        places = [self.place(value) for value in self.values]
        labels = [show(value) for value in self.values]
        turned = 30 if sum(map(len, labels)) > 60 else 0
        axis.set_xticks(
            places, labels, rotation=turned, ha="right" if turned else "center"
        )
        margin = 0.07 * self.width
        axis.set_xlim(min(places) - margin, max(places) + margin)
        axis.set_xlabel(label(name), color=SOFT)
        if self.zero:
            middle = (min(places) + self._low) / 2
            axis.text(
                middle, 0, "//", transform=axis.get_xaxis_transform(), ha="center",
                va="center", color=SOFT, fontsize=9,
            )  # fmt: skip


def show(value: Value) -> str:
    """Return a value of a setting as text."""
    if isinstance(value, int | float):
        return f"{value:,.6g}" if value < 1e6 else f"{value:,.0f}"
    return value or "none"


def label(name: str) -> str:
    """Return a setting's name with its unit: ``delay_us`` is "delay, us"."""
    stem, _, unit = name.rpartition("_")
    words = (stem if unit in UNITS and stem else name).replace("_", " ")
    return f"{words}, {unit}" if unit in UNITS and stem else words


def at(name: str, value: Value) -> str:
    """Return a setting and a value of it, in a sentence: "delay 10 us"."""
    words, _, unit = label(name).partition(", ")
    return f"{words} {show(value)}{' ' + unit if unit else ''}"
