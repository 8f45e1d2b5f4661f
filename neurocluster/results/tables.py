"""Make the tables of a run: frames, links, layers, workers, errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from neurocluster.client.results import FrameTable
from neurocluster.coding.readout import class_by_count, class_by_potential
from neurocluster.dtypes import CLIENT, I64
from neurocluster.link.records import SPANS
from neurocluster.results.folder import Row, RunFolder
from neurocluster.wire.shapes import INBOUND_ROW, METHODS

FRAME_COLUMNS: Final = (
    "frame", "label", "class_by_count", "class_by_potential", "spikes", "spikes_pool",
    "synops", "latency_ns", "first_output_ns", "decided_ns",
    "input_ns",
)  # fmt: skip
LINK_COLUMNS: Final = (
    "link", "source", "destination", "spikes_sent", "spikes_received",
    "spikes_positive", "spikes_negative", "packets", "bytes", "transit_ns_p50",
    "transit_ns_p99", "transit_ns_max", "transit_error_ns", "blocked_ns",
    "wire_ns_p50", "wire_ns_p99", "wire_packets", "batching_ns_p50", "batching_ns_p99",
    "service_ns_p50", "service_ns_p99", "clock", "round_trip_ns", "unclocked_packets",
    "probes", "probes_busy",
)  # fmt: skip
LAYER_COLUMNS: Final = (
    "layer", "partitions", "neurons", "spikes", "spikes_pool", "synops",
    "spikes_per_neuron_frame", "service_ns",
)  # fmt: skip
WORKER_COLUMNS: Final = (
    "partition", "host", "pid", "frames", "spikes", "spikes_pool", "synops",
    "service_ns", "kernel_ns", "cpu_ns", "run_cpu_ns", "contexts_peak", "turns",
    "rss_kib", "loop_lag_ns_max", "refused", "strangers", "turn_ns", "wait_input_ns",
    "wait_outbound_ns", "wait_sleep_ns", "wait_clock_ns", "wait_slowest_ns",
    "wait_cpu_ns", "wait_loop_ns", "counted_ns", "owed_ns",
)  # fmt: skip
# Places in a report's rows, see `wire.shapes`.
INDEX, PACKETS, BYTES, LAST = 0, 3, 4, 5
NO_BARRIER: Final[Mapping[str, Any]] = {}
INVALID: Final = "invalid"
"""In the place of a method: that clock jumped, so no time can be told."""


def frame_rows(table: FrameTable, labels: I64 | None) -> Iterator[Row]:
    """Yield the lines of frames.csv."""
    n = len(table.frames)
    rows = table.rows
    start = rows["started_ns"]
    by_count = class_by_count(table.counts, table.potentials) if n else np.zeros(0)
    by_potential = class_by_potential(table.potentials) if n else np.zeros(0)
    columns = [
        by_count, by_potential, table.reports[:, 0], table.reports[:, 1],
        table.reports[:, 2], rows["done_ns"] - start, rows["first_output_ns"] - start,
        rows["decided_ns"] - start, rows["input_ns"],
    ]  # fmt: skip
    lists = [np.asarray(column).tolist() for column in columns]
    counts = table.counts.tolist()
    silent = (rows["first_output_ns"] == 0).tolist()
    for k, frame in enumerate(table.frames.tolist()):
        label = None if labels is None else int(labels[frame])
        if frame in table.errors:
            empty = [None] * (len(FRAME_COLUMNS) - 2 + len(counts[k]))
            yield [frame, label, *empty]
            continue
        values: list[Any] = [column[k] for column in lists]
        if values[2] < 0:
            values[2:5] = [None, None, None]
        if silent[k]:
            values[6] = None
        yield [frame, label, *values, *counts[k]]


def link_rows(
    network: Mapping[str, Any], reports: Sequence[Mapping[str, Any]],
    counts: I64 | None,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return a map a link, in plan order; None where an end sent no report.

    Args:
        network: What PREPARE says of the plan.
        reports: Tables of the members: all that they sent and received.
        counts: See `client.reports.FrameReports.links`; None if nothing is known.
    """
    lines = []
    for k, (index, _name, source, to) in enumerate(network["links"]):
        sent, got = (_rows_of(reports, end, index) for end in ("outbound", "inbound"))
        values: dict[str, Any] = dict.fromkeys(LINK_COLUMNS)
        values |= {"link": index, "source": source, "destination": to}
        if counts is not None:
            spikes, negative, received = counts[k].tolist()
            values |= {
                "spikes_sent": spikes,
                "spikes_received": received,
                "spikes_positive": spikes - negative,
                "spikes_negative": negative,
            }
        if sent:
            names = {"packets": PACKETS, "bytes": BYTES, "blocked_ns": LAST}
            values |= {name: sum(r[at] for r in sent) for name, at in names.items()}
        if got:
            values |= _times(got)
        lines.append(values)
    return lines


def _rows_of(
    reports: Sequence[Mapping[str, Any]], end: str, link: int
) -> list[Sequence[int]]:
    """Return the rows of all who had one end of a link, one after the other."""
    return [row for report in reports for row in report[end] if row[INDEX] == link]


def _times(rows: Sequence[Sequence[int]]) -> dict[str, Any]:
    """Return times of a link: percentiles of who received most, and the extremes.

    Where a clock jumped, or nothing is known of it, there are no times between clocks.
    """
    ends = [dict(zip(INBOUND_ROW, row, strict=True)) for row in rows]
    most = max(ends, key=lambda end: end["packets"])
    found: dict[str, Any] = {
        f"{span}_ns_{p}": most[f"{span}_{p}"] for span in SPANS for p in ("p50", "p99")
    }
    trips = [end["round_trip"] for end in ends if end["round_trip"]]
    found |= {
        "transit_ns_max": max(end["transit_max"] for end in ends),
        "transit_error_ns": max(end["error_max"] for end in ends),
        "wire_packets": sum(end["wire_packets"] for end in ends),
        "unclocked_packets": sum(end["unclocked"] for end in ends),
        "clock": METHODS[max(end["method"] for end in ends)],
        "round_trip_ns": min(trips, default=None),
        "probes": sum(end["probes"] for end in ends),
        "probes_busy": sum(end["probes_busy"] for end in ends),
    }
    jumped = any(end["jumps"] for end in ends)
    if jumped or not most["packets"] - most["unclocked"]:
        between = [k for k in found if k.startswith(("transit", "wire_ns"))]
        found |= dict.fromkeys(between) | {"wire_packets": 0}
    if jumped:
        found["clock"] = INVALID
    return found


def worker_rows(
    network: Mapping[str, Any], reports: Sequence[Mapping[str, Any]],
    roster: Sequence[Mapping[str, Any]], totals: Mapping[int, I64],
    barrier: Mapping[str, Any] = NO_BARRIER,
) -> list[dict[str, Any]]:  # fmt: skip
    """Return a map a worker, and one of the client.

    Args:
        network: What PREPARE says of the plan.
        reports: Tables of the members.
        roster: Who ran what.
        totals: By partition: spikes, pooling spikes, SynOps, service time.
        barrier: See TABLES; empty without a clock.
    """
    slowest = {row[0]: row[1] for row in barrier.get("nodes", ())}
    by_pid = {report["worker"].get("pid"): report["worker"] for report in reports}
    names = [partition[0] for partition in network["partitions"]]
    lines = []
    for entry in roster:
        name = entry["partition"]
        found = by_pid.get(entry["pid"], {})
        values: dict[str, Any] = {c: found.get(c) for c in WORKER_COLUMNS}
        values |= {"partition": name, "host": entry["host"], "pid": entry["pid"]}
        values["wait_slowest_ns"] = slowest.get(name, 0)
        if name != CLIENT and names.index(name) in totals:
            total = totals[names.index(name)].tolist()
            keys = ("spikes", "spikes_pool", "synops", "service_ns")
            values |= dict(zip(keys, total, strict=True))
        lines.append(values)
    return lines


def layer_rows(
    network: Mapping[str, Any], totals: Mapping[int, I64], frames: int
) -> list[dict[str, Any]]:
    """Return a map a weight layer; its pooling units are those fused behind it."""
    lines = []
    for stage, name in enumerate(network["stages"]):
        parts = [
            (k, neurons)
            for k, (_, of, neurons) in enumerate(network["partitions"])
            if of == stage
        ]
        neurons = sum(count for _, count in parts)
        total = sum((totals[k] for k, _ in parts if k in totals), np.zeros(4, np.int64))
        spikes, pooled, synops, service = total.tolist()
        rate = spikes / neurons / frames if frames else None
        values = (name, len(parts), neurons, spikes, pooled, synops, rate, service)
        lines.append(dict(zip(LAYER_COLUMNS, values, strict=True)))
    return lines


def write_tables(
    folder: RunFolder, table: FrameTable, labels: I64 | None,
    links: Sequence[dict[str, Any]], workers: Sequence[dict[str, Any]],
    layers: Sequence[dict[str, Any]],
) -> None:  # fmt: skip
    """Write every table of the run folder."""
    outputs = [f"count_{k}" for k in range(table.counts.shape[1])]
    folder.write_csv(
        "frames.csv", (*FRAME_COLUMNS, *outputs), frame_rows(table, labels)
    )
    write_maps(folder, "links.csv", LINK_COLUMNS, links)
    write_maps(folder, "workers.csv", WORKER_COLUMNS, workers)
    write_maps(folder, "layers.csv", LAYER_COLUMNS, layers)
    if table.errors:
        folder.write_csv("errors.csv", ("frame", "error"), sorted(table.errors.items()))


def write_maps(
    folder: RunFolder,
    name: str,
    columns: tuple[str, ...],
    lines: Sequence[dict[str, Any]],
) -> None:
    """Write maps as a CSV file.

    A line that an older version left in a run's folder may lack columns.
    """
    folder.write_csv(name, columns, [[line.get(c) for c in columns] for line in lines])
