#!/usr/bin/env python3
"""Print accuracy, spikes and SynOps of a network over thresholds, as Markdown.

    python tools/threshold_table.py --thresholds 0.35,0.5,0.7,1,1.4,2
    python tools/threshold_table.py --quantizer floor --fire settle --thresholds 0.9

One chain in one process, with the compiled kernels: what `neurocluster run` gives
for a network that is not split, to the last spike.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np

from neurocluster.coding.delay import input_spikes
from neurocluster.coding.readout import class_by_count, class_by_potential
from neurocluster.data.idx import load_dataset
from neurocluster.errors import NeuroclusterError
from neurocluster.kernels.chain import Chain
from neurocluster.model.convert import convert
from neurocluster.model.dense import q_ann
from neurocluster.model.load import load_network

HEADER = (
    "| threshold | by count, % | by potential, % | spikes/neuron (with pooling units) "
    "| SynOps/frame | Q-ANN floor / round, % |"
)


def main() -> int:
    """Print one line a threshold."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", help="default: the reference network")
    parser.add_argument("--data", help="default: the MNIST test set")
    parser.add_argument("--thresholds", default="0.35,0.5,0.6,0.7,0.8,0.9,1,1.4,2")
    parser.add_argument("--quantizer", default="hysteresis")
    parser.add_argument("--fire", default="once")
    parser.add_argument("--frames", type=int, help="default: all")
    options = parser.parse_args()
    try:
        graph, data = load_network(options.network), load_dataset(options.data)
    except NeuroclusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    images = data.images[: options.frames]
    labels = None if data.labels is None else data.labels[: options.frames]
    spikes = input_spikes(images, graph.input)
    print(HEADER)
    print("|---|---|---|---|---|---|")
    for threshold in map(float, options.thresholds.split(",")):
        fixed = convert(graph, [threshold])
        run = Chain(fixed, options.quantizer, options.fire).run(images)

        def percent(classes: np.ndarray) -> str:
            return "-" if labels is None else f"{100 * (classes == labels).mean():.2f}"

        quantised = []
        for mode in ("floor", "round"):
            levels, potentials = q_ann(fixed, spikes, mode)
            quantised.append(
                percent(class_by_count(levels.astype(np.int32), potentials))
            )
        neurons = graph.neuron_count
        rate = run.spikes.mean() / neurons
        pooled = (run.spikes + run.spikes_pool).mean() / neurons
        print(
            f"| {threshold:g} | {percent(class_by_count(run.counts, run.potentials))} "
            f"| {percent(class_by_potential(run.potentials))} | {rate:.3f} "
            f"({pooled:.3f}) | {run.synops.mean() / 1e3:,.0f} k "
            f"| {' / '.join(quantised)} |",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
