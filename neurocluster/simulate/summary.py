"""Sum a simulated run up: `summary.json`, with the keys that real runs have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from neurocluster.coding.readout import class_by_count
from neurocluster.dtypes import CLIENT, I64
from neurocluster.results.summary import latency_percentiles, versions
from neurocluster.simulate.cluster import Work
from neurocluster.simulate.outcome import WAITS, Outcome
from neurocluster.simulate.site import Site

SCHEMA: Final = 1


def summarise(
    work: Work, site: Site, outcome: Outcome, labels: I64 | None,
    *, copies: int, seed: int, costs: str,
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
        "clock": "none",
        "window": work.window,
        "max_spikes": work.max_spikes,
        "hwm": work.hwm,
        "workers": len(work.plan.partitions) * copies,
        "copies": copies,
        "hosts": site.hosts,
        "cores": site.cores,
        "delay_ns": site.delay_ns,
        "jitter": site.jitter,
        "jitter_ns": site.jitter_ns,
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
    """Return of a worker's line the shares of its time that it waited, and worked."""
    waited = {name[5:-3]: line[name] / duration_ns for name in WAITS}
    return {"work": 1 - sum(waited.values()), **waited}


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
