"""Do `neurocluster bench --costs`: measure what things cost, for `simulate`."""

from __future__ import annotations

import json as json_
import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console

from neurocluster.bench.clocked import Price, fit_prices, measure_prices
from neurocluster.bench.environment import environment
from neurocluster.bench.fit import Fitted, fit
from neurocluster.bench.processes import core_count
from neurocluster.bench.samples import WARM, Sample, column, measure, pairs_of
from neurocluster.bench.tape import HANDLED
from neurocluster.config import RunConfig
from neurocluster.data.idx import load_dataset
from neurocluster.dtypes import CLIENT, F64, I64
from neurocluster.errors import ConfigError
from neurocluster.kernels.chain import Chain
from neurocluster.launch.warm import warm_engines, warm_layers
from neurocluster.metrics.histogram import BINS, lower_edges
from neurocluster.model.convert import convert
from neurocluster.model.load import load_network
from neurocluster.model.partition import make_plan
from neurocluster.model.split import parse_splits
from neurocluster.results.layout import dense_table
from neurocluster.results.report import WIDTH
from neurocluster.simulate.costs import OTHERS, Cost, Costs, factors_of, mean_of
from neurocluster.simulate.study import flat_images

SLICE_NS: Final = 700_000
"""Linux's base slice, which grows with the logarithm of the cores, up to 8 of them."""
PASSING: Final = ("fixed", "byte")
HANDLING: Final = ("fixed", "spike", "synop", "fired", "frame")
HANDLED_TERMS: Final = ("", *HANDLED[1:])
SAMPLE: Final = 200
TYPICAL: Final = 200
"""Bytes of a packet where only one size is spoken of."""


def costs_command(config: RunConfig, path: Path, frames: int, *, json: bool) -> int:
    """Measure costs, write them to a file, print how well they fit.

    Args:
        config: Of the network.
        path: Of the file.
        frames: Of each cluster.
        json: Print JSON in place of the table.

    Raises:
        ConfigError: The file cannot be written.
        ClusterError: A process failed.
    """
    plain = not sys.stderr.isatty()
    console = Console(
        stderr=True, quiet=json, width=WIDTH if plain else None,
        highlight=False,
    )  # fmt: skip
    costs = measure_costs(config, frames, console)
    try:
        path.write_text(costs.to_json(), encoding="utf-8")
    except OSError as error:
        message = f"costs: cannot write {path}: {error.strerror}"
        raise ConfigError(message) from error
    if json:
        sys.stdout.write(json_.dumps(costs.told) + "\n")
    else:
        print_fits(costs)
    return 0


def measure_costs(config: RunConfig, frames: int, console: Console) -> Costs:
    """Run all clusters; return what things cost.

    Raises:
        ClusterError: A process failed.
    """
    graph = load_network(config.network)
    fixed = convert(graph, config.threshold or None, config.offset)
    data = load_dataset(config.data)
    images = flat_images(data, np.arange(min(SAMPLE, len(data))))
    machine = environment()
    with console.status("loading kernels"):
        warm_engines()
        chain = Chain(fixed, config.quantizer, config.fire)
        by_stage = chain.address_counts(data.images[: len(images)])
        spikes = [float(counts.sum()) / len(images) for counts in by_stage]
    pairs, samples = list(pairs_of(fixed, images, spikes)), []
    for place, pair in enumerate(pairs):
        begin = time.monotonic()
        cut = ", ".join(f"{k} {v}" for k, v in pair.split.items()) or "whole"
        names = "-".join(stage.layer.name for stage in pair.graph.stages)
        label = f"cluster {place + 1}/{len(pairs)}: {names}, {cut}"
        with console.status(label):
            split = parse_splits(pair.split)
            cut_plan = make_plan(pair.graph, split)
            part = convert(pair.graph)
            list(warm_layers(part, cut_plan, config.quantizer, config.fire))
            for found in measure(pair, config, frames):
                samples += found
        console.print(f"{label}: done ({time.monotonic() - begin:.1f} s)")
    with console.status("clock"):
        few = (pairs[0], pairs[-1])  # two workers, three
        prices = list(measure_prices(few, config, max(frames // 3, WARM)))
    return fit_costs(samples, machine, prices)


def fit_costs(
    samples: Sequence[Sample], machine: dict[str, Any], prices: Sequence[Price] = ()
) -> Costs:
    """Fit all costs to what nodes did.

    Args:
        samples: Of all nodes and runs.
        machine: Where; see `bench.environment`.
        prices: Of a clock's rounds; without any it costs nothing.
    """
    fits: dict[str, Fitted] = {
        "receive": _fit_passing([s.received for s in samples]),
        "send": _fit_passing([s.sent for s in samples]),
    }
    layers = {}
    for name in dict.fromkeys(s.layer for s in samples if s.counts):
        chosen = [s for s in samples if s.counts and s.layer == name]
        fits[name] = _fit_handling(chosen)
        layers[name] = fits[name].cost
    workers = [s for s in samples if s.counts and s.layer != CLIENT]
    fits[OTHERS] = _fit_handling(workers)
    layers[OTHERS] = fits[OTHERS].cost
    fits["io"] = _fit_io(samples)
    io = dict(fits["io"].cost.terms)
    io_wake = Cost({"fixed": io.pop("frame", 0.0)})
    wake = Cost({"fixed": _wake(samples, fits)})
    ways = [fits[name].cost for name in ("receive", "send", "io", "io")]
    known = sum(mean_of(cost, {"byte": TYPICAL}) for cost in ways)
    known += 2 * io_wake["fixed"] + wake["fixed"] / 2
    late, io_late = _late(samples, known)
    cores = core_count()
    clock = fit_prices(prices, wake["fixed"]) if prices else {}
    return Costs(
        receive=fits["receive"].cost, send=fits["send"].cost, layers=layers, wake=wake,
        late=late, io=Cost(io), io_wake=io_wake, io_late=io_late,
        quantum_ns=round(SLICE_NS * (1 + math.floor(math.log2(min(cores, 8))))),
        told={
            "fits": {name: fitted.told() for name, fitted in fits.items()},
            "barrier": [asdict(price) for price in prices],
            "environment": machine, "load_average_after": list(os.getloadavg()),
        },
    ).replace(**clock)  # fmt: skip


def _fit_passing(tables: Sequence[Any]) -> Fitted:
    sizes = column(tables, 0)
    return fit(PASSING, np.stack([np.ones_like(sizes), sizes], 1), column(tables, 1))


def _fit_handling(samples: Sequence[Sample]) -> Fitted:
    tables = [s.handled for s in samples]
    counts = [column(tables, HANDLED.index(term)) for term in HANDLING[1:]]
    counts.insert(0, np.ones_like(counts[0]))
    return fit(HANDLING, np.stack(counts, 1), column(tables, HANDLED.index("ns")))


def _fit_io(samples: Sequence[Sample]) -> Fitted:
    """Fit what I/O threads used in each process: a packet, a byte, a wake-up.

    Wake-ups stand in the place of frames.
    """
    rows = np.array(
        [
            (
                len(s.received) + len(s.sent),
                s.received[:, 0].sum() + s.sent[:, 0].sum(),
                s.figures["others_sleeps"],
            )
            for s in samples
        ],
        np.float64,
    )
    times = np.array([s.figures["others_ns"] for s in samples], np.float64)
    return fit(("fixed", "byte", "frame"), rows, times)


def _wake(samples: Sequence[Sample], fits: Mapping[str, Fitted]) -> float:
    """Return the work of a main thread beside its calls, for each turn.

    Timing is no work: of each packet two calls are timed or three, and at the end of a
    turn one that finds nothing.
    """
    found, slept = 0.0, 0
    for sample in samples:
        name = sample.layer if sample.layer in fits else OTHERS
        calls = _sum(fits["receive"].cost, ("byte",), sample.received)
        calls += _sum(fits["send"].cost, ("byte",), sample.sent)
        if sample.counts:
            calls += _sum(fits[name].cost, HANDLED_TERMS, sample.handled)
            timed = 2 * len(sample.received) + len(sample.sent)
            timed += sample.figures["turns"]
            found += sample.figures["main_ns"] - calls
            found -= timed * sample.figures["reads_ns"]
            slept += sample.figures["turns"]
    return max(found, 0.0) / max(slept, 1)


def _sum(cost: Cost, terms: Sequence[str], table: I64) -> float:
    """Return what the rows of a table cost, all together."""
    totals = table.sum(0, dtype=np.float64).tolist()
    counts = dict(zip(terms, totals, strict=False)) | {"fixed": float(len(table))}
    return mean_of(cost, {"byte": 0.0, **counts})


def _late(samples: Sequence[Sample], known: float) -> tuple[Cost, Cost]:
    """Return what three threads take to begin: main and I/O.

    Of packets that met an idle process, one frame in flight, the way takes as long as
    its known parts and three wake-ups. Both I/O threads get a third of the median each,
    the main thread the rest and all that varies.
    """
    histogram = np.sum([s.wire for s in samples if s.window == 1], 0, dtype=np.int64)
    edges = np.append(lower_edges(), 2 * lower_edges()[-1]).astype(np.float64)
    middles: F64 = (edges[:BINS] + edges[1 : BINS + 1]) / 2
    rest = np.repeat(middles, histogram) - known
    if not len(rest):
        return Cost(), Cost()
    io = max(float(np.median(rest)) / 3, 0.0)
    main = np.maximum(rest - 2 * io, 0.0)
    main = main[main <= np.quantile(main, 0.995)]
    if not main.mean():
        return Cost(), Cost({"fixed": io})
    return Cost({"fixed": float(main.mean())}, factors_of(main)), Cost({"fixed": io})


def print_fits(costs: Costs) -> None:
    """Print the costs and how well they fit."""
    plain = not sys.stdout.isatty()
    console = Console(width=WIDTH if plain else None, highlight=False)
    table = dense_table("Costs, ns, and how they fit")
    columns = ("fixed", "byte", "spike", "synop", "fired", "frame")
    for name in ("cost", *columns, "samples", "R2", "median error, %", "left out, %"):
        table.add_column(name, justify="left" if name == "cost" else "right")
    shown = {
        "receive": costs.receive, "send": costs.send, "io": costs.io, **costs.layers,
        "io wake": costs.io_wake, "wake": costs.wake, "late": costs.late,
        "io late": costs.io_late, "clock, hear": costs.clock_hear,
        "clock, tell": costs.clock_tell, "barrier, hear": costs.barrier_hear,
        "barrier, tell": costs.barrier_tell,
    }  # fmt: skip
    for name, cost in shown.items():
        told = costs.told["fits"].get(name)
        fits = ("", "", "", "") if told is None else (
            f"{told['samples']:,}", f"{told['r2']:.2f}",
            f"{100 * told['median_error']:.0f}", f"{100 * told['left_out']:.2f}",
        )  # fmt: skip
        terms = (f"{cost[c]:,.4g}" if cost[c] else "" for c in columns)
        table.add_row(name, *terms, *fits)
    console.print(table)
