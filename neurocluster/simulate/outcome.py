"""Make the tables of a simulated run, with the columns that real runs have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from neurocluster.client.results import FrameTable
from neurocluster.dtypes import CLIENT, F64, I64, U32, U64, Records
from neurocluster.link.records import SPANS
from neurocluster.metrics.histogram import percentile
from neurocluster.model.partition import Link
from neurocluster.results.tables import LINK_COLUMNS, WORKER_COLUMNS
from neurocluster.simulate.bounds import (
    Busiest,
    busiest,
    latency_bound,
    least,
    least_way,
)
from neurocluster.simulate.cluster import CONTROLLER, Cluster, member_name
from neurocluster.simulate.machine import START_NS
from neurocluster.simulate.records import READY, RUNS
from neurocluster.simulate.work import Copy

CAUSES: Final = ("loop", "input", "outbound", "sleep", "clock")
WAITS: Final = (*(f"wait_{cause}_ns" for cause in CAUSES), "wait_cpu_ns")
"""Columns of workers.csv: what a process waited for, the last of them a core."""
PROCESS_COLUMNS: Final = (*WORKER_COLUMNS, "copy")
COPY_COLUMNS: Final = (*LINK_COLUMNS, "copy")
Line = dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a simulated run gave.

    Attributes:
        frames: Of the run; where there are copies, a frame ends when the last one has
            done it, its latency is that of the slowest, its counts are the first's.
        links: Lines of links.csv.
        workers: Lines of workers.csv.
        bound_ns: (frames,) float64, the least latency of each frame.
        busiest: What limits the throughput.
        duration_ns: From the first start to the last end.
        barrier: What a clock's barrier counted, see `controller.barrier`.
    """

    frames: FrameTable
    links: Sequence[Line]
    workers: Sequence[Line]
    bound_ns: F64
    busiest: Busiest
    duration_ns: int
    barrier: Mapping[str, Any] = field(default_factory=dict)


def outcome_of(cluster: Cluster, indices: I64) -> Outcome:
    """Sum up a cluster that has run.

    Args:
        cluster: All its frames are done.
        indices: (frames,) int64, index of each in the data set.
    """
    rows = [np.concatenate(copy.rows) for copy in cluster.copies]
    reports = [
        [np.concatenate(kept) for kept in copy.reports] for copy in cluster.copies
    ]
    for tables in reports:
        for k, table in enumerate(tables):
            tables[k] = table[np.argsort(table[:, 0])][: len(indices)]
    together = _together(cluster.copies[0], rows, reports, indices)
    done = together.rows["done_ns"]
    end = int(done.max())
    barrier = cluster.clock.tables() if cluster.clock is not None else {}
    slowest = {row[0]: row[1] for row in barrier.get("nodes", ())}
    workers = [
        line
        for number, (copy, tables) in enumerate(
            zip(cluster.copies, reports, strict=True)
        )
        for line in _workers(cluster, copy, number, tables, end)
    ]
    for line in workers:
        name = member_name(line["partition"], line["copy"], len(cluster.copies))
        line["wait_slowest_ns"] = slowest.get(name, 0)
    links = [
        line
        for number, copy in enumerate(cluster.copies)
        for line in _links(cluster, copy, number, end)
    ]
    bounds = [_bound(cluster, number, tables) for number, tables in enumerate(reports)]
    frames = len(indices)
    share = frames / max(frames, barrier.get("rounds", 0))
    return Outcome(
        together, links, workers, np.maximum.reduce(bounds),
        busiest(_work(cluster, end, share), frames), end - START_NS,
        barrier,
    )  # fmt: skip


def _together(
    copy: Copy, rows: Sequence[Records], reports: Sequence[Sequence[U64]], indices: I64
) -> FrameTable:
    joint = rows[0].copy()
    longest = np.maximum.reduce([r["done_ns"] - r["started_ns"] for r in rows])
    joint["done_ns"] = np.maximum.reduce([r["done_ns"] for r in rows])
    joint["started_ns"] = joint["done_ns"] - longest
    sums = np.zeros((len(indices), 3), np.int64)
    for own, tables in zip(rows, reports, strict=True):
        sums[:, 0] += own["input_spikes"]
        for table in tables:
            sums += table[:, 1:4].astype(np.int64)
    return FrameTable(
        indices, joint, np.concatenate(copy.counts), np.concatenate(copy.potentials),
        {}, sums,
    )  # fmt: skip


def overshoot(thread: Records, end: int) -> int:
    """Return how long a thread that works at the end of a run goes on, ns."""
    return max(int(thread["since"]) - end, 0) if thread["state"] == RUNS else 0


def waits(thread: Records, end: int) -> list[int]:
    """Return how long a thread slept, by cause, and waited for a core, ns."""
    last = max(end - int(thread["since"]), 0)
    found = [int(thread[f"{cause}_ns"]) for cause in (*CAUSES, "processor")]
    if thread["state"] == READY:
        found[-1] += last
    elif thread["state"] != RUNS:
        found[thread["cause"]] += last
    return found


def _workers(
    cluster: Cluster, copy: Copy, number: int, tables: Sequence[U64], end: int
) -> list[Line]:
    plan, lines = cluster.plan, []
    for part, process, engine, table in zip(
        plan.partitions, copy.processes, copy.engines, tables, strict=True
    ):
        totals = table[:, 1:5].sum(0).tolist() if len(table) else [0] * 4
        names = ("spikes", "spikes_pool", "synops", "service_ns")
        line = _process(cluster, part.name, number, process, engine.node.record, end)
        lines.append(line | dict(zip(names, totals, strict=True)))
    record = copy.client.node.record
    return [*lines, _process(cluster, CLIENT, number, copy.client_process, record, end)]


def _process(
    cluster: Cluster, name: str, copy: int, process: int, node: Records, end: int
) -> Line:
    main, io = cluster.machine.threads[2 * process : 2 * process + 2]
    work = sum(int(t["cpu_ns"]) - overshoot(t, end) for t in (main, io))
    line: Line = dict.fromkeys(PROCESS_COLUMNS)
    return line | {
        "partition": name, "host": f"h{main['host']}", "pid": process, "copy": copy,
        "frames": int(node["handled_frames"][0]),
        "kernel_ns": int(node["kernel_ns"][0]), "cpu_ns": work, "run_cpu_ns": work,
        "turn_ns": int(main["cpu_ns"]) - overshoot(main, end),
        "contexts_peak": int(node["contexts_peak"][0]), "turns": int(main["wakes"]),
        **dict(zip(WAITS, waits(main, end), strict=True)),
    }  # fmt: skip


def _links(cluster: Cluster, copy: Copy, number: int, end: int) -> list[Line]:
    sent: dict[int, Records] = {}
    got: dict[int, tuple[Records, U32]] = {}
    for node in (*(engine.node for engine in copy.engines), copy.client.node):
        sent |= {int(link["index"]): link for link in node.outbound}
        for k, link in enumerate(node.inbound):
            got[int(link["index"])] = (link, node.spans[k])
    lines = []
    for plan_link, index in zip(cluster.plan.links, copy.links, strict=True):
        out, (inbound, spans) = sent[plan_link.index], got[plan_link.index]
        record = cluster.machine.links[index]
        since = int(record["blocked_since"])
        line: Line = dict.fromkeys(COPY_COLUMNS)
        line |= {
            "link": plan_link.index, "source": plan_link.source, "copy": number,
            "destination": plan_link.destination, "spikes_sent": int(out["spikes"]),
            "spikes_received": int(inbound["spikes"]),
            "spikes_positive": int(out["spikes"] - out["negative"]),
            "spikes_negative": int(out["negative"]), "packets": int(out["packets"]),
            "bytes": int(out["bytes"]), "transit_ns_max": int(inbound["transit_max"]),
            "transit_error_ns": 0, "clock": "shared", "unclocked_packets": 0,
            "blocked_ns": int(record["blocked_ns"])
            + (max(end - since, 0) if since >= 0 else 0),
            "wire_packets": int(spans[SPANS.index("wire")].sum()),
        }  # fmt: skip
        for span, histogram in zip(SPANS, spans, strict=True):
            for p in (50, 99):
                line[f"{span}_ns_p{p}"] = percentile(histogram, p)
        lines.append(line)
    return lines


def _bound(cluster: Cluster, number: int, tables: Sequence[U64]) -> F64:
    plan, costs = cluster.plan, cluster.costs
    where = cluster.hosts_of(number)
    ways = {
        k.name: least_way(
            costs, cluster.site.wire(costs, where[k.source], where[k.destination])
        ) + _least_delay(cluster, k, where)
        for k in plan.links
    }  # fmt: skip
    names = [part.name for part in plan.partitions]
    handle = {name: least(costs.layer(name.rpartition(".")[0])) for name in names}
    service = {
        name: table[:, 4].astype(np.int64)
        for name, table in zip(names, tables, strict=True)
    }
    return latency_bound(plan, ways, handle, service)


def _least_delay(cluster: Cluster, link: Link, where: Mapping[str, int]) -> float:
    """Return the least that a link's impairments add, ns."""
    hosts = {name: f"h{host}" for name, host in where.items()}
    found = cluster.work.impairments.link(link.source, link.destination, hosts)
    return found.delay_us * 1e3 if found is not None else 0.0


def _work(cluster: Cluster, end: int, share: float) -> Mapping[str, tuple[float, int]]:
    """Return the work of each thread, and of each host, with its servers.

    A worker that is made slow works when it sleeps for that, but not on a core.

    Args:
        cluster: It has run.
        end: When the last frame was done.
        share: Of the controller's work that frames need, however long a run is: of a
            round in which none starts they need nothing.
    """
    found: dict[str, tuple[float, int]] = {}
    hosts = np.zeros(len(cluster.machine.hosts))
    for number, copy in enumerate(cluster.copies):
        names = [part.name for part in cluster.plan.partitions]
        members = zip(
            [*names, CLIENT], [*copy.processes, copy.client_process], strict=True
        )
        for name, process in members:
            main, io = cluster.machine.threads[2 * process : 2 * process + 2]
            full = member_name(name, number, len(cluster.copies))
            for thread, what in ((main, full), (io, f"the I/O thread of {full}")):
                work = float(thread["cpu_ns"]) - overshoot(thread, end)
                found[what] = (work + float(thread["sleep_ns"]), 1)
                hosts[thread["host"]] += work
    main, io = cluster.machine.threads[2 * CONTROLLER : 2 * CONTROLLER + 2]
    for thread, what in ((main, "the controller"), (io, "its I/O thread")):
        work = share * (float(thread["cpu_ns"]) - overshoot(thread, end))
        found[what] = (work, 1)
        hosts[thread["host"]] += work
    for k, work in enumerate(hosts.tolist()):
        found[f"the cores of h{k}"] = (work, int(cluster.machine.hosts[k]["cores"]))
    return found
