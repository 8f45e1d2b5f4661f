"""Compile or load all compiled code of a cluster before its processes need it."""

from __future__ import annotations

from collections.abc import Iterator

from neurocluster.client.warm import warm_client
from neurocluster.dtypes import FirePolicy, Quantizer
from neurocluster.kernels.tables import compile_layer
from neurocluster.model.convert import FixedNetwork
from neurocluster.model.partition import Plan
from neurocluster.model.spec import partition_spec
from neurocluster.worker.warm import warm_worker


def warm_layers(
    fixed: FixedNetwork, plan: Plan, quantizer: Quantizer, fire: FirePolicy, *,
    batch: bool = False,
) -> Iterator[str]:  # fmt: skip
    """Compile or load the kernels of each partition; yield its name when done."""
    for partition in plan.partitions:
        spec = partition_spec(
            fixed, partition, quantizer=quantizer, fire=fire, window=1, max_spikes=1,
            batch=batch,
        )  # fmt: skip
        width = plan.inbound(partition.name)[0].width
        compile_layer(spec, width, plan.outbound(partition.name)[0].width)
        yield partition.name


def warm_engines() -> None:
    """Compile or load the engines of client and worker."""
    warm_client()
    warm_worker()
