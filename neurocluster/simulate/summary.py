"""Sum a simulated run up: `summary.json`, with the keys that real runs have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from neurocluster.coding.readout import class_by_count
from neurocluster.dtypes import CLIENT, I64
from neurocluster.results.summary import (
    barrier_lines,
    latency_percentiles,
    versions,
)
from neurocluster.simulate.outcome import WAITS, Outcome
from neurocluster.simulate.site import Site
from neurocluster.simulate.work import Work

SCHEMA: Final = 1


def summarise(
    work: Work, site: Site, outcome: Outcome, labels: I64 | None,
    *, copies: int, seed: int, costs: str, barrier: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Return the contents of summary.json.

    Args:
        work: What was run.
        site: On what.
        outcome: What it gave.
        labels: Of the whole data set, if there are any.
        copies: Of the plan.
        seed: Of what was drawn.
        costs: File of the costs.
        barrier: Of the clock.
    """
    table, graph = outcome.frames, work.fixed.graph
    frames, rows = len(table.frames), table.rows
    spikes, pooled, synops = table.reports.mean(0).tolist()
    neurons = graph.neuron_count * copies
    return {
        "schema": SCHEMA,
        "simulated": True,
        "network": graph.name,
        "quantizer": work.quantizer,
        "fire_policy": work.fire,
        "thresholds": list(work.fixed.thresholds),
        "offset": work.fixed.offset,
        "clock": work.clock,
        "barrier": barrier_lines(outcome.barrier),
        "barrier_kind": barrier if outcome.barrier else None,
        "window": work.window,
        "max_spikes": work.max_spikes,
        "hwm": work.hwm,
        "workers": len(work.plan.partitions) * copies,
        "copies": copies,
        "hosts": site.hosts,
        "cores": site.cores,
        "wire_ns": site.wire_ns,
        "wire_jitter_ns": site.wire_jitter_ns,
        "wire_jitter": site.wire_jitter,
        "impairments": work.impairments.to_wire(),
        "seed": seed,
        "costs": costs,
        "frames": frames,
        "accuracy_by_count": _accuracy(outcome, labels) if copies == 1 else None,
        "spikes_per_neuron": spikes / neurons,
        "spikes_per_neuron_with_pool": (spikes + pooled) / neurons,
        "synops_per_frame": synops,
        "frames_per_second": frames / outcome.duration_ns * 1e9,
        "frames_per_second_bound": outcome.busiest.per_second,
        "busiest": outcome.busiest.name,
        "latency_ns": latency_percentiles(rows["done_ns"] - rows["started_ns"]),
        "latency_ns_bound": latency_percentiles(outcome.bound_ns),
        "packets": sum(line["packets"] for line in outcome.links),
        "bytes": sum(line["bytes"] for line in outcome.links),
        "spikes_sent": sum(line["spikes_sent"] for line in outcome.links),
        "spikes_received": sum(line["spikes_received"] for line in outcome.links),
        "shares": mean_shares(outcome),
        "versions": versions(),
    }


def shares(line: Mapping[str, Any], duration_ns: int) -> dict[str, float]:
    """Return what shares of its time a process worked, and waited for what.

    What it waited for a clock is split into what the slowest member took and the rest,
    the barrier's own price.
    """
    waited = {name[5:-3]: line[name] / duration_ns for name in WAITS}
    clock = waited.pop("clock")
    slowest = min((line["wait_slowest_ns"] or 0) / duration_ns, clock)
    work = 1 - sum(waited.values()) - clock
    return {"work": work, **waited, "slowest": slowest, "barrier": clock - slowest}


def mean_shares(outcome: Outcome) -> dict[str, float]:
    """Return the mean shares of all workers."""
    workers = [line for line in outcome.workers if line["partition"] != CLIENT]
    each: Sequence[Mapping[str, float]] = [
        shares(line, outcome.duration_ns) for line in workers
    ]
    return {name: float(np.mean([one[name] for one in each])) for name in each[0]}


def _accuracy(outcome: Outcome, labels: I64 | None) -> float | None:
    table = outcome.frames
    if labels is None:
        return None
    classes = class_by_count(table.counts, table.potentials)
    return round(float(np.mean(classes == labels[table.frames])), 6)
