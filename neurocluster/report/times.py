"""Draw where the time of each worker went."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from neurocluster.dtypes import CLIENT
from neurocluster.report.figure import Drawn, canvas
from neurocluster.report.files import Line, number
from neurocluster.report.palette import (
    AQUA,
    BLUE,
    GRID,
    MUTED,
    ORANGE,
    RED,
    SOFT,
    VIOLET,
    YELLOW,
)  # fmt: skip
from neurocluster.report.run import Run
from neurocluster.report.words import listed, percent, plural, time_text

COLOURS: Final = {
    "kernels": BLUE, "other CPU": AQUA, "sleeps, made slow": MUTED,
    "waits for input": YELLOW, "waits for a full link": ORANGE,
    "waits for the slowest": RED, "waits for the clock": VIOLET,
    "waits for a processor": SOFT, "rest: waits": GRID,
}  # fmt: skip
"""What time went into, in the order in which it is drawn."""
SLEEPS: Final = "sleeps, made slow"
SLOWEST: Final = "waits for the slowest"
CLOCK: Final = "waits for the clock"
WAITS: Final = {
    "waits for input": "wait_input_ns", "waits for a full link": "wait_outbound_ns",
    SLOWEST: "wait_slowest_ns", CLOCK: "wait_clock_ns",
    "waits for a processor": "wait_cpu_ns",
}  # fmt: skip
Parts = dict[str, float]


def worker_times(run: Run, name: str) -> Drawn:
    """Draw kernels, other CPU time and waits of each worker and the client."""
    title, data = "Where each worker's time went", [run.file("workers.csv")]
    if not run.workers:
        return Drawn(
            name, title, "The run has no workers.csv with workers in it.", data
        )
    elapsed = (run.seconds or 0) * 1e9
    parts = [time_parts(worker, elapsed) for worker in run.workers]
    if not any(parts):
        return Drawn(name, title, "No worker has reported its times.", data)
    figure, (axis,) = canvas(1.2 + 0.4 * len(parts))
    for row, found in enumerate(parts):
        left, total = 0.0, sum((found or {}).values()) or 1.0
        for what, value in (found or {}).items():
            axis.barh(row, value / total, left=left, color=COLOURS[what], height=0.68)
            left += value / total
        if not found:
            text = "no report" if found is None else "no time of its run alone"
            axis.text(0.01, row, text, va="center", fontsize=8, color=MUTED)
    axis.set_yticks(range(len(parts)), _names(run.workers), fontsize=9)
    axis.set_ylim(len(parts) - 0.5, -0.5)
    axis.set_xlim(0, 1)
    axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    axis.grid(visible=False, axis="y")
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel("share of the run's time", color=SOFT)
    present = [what for what in COLOURS if any(p and p.get(what) for p in parts)]
    for what in present:
        axis.barh(0, 0, color=COLOURS[what], label=what)
    axis.legend(
        loc="lower center", bbox_to_anchor=(0.42, 1.0), ncols=3, handlelength=1.2
    )
    return Drawn(name, title, _said(run, parts), data, figure)


def time_parts(worker: Line, elapsed: float) -> Parts | None:
    """Return what a worker's time went into, ns; None where it left no report.

    With the columns of waits these and the time in turns make the whole; that for the
    clock is split into what the slowest one took and the rest, the barrier's own.
    Without them what is no CPU time is the rest. CPU time counts from when the cluster
    was complete; in tables of older versions from the process's start. Who spent more
    of it than the run lasted did other things, too: then there are no parts.

    Args:
        worker: A line of workers.csv.
        elapsed: How long the run took, ns; 0 if unknown.
    """
    kernel, cpu = number(worker, "kernel_ns"), number(worker, "run_cpu_ns")
    cpu = number(worker, "cpu_ns") if cpu is None else cpu
    turns = number(worker, "turn_ns")
    if turns is not None:
        return _by_turns(worker, kernel or 0.0, turns)
    if kernel is None or cpu is None:
        return None
    if cpu > elapsed:
        return {}
    kernel = min(kernel, cpu)
    return {"kernels": kernel, "other CPU": cpu - kernel, "rest: waits": elapsed - cpu}


def _by_turns(worker: Line, kernel: float, turns: float) -> Parts:
    """Return the parts of a worker whose waits are known."""
    waits = {what: number(worker, column) or 0.0 for what, column in WAITS.items()}
    waits[SLOWEST] = min(waits[SLOWEST], waits[CLOCK])
    waits[CLOCK] -= waits[SLOWEST]
    kernel = min(kernel, turns)
    other = turns - kernel + (number(worker, "wait_loop_ns") or 0.0)
    slept = number(worker, "wait_sleep_ns") or 0.0
    return {"kernels": kernel, "other CPU": other, SLEEPS: slept, **waits}


def _names(workers: Sequence[Line]) -> list[str]:
    """Return the partitions, with the pid where several had one."""
    names = [str(worker["partition"]) for worker in workers]
    return [
        f"{name} ({worker.get('pid')})" if names.count(name) > 1 else name
        for name, worker in zip(names, workers, strict=True)
    ]


def _said(run: Run, parts: Sequence[Parts | None]) -> str:
    """Say who computed most, and what the others did."""
    names = _names(run.workers)
    known = {n: p for n, p in zip(names, parts, strict=True) if p}
    busy = {
        n: (p["kernels"] + p["other CPU"]) / sum(p.values()) for n, p in known.items()
    }
    said = []
    workers = {n: share for n, share in busy.items() if not n.startswith(CLIENT)}
    if workers:
        most = max(workers, key=workers.__getitem__)
        least = min(workers, key=workers.__getitem__)
        kernels = time_text(known[most]["kernels"])
        said.append(
            f"The busiest worker, {most}, was on a processor for "
            f"{percent(busy[most], 0)} of {_whole(run)}, {kernels} of it in kernels"
            + (f"; {least} for {percent(busy[least], 0)}." if least != most else ".")
        )
    waits: Parts = {}
    for found in known.values():
        for what in WAITS:
            waits[what] = waits.get(what, 0.0) + found.get(what, 0.0)
    if total := sum(waits.values()):
        largest = max(waits, key=waits.__getitem__)
        said.append(
            f"Of all waiting {percent(waits[largest] / total, 0)} {largest[6:]}."
        )
    elif known:
        said.append("The run does not tell what the rest waited for.")
    if lost := sum(p is None for p in parts):
        said.append(f"{plural(lost, 'process', 'processes')} left no report.")
    if other := [n for n, p in zip(names, parts, strict=True) if p == {}]:
        said.append(
            f"{listed(other)} spent more CPU time than the run lasted: they did other "
            "things, too."
        )
    return " ".join(said)


def _whole(run: Run) -> str:
    seconds = run.seconds
    return "its time" if seconds is None else f"the run's {time_text(seconds * 1e9)}"
