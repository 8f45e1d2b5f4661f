"""Say what is measured of a run, and take it from what the run left.

Throughput and latency leave the first frames out: they meet empty links and cold
caches. Counts are of all frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from neurocluster.client.results import FrameTable
from neurocluster.dtypes import CLIENT, I64
from neurocluster.results.summary import latency_percentiles
from neurocluster.results.tables import WORKER_COLUMNS

Line = Mapping[str, Any]
LATENCIES: Final = (
    "latency_ns_p50", "latency_ns_p90", "latency_ns_p99", "latency_ns_max",
    "latency_ns_mean",
)  # fmt: skip
PLAIN: Final = ("undilated_frames_per_second", "undilated_latency_ns_p50")
"""Of dilated runs, in plain time; of others the same as without that name."""
AFTER: Final = ("after_input_ns_p50", "after_input_ns_p99")
"""From the last input spike to the result, of paced playback."""
SPEEDS: Final = frozenset({"frames_per_second", *LATENCIES, *PLAIN, *AFTER})
"""What may be compared at the same window only (see configs/experiments/README.md)."""
SPENT: Final = tuple(
    name for name in WORKER_COLUMNS if name.endswith("_ns") and name != "cpu_ns"
)
"""Times of workers.csv that add up over workers and frames. Not the processor time,
which is of the process's whole life."""
QUANTITIES: Final = (
    "frames_per_second", *LATENCIES,
    "accuracy_by_count", "accuracy_by_potential", "frames_equal", "decisions_flipped",
    "frames_failed", "spikes_per_neuron", "spikes_per_neuron_with_pool",
    "synops_per_frame", "spikes_sent_per_frame", "packets_per_frame",
    "bytes_per_frame", "bytes_per_spike", "spikes_per_packet", "blocked_ns_per_frame",
    "spikes_lost", "recoveries", *PLAIN, *AFTER,
    *(f"{name}_per_frame" for name in SPENT),
)  # fmt: skip


def measure(
    summary: Line, table: FrameTable, links: Sequence[Line], workers: Sequence[Line],
    warm_up: int,
) -> dict[str, float | None]:  # fmt: skip
    """Return every quantity of a run; None where nothing is known.

    Args:
        summary: Of summary.json.
        table: Frames that have a result.
        links: Lines of links.csv.
        workers: Lines of workers.csv.
        warm_up: Frames that count for no time, the first that were streamed.
    """
    rows = table.rows[table.good]
    started: I64 = rows["started_ns"].astype(np.int64)
    done: I64 = rows["done_ns"].astype(np.int64)
    members = [line for line in workers if line["partition"] != CLIENT]
    one = summary["one_process"]
    copied = (
        "accuracy_by_count", "accuracy_by_potential", "frames_failed",
        "spikes_per_neuron", "spikes_per_neuron_with_pool", "synops_per_frame",
    )  # fmt: skip
    found: dict[str, float | None] = {name: summary[name] for name in copied}
    found |= {name: one[name] for name in ("frames_equal", "decisions_flipped")}
    found["recoveries"] = len(summary["recoveries"])
    found["frames_per_second"] = rate(done, warm_up)
    latency = (done - started)[warm_up:]
    found |= _latencies(latency)
    found |= _plain(found, summary.get("dilation", 1.0))
    played = summary.get("tu_seconds") is not None
    late = latency_percentiles(latency - rows["input_ns"][warm_up:] if played else [])
    found |= {name: late[name[-3:]] for name in AFTER}
    found |= traffic(links, len(rows))
    for name in SPENT:
        found[f"{name}_per_frame"] = _over(_total(members, name, gaps=True), len(rows))
    return {name: found[name] for name in QUANTITIES}


def rate(done_ns: I64, warm_up: int) -> float | None:
    """Return frames a second after the warm-up; None if too few frames follow it.

    The time runs from the result before the first frame that counts, so that each
    counts with the time that it took.

    Args:
        done_ns: (n,) int64, when each frame was done, in any order.
        warm_up: Frames that do not count; at least one never does.
    """
    times = np.sort(done_ns)[max(warm_up, 1) - 1 :]
    if len(times) < 2 or times[-1] == times[0]:
        return None
    return (len(times) - 1) / (float(times[-1] - times[0]) / 1e9)


def _plain(found: Mapping[str, float | None], by: float) -> dict[str, float | None]:
    """Return throughput and median latency of a run that was dilated by a factor."""
    rate, latency = found["frames_per_second"], found["latency_ns_p50"]
    values = None if rate is None else rate * by, _over(latency, by)
    return dict(zip(PLAIN, values, strict=True))


def _latencies(latency: I64) -> dict[str, float | None]:
    found = latency_percentiles(latency)
    mean = float(latency.mean()) if len(latency) else None
    return {f"latency_ns_{k}": v for k, v in {**found, "mean": mean}.items()}


def traffic(links: Sequence[Line], frames: int) -> dict[str, float | None]:
    """Return what links carried, of lines of links.csv and the number of frames."""
    names = ("spikes_sent", "spikes_received", "packets", "bytes", "blocked_ns")
    total = {name: _total(links, name) for name in names}
    sent, got = total["spikes_sent"], total["spikes_received"]
    return {
        "spikes_sent_per_frame": _over(sent, frames),
        "packets_per_frame": _over(total["packets"], frames),
        "bytes_per_frame": _over(total["bytes"], frames),
        "bytes_per_spike": _over(total["bytes"], sent),
        "spikes_per_packet": _over(sent, total["packets"]),
        "blocked_ns_per_frame": _over(total["blocked_ns"], frames),
        "spikes_lost": None if sent is None or got is None else sent - got,
    }


def _total(lines: Sequence[Line], name: str, *, gaps: bool = False) -> float | None:
    """Return a column's sum; None where nothing is known of a line.

    Args:
        lines: Of a table.
        name: Column.
        gaps: Lines without it do not count, as long as there is one with it.
    """
    values = [line.get(name) for line in lines]
    known = [value for value in values if value is not None]
    whole = len(known) == len(values) or gaps
    return float(sum(known)) if known and whole else None


def _over(value: float | None, by: float | None) -> float | None:
    return value / by if value is not None and by else None
