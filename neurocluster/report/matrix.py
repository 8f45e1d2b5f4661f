"""Draw what each link carried, and how long that took, as a matrix of its ends."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle

from neurocluster.report.ends import Ends, columns, ends, resolved, why_untimed
from neurocluster.report.figure import Drawn, bare, canvas
from neurocluster.report.files import Line, number
from neurocluster.report.palette import AQUA, BLUE, INK, MUTED, SOFT, SURFACE, VIOLET
from neurocluster.report.run import Run
from neurocluster.report.words import (
    count_text,
    listed,
    percent,
    plural,
    time_text,
)  # fmt: skip
from neurocluster.results.times import UNRESOLVED, name_of

MOST_WRITTEN: Final = 10
"""Of more ends the cells are too small for numbers; colour and the table tell."""
LIGHTEST, DARKEST = 0.07, 0.55
"""Opacity of the least and the largest value: ink can be read on both."""
STEPS: Final = 5


@dataclass(frozen=True, slots=True)
class Cell:
    """What a cell of the matrix shows; without a value it is hatched."""

    value: float | None
    text: str
    sure: bool = True


def spikes_matrix(run: Run, name: str) -> Drawn:
    """Draw the spikes of each link."""
    cells = {ends(k): _counted(k, "spikes_sent") for k in run.links}
    said = _said(run.links, "spikes_sent", "spikes")
    lost = [k for k in run.links if k.get("spikes_sent") != k.get("spikes_received")]
    if lost:
        said += f" Counts of the two ends differ on {_names(lost)}."
    elif "spikes" in said:
        said += " Every count is the same at both ends."
    return _drawn(run, name, "Spikes on each link", said, cells, BLUE, count_text)


def bytes_matrix(run: Run, name: str) -> Drawn:
    """Draw the bytes of each link."""
    cells = {ends(k): _counted(k, "bytes") for k in run.links}
    said = _said(run.links, "bytes", "bytes")
    both = [(number(k, "spikes_sent"), number(k, "bytes")) for k in run.links]
    spikes = sum(spikes for spikes, size in both if spikes and size)
    size = sum(size for spikes, size in both if spikes and size)
    if spikes:
        said += f" A spike took {size / spikes:.2f} bytes, packet heads included."
    return _drawn(run, name, "Bytes on each link", said, cells, AQUA, count_text)


def latency_matrix(run: Run, name: str) -> Drawn:
    """Draw the median one-way time of each link with its bound."""
    cells = {ends(k): _timed(k) for k in run.links}
    title = "One-way time of each link, median, and its bound"
    said = latency_said(run.links)
    return _drawn(run, name, title, said, cells, VIOLET, time_text)


def latency_said(links: Sequence[Line]) -> str:
    """Say which link is slowest, and which times are not resolved."""
    told = [k for k in links if resolved(k)]
    said = []
    if told:
        times = {name_of(k): number(k, "transit_ns_p50") or 0.0 for k in told}
        most, least = (
            max(times, key=times.__getitem__),
            min(times, key=times.__getitem__),
        )
        bound = max(number(k, "transit_error_ns") or 0 for k in told)
        said.append(
            f"Packets took {time_text(times[least])} ({least}) to "
            f"{time_text(times[most])} ({most}), each known to within "
            f"{time_text(bound, 2) if bound else 'the reading of one clock'} or better."
        )
    if unsure := [k for k in links if resolved(k) is False]:
        said.append(
            f"Not resolved on {_names(unsure)}: the clocks' bound exceeds the time."
        )
    untimed = [k for k in links if resolved(k) is None][:4]
    said += [f"No time is known of {name_of(k)}: {why_untimed(k)}." for k in untimed]
    return " ".join(said) or "The run has no links."


def _said(links: Sequence[Line], key: str, what: str) -> str:
    """Say how much all links carried, and which most of it."""
    known = {name_of(k): v for k in links if (v := number(k, key)) is not None}
    unknown = [name_of(k) for k in links if number(k, key) is None]
    said = []
    if known and (total := sum(known.values())):
        most = max(known, key=known.__getitem__)
        said.append(
            f"{plural(len(known), 'link')} carried {count_text(total)} {what}, "
            f"{percent(known[most] / total, 0)} of them {most}."
        )
    if unknown:
        said.append(f"Not reported: {listed(unknown, 4)}.")
    return " ".join(said) or f"No {what} were counted."


def _names(links: Sequence[Line]) -> str:
    return listed([name_of(link) for link in links], 4)


def _counted(link: Line, key: str) -> Cell:
    value = number(link, key)
    return Cell(value, "none told" if value is None else count_text(value))


def _timed(link: Line) -> Cell:
    value, error = number(link, "transit_ns_p50"), number(link, "transit_error_ns")
    if value is None:
        return Cell(None, str(link.get("clock") or "-"))
    if not resolved(link):
        return Cell(None, f"{UNRESOLVED}\n< {time_text(value + (error or 0))}")
    bound = f"\n\N{PLUS-MINUS SIGN}{time_text(error, 2)}" if error is not None else ""
    return Cell(value, f"{time_text(value)}{bound}")


def _drawn(
    run: Run, name: str, title: str, said: str, cells: Mapping[Ends, Cell],
    colour: str, text: Callable[[float], str],
) -> Drawn:  # fmt: skip
    data = [run.file("links.csv")]
    if not cells:
        return Drawn(name, title, "The run has no links.csv with links in it.", data)
    rows = [n for level in columns(run.links)[:-1] for n in level]
    across = [n for level in columns(run.links)[1:] for n in level]
    large = max(len(rows), len(across)) > MOST_WRITTEN
    size = 0.3 if large else 0.58
    figure, (axis,) = canvas(min(1.3 + size * len(rows), 8.0))
    _grid(axis, rows, across)
    values = [c.value for c in cells.values() if c.value]
    scale = _Scale(min(values, default=1.0), max(values, default=1.0))
    for (source, to), cell in cells.items():
        at = across.index(to), rows.index(source)
        _fill(axis, at, cell, colour, scale)
        if not large:
            small = 8 if len(across) < 8 else 6.5
            axis.text(
                *at, cell.text, ha="center", va="center", fontsize=small, color=INK
            )
    if len(values) > 1:
        _legend(axis, scale, colour, text)
    return Drawn(name, title, said, data, figure)


class _Scale:
    """Give values opacities, by their logarithm."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def opacity(self, value: float) -> float:
        if self.high <= self.low or value <= 0:
            return DARKEST if value > 0 else 0.0
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return LIGHTEST + (DARKEST - LIGHTEST) * share

    def steps(self) -> list[float]:
        """Return values from the least to the largest, evenly by logarithm."""
        ratio = self.high / self.low
        return [self.low * ratio ** (k / (STEPS - 1)) for k in range(STEPS)]


def _grid(axis: Axes, rows: Sequence[str], across: Sequence[str]) -> None:
    bare(axis)
    axis.set_xlim(-0.5, len(across) - 0.5)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    small = 7 if max(len(rows), len(across)) > MOST_WRITTEN else 9
    turned = 90 if len(across) > MOST_WRITTEN else 0 if len(across) < 7 else 30
    names = [n.strip() for n in across]
    axis.set_xticks(
        range(len(across)), names, rotation=turned, fontsize=small,
        ha="right" if turned == 30 else "center",
    )  # fmt: skip
    axis.set_yticks(range(len(rows)), rows, fontsize=small)
    axis.tick_params(length=0)
    axis.set_xlabel("to")
    axis.set_ylabel("from")


def _fill(
    axis: Axes, at: tuple[int, int], cell: Cell, colour: str, scale: _Scale
) -> None:
    corner = at[0] - 0.48, at[1] - 0.46
    if cell.value is None:
        hatched = Rectangle(
            corner, 0.96, 0.92, facecolor=SURFACE, edgecolor=MUTED, hatch="///",
            alpha=0.45, lw=0.8,
        )  # fmt: skip
        axis.add_patch(hatched)
        return
    face = to_rgba(colour, scale.opacity(cell.value))
    axis.add_patch(
        Rectangle(corner, 0.96, 0.92, facecolor=face, edgecolor=colour, lw=0.6)
    )


def _legend(
    axis: Axes, scale: _Scale, colour: str, text: Callable[[float], str]
) -> None:
    """Show which opacity stands for which value, on a logarithmic scale."""
    steps = [scale.low, scale.high] if scale.low == scale.high else scale.steps()
    handles = [
        Rectangle((0, 0), 1, 1, facecolor=to_rgba(colour, scale.opacity(v)),
                  edgecolor=colour, lw=0.6, label=text(v))
        for v in steps
    ]  # fmt: skip
    axis.legend(
        handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0),
        ncols=len(steps), labelcolor=SOFT, columnspacing=1.2, handlelength=1.0,
    )  # fmt: skip
