"""Draw what was told beside the truth, over the time of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from neurocluster.dtypes import F64, I64
from tools.latency.cluster import Phase, Setting
from tools.latency.judge import TIGHT, Judged

SHOWN: Final = 120
"""Packets that are drawn one by one."""
BINS: Final = 120
"""Of the time, for what is drawn of all packets."""
TRUTH, TOLD, BOUND = "#1a1a1a", "#d1495b", "#9ec1e6"
SECOND_NS: Final = 1e9
US: Final = 1e3
LEAST_US: Final = 10
"""Where the logarithmic axis begins; bounds may reach below."""


def draw(
    runs: Sequence[tuple[Phase, Judged]], title: str, files: Sequence[Path]
) -> None:
    """Draw a column a run: single packets on top, all of them below.

    Args:
        runs: A run, and the link of it that is drawn.
        title: Says what link that is, and how the clocks at its ends are wrong.
        files: To write, each in the format of its name.
    """
    plt.rcParams |= {
        "font.size": 9, "svg.fonttype": "none", "svg.hashsalt": "neurocluster",
    }  # fmt: skip
    figure, axes = plt.subplots(
        3, len(runs), figsize=(5 * len(runs), 8), sharex="col", squeeze=False,
        layout="constrained",
    )  # fmt: skip
    figure.suptitle(title, fontsize=10)
    for column, (phase, link) in enumerate(runs):
        above, middle, below = axes[:, column]
        name = _name(phase.setting)
        rate = len(link.truth) / phase.setting.seconds
        above.set_title(f"{name}: {rate:,.0f} packets/s on this link", fontsize=9)
        _single(above, link)
        at, starts = _moments(link)
        _bounds(middle, link, at, starts)
        _shares(below, link, at, starts)
        below.set_xlabel("time, s")
    axes[0, 0].set_ylabel("one-way time of some packets, us")
    axes[1, 0].set_ylabel("bound of all packets, us")
    axes[2, 0].set_ylabel("(told - truth) / bound")
    handles = [h for row in axes for h in row[0].get_legend_handles_labels()[0]]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8)
    for file in files:
        figure.savefig(file, dpi=130, metadata=_undated(file))
    plt.close(figure)


def _undated(file: Path) -> dict[str, Any]:
    """Return metadata that make the same file of the same values."""
    return {"Date": None} if file.suffix == ".svg" else {}


def _name(setting: Setting) -> str:
    """Return what a column is called."""
    if setting.wire_us:
        return f"idle network, {setting.wire_us:g} us from host to host"
    return "one host, with load" if setting.load else "one host, idle"


def _single(axis: Any, link: Judged) -> None:
    """Draw some packets, evenly spread over the time."""
    count = len(link.truth)
    wanted = np.linspace(link.at_ns[0], link.at_ns[-1], min(SHOWN, count))
    shown = np.unique(np.searchsorted(link.at_ns, wanted).clip(0, count - 1))
    at, told = link.at_ns[shown] / SECOND_NS, link.told[shown] / US
    error = link.error[shown] / US
    axis.vlines(
        at, np.maximum(told - error, LEAST_US), told + error, color=BOUND, lw=1.6,
        label="bound around what was told",
    )  # fmt: skip
    axis.plot(at, told, "_", color=TOLD, ms=5, label="told")
    axis.plot(at, link.truth[shown] / US, ".", color=TRUTH, ms=2.5, label="truth")
    _logarithmic(axis)
    axis.set_ylim(bottom=LEAST_US)


def _logarithmic(axis: Any, steps: tuple[int, ...] = (1,)) -> None:
    axis.set_yscale("log")
    axis.yaxis.set_major_locator(LogLocator(subs=steps))
    axis.yaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def _moments(link: Judged) -> tuple[F64, I64]:
    """Return when moments with packets begin, s, and the first packet of each."""
    edges = np.linspace(0, link.at_ns[-1], BINS + 1)
    starts = np.searchsorted(link.at_ns, edges[:-1])
    kept = np.flatnonzero(np.diff(np.append(starts, len(link.at_ns))))
    return edges[kept] / SECOND_NS, starts[kept]


def _bounds(axis: Any, link: Judged, at: F64, starts: I64) -> None:
    """Draw the bounds of all packets: of each moment the least to the largest."""
    least = np.minimum.reduceat(link.error, starts) / US
    most = np.maximum.reduceat(link.error, starts) / US
    axis.fill_between(
        at, least, most, color=BOUND, step="post", lw=1,
        label="bounds, least to largest of each moment",
    )  # fmt: skip
    if link.half_trip:
        half = link.half_trip / US
        axis.axhline(half, color=TRUTH, lw=0.8, ls=":", label="half a round trip")
        axis.axhline(
            TIGHT * half, color=TRUTH, lw=0.8, ls="--", label=f"{TIGHT:g} times that"
        )
    _logarithmic(axis, (1, 2, 5))


def _shares(axis: Any, link: Judged, at: F64, starts: I64) -> None:
    """Draw of all packets how far what was told is off, as a share of the bound."""
    share = link.off / link.error
    axis.fill_between(
        at, np.minimum.reduceat(share, starts), np.maximum.reduceat(share, starts),
        color=TOLD, step="post", lw=1, label="off, least to most of each moment",
    )  # fmt: skip
    axis.axhline(0, color=TRUTH, lw=0.8)
    for side in (-1, 1):
        axis.axhline(side, color=TRUTH, lw=1.2)
    axis.set_ylim(-1.15, 1.15)
