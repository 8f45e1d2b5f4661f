"""Name the colours of figures and page, each in light and dark.

A figure is drawn once, in the light colours. In the page each of them is replaced by
the variable of that name, which the style sheet defines for light, dark and paper;
shades of one colour are made by opacity, so that they suit either ground.
"""

from __future__ import annotations

import re
from typing import Final

COLOURS: Final = {
    "surface": ("#fcfcfb", "#1a1a19"),
    "ink": ("#0b0b0b", "#ffffff"),
    "soft": ("#52514e", "#c3c2b7"),
    "muted": ("#898781", "#8f8d86"),
    "grid": ("#e1e0d9", "#2c2c2a"),
    "axis": ("#c3c2b7", "#4a4a46"),
    "blue": ("#2a78d6", "#3987e5"),
    "orange": ("#eb6834", "#d95926"),
    "aqua": ("#1baf7a", "#199e70"),
    "yellow": ("#eda100", "#c98500"),
    "violet": ("#4a3aa7", "#9085e9"),
    "magenta": ("#e87ba4", "#d55181"),
    "green": ("#008300", "#00a000"),
    "red": ("#e34948", "#e66767"),
}
"""Light and dark; the light ones differ from each other, for they are replaced."""
SURFACE, INK, SOFT, MUTED, GRID, AXIS = (
    COLOURS[name][0] for name in ("surface", "ink", "soft", "muted", "grid", "axis")
)
SERIES: Final = tuple(
    COLOURS[name][0]
    for name in (
        "blue", "orange", "aqua", "yellow", "violet", "magenta", "green", "red"
    )
)  # fmt: skip
BLUE, ORANGE, AQUA, YELLOW, VIOLET, MAGENTA, GREEN, RED = SERIES
DASHES: Final = ("-", "--", ":", "-.")
MARKS: Final = ("o", "s", "^", "D", "v", "P", "X", "h")
_NAMES: Final = {light: name for name, (light, _) in COLOURS.items()}
_FORM: Final = re.compile(r"#[0-9a-f]{6}\b")


def series(number: int) -> tuple[str, str, str]:
    """Return colour, line style and mark of a series; no two of 32 are alike."""
    turn, place = divmod(number, len(SERIES))
    return SERIES[place], DASHES[turn % len(DASHES)], MARKS[number % len(MARKS)]


def with_variables(svg: str) -> str:
    """Return a drawing whose colours are the page's variables."""

    def variable(found: re.Match[str]) -> str:
        name = _NAMES.get(found[0])
        return found[0] if name is None else f"var(--{name})"

    return _FORM.sub(variable, svg)


def variables(*, dark: bool) -> str:
    """Return the declarations of a style sheet that define the variables."""
    return " ".join(f"--{name}: {pair[dark]};" for name, pair in COLOURS.items())
