"""Say what the table holds: a row a quantity, with what it is compared to.

A ratio is the median of the ratios of each round, in which both sides were measured
side by side; it is never the ratio of two medians.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final, Literal

from neurocluster.bench.barrier import KINDS, NODES
from neurocluster.bench.curve import CURVE, PACKET_BYTES, PLAIN
from neurocluster.bench.link import PACKET_SIZES
from neurocluster.bench.timer import DELAYS_US

NO_FOLDER: Final = "needs --yardsticks"
NOT_PRINTED: Final = "the yardstick printed no such figure"
NO_PAIR: Final = "no round has both sides, the yardstick's above 0"
UNCOMPARED: Final = (NO_FOLDER, NOT_PRINTED, NO_PAIR)
"""Reasons of rows that were measured, but compared with nothing."""


@dataclass(frozen=True, slots=True)
class Row:
    """One quantity.

    Attributes:
        key: Name in JSON.
        quantity: Name in the table.
        unit: Of the value.
        sample: Name of the sample of a round.
        step: Step that measures it.
        reach: The goal.
        most: True if the goal is an upper bound.
        judged: What the goal bounds: the value, or value / yardstick, or the value
            minus the yardstick.
        yardstick: Sample of a round to compare with.
        program: Name of the yardstick.
        outside: True if the yardstick needs a folder of programs.
        total: True if the value is the sum over the rounds.
    """

    key: str
    quantity: str
    unit: str
    sample: str
    step: str
    reach: float
    most: bool = True
    judged: Literal["value", "ratio", "difference"] = "value"
    yardstick: str | None = None
    program: str | None = None
    outside: bool = False
    total: bool = False


def _against(
    key: str, quantity: str, unit: str, sample: str, step: str, reach: float,
    yardstick: str, program: str, *, most: bool = True,
) -> Row:  # fmt: skip
    return Row(
        key, quantity, unit, sample, step, reach, most, "ratio", yardstick, program,
        outside=True,
    )  # fmt: skip


def table_rows(thresholds: Sequence[Sequence[float]], window: int) -> list[Row]:
    """Return all rows.

    Args:
        thresholds: One setting a row of the kernels.
        window: Frames in flight of the cluster.
    """
    rows = [
        _against(
            f"kernels_{name(setting)}", f"kernels, T {name(setting)}", "us",
            f"kernels_{name(setting)}_us", "kernels", 1.15,
            f"best_{name(setting)}_us", "best",
        )
        for setting in thresholds
    ]  # fmt: skip
    modes = (
        ("pystep", "pystep", 1.1, 0.9), ("pystep_512", "py512", 1.1, 0.9),
        ("native", "native", 1.0, 1.0),
    )  # fmt: skip
    rows += [
        _against(
            f"hop_cpu_{mode}", "CPU a hop", "us", "hop_cpu_us", "cluster",
            most, f"{mode}_hop_us", shown,
        )
        for mode, shown, most, _ in modes
    ]  # fmt: skip
    rows += [
        _against(
            f"frames_per_second_{mode}", f"frames/s, window {window}", "",
            "speed_fps", "cluster", least, f"{mode}_fps", shown, most=False,
        )
        for mode, shown, _, least in modes
    ]  # fmt: skip
    rows += [
        Row(
            "cores_busy", "cores busy", "%", "speed_busy_percent",
            "cluster", 90, most=False, yardstick="pystep_busy_percent",
            program="pystep", outside=True,
        )
    ]  # fmt: skip
    rows += [
        _against(
            f"latency_{q}", f"latency {q}", "us", f"single_{q}_us",
            "one frame in flight", 1.1, f"pystep_single_{q}_us", "pystep",
        )
        for q in ("p50", "p99")
    ]  # fmt: skip
    rows += [
        Row(
            f"hop_{q}", f"hop {q}, idle", "us", f"hop_{q}_us", "hop", reach,
            judged="difference", yardstick=f"blocking_{q}_us", program="blocking",
        )
        for q, reach in (("p50", 10), ("p99", 25))
    ]  # fmt: skip
    rows += [
        _against(
            f"link_{size}", f"link, {size}/packet", "M/s", f"link_{size}", "link",
            0.6, f"blocking_link_{size}", "link.py", most=False,
        )
        for size in PACKET_SIZES
    ]  # fmt: skip
    return [
        *rows,
        *_curve_rows(),
        *_clock_rows(),
        *_timer_rows(),
        Row("ready_cold", "worker cold", "ms", "ready_cold_ms",
            "worker, cold", 450),
        Row("ready_forked", "worker forked", "ms", "ready_forked_ms",
            "worker, forked", 25),
        Row("first_result", "first result", "s", "first_result_s",
            "first result", 1.5),
        Row("memory_worker", "PSS, one worker", "MiB", "pss_worker_mib",
            "cluster", 20),
        Row("memory_all", "PSS, all", "MiB", "pss_all_mib", "cluster", 200),
        Row("simulation", "simulation, worst error", "%", "simulation_error_percent",
            "simulation", 15),
        Row("lost", "spikes lost", "", "lost", "stop", 0, total=True),
    ]  # fmt: skip


def _curve_rows() -> list[Row]:
    """Return what encryption costs; the yardstick is the same without it."""

    def row(
        key: str, quantity: str, unit: str, step: str, reach: float, *, most: bool,
        judged: Literal["ratio", "difference"] = "ratio",
    ) -> Row:  # fmt: skip
        sample = f"{CURVE}_{key}"
        return Row(
            sample, quantity, unit, sample, f"{step}, encrypted", reach, most, judged,
            f"{PLAIN}_{key}", PLAIN,
        )  # fmt: skip

    rows = [
        row(f"link_{size}", f"CURVE, {size:,} B/packet", "k/s", "link", least,
            most=False)
        for size, least in zip(PACKET_BYTES, (0.3, 0.25, 0.4), strict=True)
    ]  # fmt: skip
    rows += [
        row(f"link_{size}_cpu_us", f"CURVE, CPU of {size:,} B", "us", "link", 4,
            most=True)
        for size in PACKET_BYTES
    ]  # fmt: skip
    rows += [
        row(f"hop_{q}_us", f"CURVE, hop {q}, idle", "us", "hop", reach, most=True,
            judged="difference")
        for q, reach in (("p50", 8), ("p99", 25))
    ]  # fmt: skip
    return [*rows, row("fps", "CURVE, frames/s", "", "cluster", 0.7, most=False)]


BARRIER_US: Final = {
    "central": (76, 130, 227, 443), "dissemination": (176, 282, 563, 1099),
}  # fmt: skip
"""Of blocking sockets at 2, 4, 8 and 16 nodes on two cores, once."""
UNEXPLAINED_US: Final = 25
LATE_US: Final = {"p50": 100, "p99": 500}


def _clock_rows() -> list[Row]:
    """Return what each barrier costs alone, and what it adds to a frame's latency."""
    alone = [
        Row(
            f"barrier_{kind}_{nodes}", f"{kind}, {nodes} nodes", "us",
            f"barrier_{kind}_{nodes}_us", f"barrier alone, {kind}", reach,
        )
        for kind in KINDS
        for nodes, reach in zip(NODES, BARRIER_US[kind], strict=True)
    ]  # fmt: skip
    inside = [
        Row(
            f"clock_{kind}", f"clock, {kind}", "us",
            f"clock_{kind}_us", "barrier in a frame", UNEXPLAINED_US,
            judged="difference", yardstick=f"barrier_{kind}_{NODES[0]}_us",
            program="alone",
        )
        for kind in KINDS
    ]  # fmt: skip
    return [*alone, *inside]


def _timer_rows() -> list[Row]:
    """Return how late the timer is, by the delay that was asked for."""
    return [
        Row(
            f"timer_{delay}_{q}", f"timer, {delay:,} us, {q}", "us",
            f"timer_{delay}_{q}_us", "timer", reach,
        )
        for delay in DELAYS_US
        for q, reach in LATE_US.items()
    ]  # fmt: skip


def name(thresholds: Sequence[float]) -> str:
    """Return thresholds as a part of a name."""
    return "_".join(f"{value:g}" for value in thresholds)


def fill(
    row: Row, rounds: Sequence[Mapping[str, float]], failures: Mapping[str, str],
    *, folder: bool,
) -> dict[str, Any]:  # fmt: skip
    """Return a row's figures over all rounds; None where there are none.

    Args:
        row: The row.
        rounds: Samples by name.
        failures: By step, why it failed.
        folder: True if a folder of yardsticks was given.
    """
    own = [samples[row.sample] for samples in rounds if row.sample in samples]
    other = row.yardstick or ""
    pairs = [
        (s[row.sample], s[other]) for s in rounds if row.sample in s and other in s
    ]
    others = [samples[other] for samples in rounds if other in samples]
    ratios = [a / b for a, b in pairs if b > 0]
    differences = [a - b for a, b in pairs]
    value = sum(own) if row.total and own else _middle(own)
    judged = {"value": value, "ratio": _middle(ratios)}
    judged["difference"] = _middle(differences)
    figure = judged[row.judged]
    met = None
    if figure is not None:
        met = figure <= row.reach if row.most else figure >= row.reach
    return {
        "quantity": row.quantity,
        "unit": row.unit,
        "value": value,
        **_spread("value", own),
        "yardstick": row.program,
        "yardstick_value": _middle(others),
        "ratio": _middle(ratios) if row.judged != "difference" else None,
        **_spread("ratio", ratios if row.judged != "difference" else []),
        "difference": judged["difference"] if row.judged == "difference" else None,
        **_spread("difference", differences if row.judged == "difference" else []),
        "judged": row.judged,
        "reach": row.reach,
        "bound": "at most" if row.most else "at least",
        "met": met,
        "reason": _reason(
            row, own, others, failures, folder=folder, missing=figure is None
        ),
    }


def _reason(
    row: Row, own: Sequence[float], others: Sequence[float],
    failures: Mapping[str, str], *, folder: bool, missing: bool,
) -> str | None:  # fmt: skip
    """Say why a figure is missing."""
    if not own:
        return failures.get(row.step, "the system does not tell")
    if row.yardstick is None:
        return None
    if others:
        return NO_PAIR if missing else None
    return NOT_PRINTED if folder or not row.outside else NO_FOLDER


def _middle(values: Sequence[float]) -> float | None:
    return median(values) if values else None


def _spread(name: str, values: Sequence[float]) -> dict[str, float | None]:
    return {
        f"{name}_min": min(values, default=None),
        f"{name}_max": max(values, default=None),
    }
