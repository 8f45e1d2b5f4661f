"""Say what is known of links: their ends, layers from left to right, and times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from neurocluster.dtypes import CLIENT
from neurocluster.report.files import Line, number
from neurocluster.results.tables import INVALID

SINK: Final = f"{CLIENT} "
"""The client as the reader of outputs; the space tells it from the one that sends."""
Ends = tuple[str, str]


def ends(link: Line) -> Ends:
    """Return source and destination; the client that reads is `SINK`."""
    to = str(link["destination"])
    return str(link["source"]), SINK if to == CLIENT else to


def columns(links: Sequence[Line]) -> list[list[str]]:
    """Return the ends by layer: all links lead to a later list, if they form a DAG.

    The first list has the client that sends, the last one the client that reads.
    """
    pairs = [ends(link) for link in links]
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    depth = dict.fromkeys(names, 0)
    for _ in names:  # as many rounds as the longest path may have links
        moved = False
        for source, to in pairs:
            if depth[to] <= depth[source]:
                depth[to] = min(depth[source] + 1, len(names))
                moved = True
        if not moved:
            break
    if SINK in depth:
        depth[SINK] = (
            max(depth.values()) + 1
        )  # also behind partitions that lead nowhere
    levels = sorted(set(depth.values()))
    return [
        sorted((n for n in names if depth[n] == level), key=_natural)
        for level in levels
    ]


def _natural(name: str) -> tuple[str, int]:
    """Return what sorts conv1.2 before conv1.10."""
    layer, _, number = name.rpartition(".")
    return (layer, int(number)) if number.isdecimal() else (name, -1)


def resolved(link: Line) -> bool | None:
    """Tell whether the median one-way time exceeds its error; None without a time."""
    value, error = number(link, "transit_ns_p50"), number(link, "transit_error_ns")
    if value is None:
        return None
    return (error or 0) <= value


def why_untimed(link: Line) -> str:
    """Say why a link has no one-way time."""
    if link.get("clock") == INVALID:
        return "its clock jumped"
    packets = number(link, "packets")
    if packets is None:
        return "its ends sent no report"
    return "its clock is not known" if packets else "nothing came"
