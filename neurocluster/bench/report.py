"""Render what was measured for a terminal; fits 100 columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from neurocluster.bench.rows import UNCOMPARED
from neurocluster.results.layout import dense_table

NOTE: Final = """
Ratio: median of the rounds' own ratios to the yardstick; with a sign, of differences.
(min-max) is over the rounds; T is the threshold; k is a thousand. CPU a hop: of all
processes, beyond the kernels. Latency: one frame in flight, client to result. Hop: one
way, beside plain blocking pyzmq in the same two processes. M/s: million spikes/s.
Worker: until it is ready. First result: from the command on. Lost: sent, not received,
a stop in mid-stream included. PSS: one worker is the largest; all holds the template
and the controller. Central, dissemination: a round of a clock without work, client
included. Clock: what it adds to the latency of one frame in flight, and the way of a
packet, which it hides; the barrier alone, if it adds nothing else. Timer: how late.
best: kernels_best.py; pystep, native: modes of hop.py with whole frames as packets;
py512: pystep with packets of 512 spikes."""
THOUSANDS: Final = 10_000
"""Figures from here on are shown in thousands; JSON has them in full."""
QUIET: Final = 0.1
"""Waiting for a core above this share spoils the figures."""


def show(console: Console, results: Mapping[str, Any]) -> None:
    """Print the table, where it was measured, and why figures are missing."""
    settings, machine = results["settings"], results["environment"]
    console.print(_table(results))
    console.print(NOTE)
    for work in results["workloads"]:
        right = work["accuracy_by_count"]
        shown = "-" if right is None else f"{100 * right:.2f} %"
        console.print(
            f"T {', '.join(f'{t:g}' for t in work['thresholds'])}: {shown} right by"
            f" count, {work['spikes_per_neuron']:.3f} spikes/neuron,"
            f" {work['frames']:,} images."
        )
    loads = machine["load_average"][0], results["load_average_after"][0]
    console.print(
        f"{settings['frames']:,} frames a run, window {settings['window']},"
        f" packets of {settings['max_spikes']} spikes.\n{machine['cpu']},"
        f" {machine['cores']} cores, load {loads[0]:.1f} before, {loads[1]:.1f} after."
    )
    if (results["waiting"] or 0) > QUIET:
        console.print(
            "The machine was not quiet: the kernels alone waited"
            f" {100 * results['waiting']:.0f} % of the time for a core; quote nothing."
        )
    missing: dict[str, list[str]] = {}
    for row in results["rows"].values():
        if row["reason"] is not None:
            missing.setdefault(row["reason"], []).append(row["quantity"])
    for reason, quantities in missing.items():
        names = "; ".join(dict.fromkeys(quantities))
        what = "Not compared" if reason in UNCOMPARED else "Not measured"
        console.print(f"{what} ({reason}): {names}")


def _table(results: Mapping[str, Any]) -> Table:
    rounds = results["settings"]["rounds"]
    title = f"Medians of {rounds} interleaved round{'s' if rounds > 1 else ''}"
    table = dense_table(title)
    table.add_column("quantity", no_wrap=True)
    table.add_column("here (min-max)", justify="right")
    table.add_column("yardstick", justify="right", no_wrap=True)
    table.add_column("ratio (min-max)", justify="right")
    table.add_column("reach", justify="right", no_wrap=True)
    table.add_column("met", no_wrap=True)
    for row in results["rows"].values():
        table.add_row(*_cells(row))
    return table


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    value, other = row["value"], row["yardstick_value"]
    compared = "difference" if row["judged"] == "difference" else "ratio"
    sign = "+" if compared == "difference" else ""
    against = "-" if other is None else short(other)
    if row["yardstick"] is not None:
        against += f" {row['yardstick']}"
    bound = "<=" if row["bound"] == "at most" else ">="
    times = " x" if row["judged"] == "ratio" else ""
    goal = "+" if row["judged"] == "difference" else ""
    return (
        ", ".join(filter(None, (row["quantity"], row["unit"]))),
        _with_spread(value, row["value_min"], row["value_max"]),
        against,
        _with_spread(
            row[compared], row[f"{compared}_min"], row[f"{compared}_max"], sign
        ),
        f"{bound} {goal}{row['reach']:g}{times}",
        {True: "yes", False: "no", None: "-"}[row["met"]],
    )


def _with_spread(
    value: float | None, low: float | None, high: float | None, sign: str = ""
) -> str:
    if value is None or low is None or high is None:
        return "-"
    if low == high:
        return short(value, sign)
    between = "-" if min(low, high) >= 0 else ".."
    return f"{short(value, sign)} ({short(low)}{between}{short(high)})"


def short(value: float, sign: str = "") -> str:
    """Return a number with three or four significant digits; k is a thousand."""
    size = abs(value)
    if size >= THOUSANDS:
        return f"{value / 1e3:{sign},.1f}k"
    digits = 0 if size >= 100 or value == 0 else 1 if size >= 10 else 2
    return f"{value:{sign},.{digits}f}"
