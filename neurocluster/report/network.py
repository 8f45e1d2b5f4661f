"""Draw the network of partitions, its links as wide as what they carried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path as Curve

from neurocluster.report.ends import SINK, columns, ends
from neurocluster.report.figure import WIDTH, Drawn, bare, canvas
from neurocluster.report.files import Line, number
from neurocluster.report.palette import AXIS, BLUE, INK, MUTED, SURFACE
from neurocluster.report.run import Run
from neurocluster.report.words import count_text, percent, plural
from neurocluster.results.times import name_of

THINNEST, WIDEST = 0.5, 11.0
"""Points of a link without spikes, and of the one with most."""
HALF: Final = 0.29
"""Half the width of a box; layers are 1 apart."""
MOST_LABELS: Final = 8
"""Of more links no numbers are written."""
Place = tuple[float, float]


def network_graph(run: Run, name: str) -> Drawn:
    """Draw layers from left to right, the partitions of each above each other."""
    title, data = "Network, links as wide as their spikes", [run.file("links.csv")]
    if not run.links:
        return Drawn(name, title, "The run has no links.csv with links in it.", data)
    layers = columns(run.links)
    tallest = max(map(len, layers))
    height = min(max(1.9, 0.8 + 0.55 * tallest), 9.0)
    figure, (axis,) = canvas(height, max(WIDTH, 1.05 * len(layers)))
    places = _places(layers, tallest)
    spikes = {ends(link): number(link, "spikes_sent") for link in run.links}
    most = max((value or 0 for value in spikes.values()), default=0)
    for pair, value in spikes.items():
        _link(axis, places[pair[0]], places[pair[1]], value, most)
    if len(spikes) <= MOST_LABELS:
        _labels(axis, places, spikes, run.frames_done)
    _boxes(axis, places, _synops(run.workers))
    bare(axis)
    axis.set_xlim(-0.4, len(layers) - 0.6)
    axis.set_ylim(-tallest / 2 - 0.1, tallest / 2 + 0.1)
    return Drawn(name, title, _said(run), data, figure)


def _said(run: Run) -> str:
    known = [k for k in run.links if number(k, "spikes_sent") is not None]
    if not known:
        return "No spikes were counted: the links are drawn thin and dashed."
    widest = max(known, key=lambda k: number(k, "spikes_sent") or 0)
    most = number(widest, "spikes_sent") or 0
    said = f"The widest link is {name_of(widest)} with {count_text(most)} spikes"
    if run.frames_done:
        said += f", {count_text(most / run.frames_done)} a frame"
    said += "."
    if synops := _synops(run.workers):
        busiest = max(synops, key=synops.__getitem__)
        share = percent(synops[busiest] / (sum(synops.values()) or 1), 0)
        said += f" Of all SynOps {busiest} does {share} (darker boxes do more)."
    if missing := len(run.links) - len(known):
        said += f" {plural(missing, 'link')} without counts: thin and dashed."
    return said


def _synops(workers: Sequence[Line]) -> dict[str, float]:
    """Return the SynOps of each partition of which they are known."""
    found: dict[str, float] = {}
    for worker in workers:
        if (value := number(worker, "synops")) is not None:
            name = str(worker["partition"])
            found[name] = max(value, found.get(name, 0))
    return found


def _places(layers: Sequence[Sequence[str]], tallest: int) -> dict[str, Place]:
    """Return the middle of each box: layers 1 apart, evenly over the height."""
    places = {}
    for x, names in enumerate(layers):
        step = min(tallest / len(names), 1.6)
        for k, name in enumerate(names):
            places[name] = (float(x), ((len(names) - 1) / 2 - k) * step)
    return places


def _link(axis: Axes, a: Place, b: Place, value: float | None, most: float) -> None:
    left, right = a[0] + HALF, b[0] - HALF
    middle = (left + right) / 2
    points = [(left, a[1]), (middle, a[1]), (middle, b[1]), (right, b[1])]
    codes = [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4]
    known = value is not None and most > 0
    width = max(THINNEST, WIDEST * (value or 0) / most) if known else THINNEST
    drawn = PathPatch(
        Curve(points, codes), facecolor="none", lw=width, capstyle="butt",
        edgecolor=to_rgba(BLUE, 0.55) if known else MUTED,
        linestyle="-" if known else "--",
    )  # fmt: skip
    axis.add_patch(drawn)


def _labels(
    axis: Axes, places: Mapping[str, Place],
    spikes: Mapping[tuple[str, str], float | None], frames: int,
) -> None:  # fmt: skip
    """Write the spikes a frame at each link."""
    for (source, to), value in spikes.items():
        if value is None or not frames:
            continue
        (x0, y0), (x1, y1) = places[source], places[to]
        axis.annotate(
            count_text(round(value / frames)), ((x0 + x1) / 2, (y0 + y1) / 2),
            ha="center", va="center", fontsize=8, color=INK,
            bbox={"facecolor": SURFACE, "alpha": 0.8, "lw": 0, "pad": 1.2},
        )  # fmt: skip


def _boxes(
    axis: Axes, places: Mapping[str, Place], synops: Mapping[str, float]
) -> None:
    most = max(synops.values(), default=0) or 1
    for name, (x, y) in places.items():
        share = 0.4 * synops.get(name, 0) / most
        for face in (SURFACE, to_rgba(BLUE, share)):  # links end below the box
            box = FancyBboxPatch(
                (x - HALF, y - 0.24), 2 * HALF, 0.48, facecolor=face, edgecolor=AXIS,
                lw=1.0, boxstyle="round,pad=0,rounding_size=0.05",
            )  # fmt: skip
            axis.add_patch(box)
        size = 9 if len(name) < 9 else 7
        text = "client" if name == SINK else name
        axis.text(x, y, text, ha="center", va="center", fontsize=size, color=INK)
