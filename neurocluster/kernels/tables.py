"""Choose the kernel that runs a partition: the fast one where it fits."""

from __future__ import annotations

from neurocluster.kernels.event_layer import event_layer, event_sizes, is_fast
from neurocluster.kernels.layer import CompiledLayer, LayerSizes
from neurocluster.kernels.plain_layer import plain_layer, plain_sizes
from neurocluster.model.spec import PartitionSpec


def compile_layer(spec: PartitionSpec, width: int, out: int) -> CompiledLayer:
    """Build the tables of a partition and compile (or load) its kernels.

    Args:
        spec: The partition.
        width: Bytes of an incoming word, 2 or 4.
        out: Bytes of an outgoing word, 2 or 4.
    """
    build = event_layer if is_fast(spec) else plain_layer
    return build(spec, width, out)


def layer_sizes(spec: PartitionSpec) -> LayerSizes:
    """Return how large a partition's tables are; nothing is built or compiled."""
    return event_sizes(spec) if is_fast(spec) else plain_sizes(spec)
