"""Hold a figure and what is said of it; make SVG, PNG and the page's drawing of it."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from neurocluster.report.palette import AXIS, GRID, INK, MUTED, SOFT, SURFACE
from neurocluster.report.words import tick_text

WIDTH: Final = 6.4
"""Inches: at 480 pixels the letters are still large enough to be read."""
DPI: Final = 160
NARROW, WIDE = 6.0, 300.0
"""Factors between the ends of an axis: below the first its ticks are evenly spaced,
from the second on they are powers of ten."""
STYLE: Final[Any] = {
    "font.size": 10, "font.family": "sans-serif", "svg.fonttype": "none",
    "figure.facecolor": SURFACE, "savefig.facecolor": SURFACE,
    "axes.facecolor": SURFACE, "axes.edgecolor": AXIS, "axes.labelcolor": SOFT,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "axes.axisbelow": True, "grid.color": GRID, "grid.linewidth": 0.8,
    "text.color": INK, "xtick.color": AXIS, "ytick.color": AXIS,
    "xtick.labelcolor": SOFT, "ytick.labelcolor": SOFT, "legend.frameon": False,
    "legend.fontsize": 9, "legend.labelcolor": SOFT, "lines.linewidth": 1.8,
    "hatch.color": MUTED, "hatch.linewidth": 0.8,
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A figure with what is said of it.

    Attributes:
        name: Of its files, without suffix.
        title: Its heading.
        sentence: What is to be seen, or why nothing is.
        data: Files that it was made of.
        figure: The drawing; None where there is nothing to draw.
    """

    name: str
    title: str
    sentence: str
    data: Sequence[Path]
    figure: Figure | None = None


def canvas(
    height: float = 3.4, width: float = WIDTH, rows: int = 1, columns: int = 1
) -> tuple[Figure, list[Axes]]:
    """Return a figure and its axes, row by row; sizes are inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.ravel())


def bare(axis: Axes) -> None:
    """Take away frame, grid and ticks."""
    axis.grid(visible=False)
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)


def time_axis(axis: Axes, low_ns: float, high_ns: float) -> None:
    """Make the x axis logarithmic time in ns, with ticks that people read."""
    axis.set_xscale("log")
    axis.set_xlim(low_ns, high_ns)
    factor = high_ns / low_ns
    if factor < NARROW:
        ticks = MaxNLocator(5).tick_values(low_ns, high_ns)
        axis.set_xticks([t for t in ticks if low_ns <= t <= high_ns])
    else:
        subs = (1, 2, 5) if factor < WIDE else (1,)
        axis.xaxis.set_major_locator(LogLocator(subs=subs))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(value)))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.tick_params(axis="x", which="minor", length=0)


def percent_axis(axis: Axes) -> None:
    """Show the shares of the y axis as percentages."""
    axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))


def saved(figure: Figure, form: str) -> bytes:
    """Return the bytes of a figure's file; the same for the same figure.

    Args:
        figure: The drawing.
        form: ``svg`` or ``png``.
    """
    buffer = io.BytesIO()
    metadata = {"Date": None} if form == "svg" else {}
    figure.savefig(buffer, format=form, dpi=DPI, metadata=metadata)
    figure.set_layout_engine("none")  # it is laid out now, whatever the form
    return buffer.getvalue()


def styled(salt: str) -> Any:
    """Return a context in which figures have our style.

    Args:
        salt: Makes the ids of a drawing differ from those of others on the page.
    """
    return mpl.rc_context({**STYLE, "svg.hashsalt": salt})


def inline(svg: str, title: str) -> str:
    """Return a drawing as part of a page: as wide as its place, named for readers.

    Args:
        svg: Contents of an SVG file.
        title: What a reader that does not see it is told; already escaped.
    """
    body = svg[svg.index("<svg") :]
    head, _, rest = body.partition(">")
    box = re.search(r'viewBox="[^"]*"', head)
    assert box is not None  # matplotlib writes one
    width = float(box[0].split()[2])
    attributes = f'{box[0]} role="img" aria-label="{title}" '
    size = f'style="max-width: {width * 4 / 3:.0f}px"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}{size}>{rest}'
