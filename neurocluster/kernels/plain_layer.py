"""Build the arrays of a partition for the general kernel (`kernels.plain`)."""

from __future__ import annotations

from typing import Final

import numpy as np

from neurocluster.dtypes import I64, ONE
from neurocluster.kernels.batch import batch_kernel, batch_sweep
from neurocluster.kernels.layer import (
    CompiledLayer,
    LayerSizes,
    aligned,
    conv_shape,
    conv_weights,
    input_plane,
    layer_record,
    most_touched,
)
from neurocluster.kernels.plain import (
    POOL_FIELDS,
    plain_kernel,
    plain_open,
    plain_reset,
)
from neurocluster.model.spec import PartitionSpec

QUANTIZERS: Final = {"hysteresis": 0, "floor": 1, "round": 2}


def plain_layer(spec: PartitionSpec, width: int, out: int) -> CompiledLayer:
    """Build the tables of any partition."""
    kh, kw, sh, sw, ph, pw = conv_shape(spec)
    _, input_columns, depth = input_plane(spec)
    rows, columns = spec.rows[1] - spec.rows[0], spec.neuron_shape.width
    channels = spec.channels[1] - spec.channels[0]
    cells = rows * columns * channels
    initial = np.tile(spec.initial, rows * columns)
    weights = conv_weights(spec).transpose(1, 2, 3, 0)
    stages, pool_cells, queue = _pool_stages(spec, rows, columns, channels)
    arrays = (
        aligned(initial.astype(np.int32)),
        aligned(np.ascontiguousarray(weights)),
        aligned(stages),
        aligned(np.zeros((2, queue, 3), np.int64)),
    )
    out_row, out_channels = spec.output_rows[0], spec.output_shape.channels
    if spec.kind == "dense":
        out_row, out_channels = 0, spec.output_shape.size
    record = layer_record(
        initial_at=arrays[0], weights_at=arrays[1], pools_at=arrays[2],
        queue_at=arrays[3], queue_size=queue, state_cells=cells, rows=rows,
        columns=columns, channels=channels, first_row=spec.rows[0],
        input_columns=input_columns, input_channels=depth, kernel_rows=kh,
        kernel_columns=kw, stride_rows=sh, stride_columns=sw, padding_rows=ph,
        padding_columns=pw, relu=int(spec.relu),
        quantizer=QUANTIZERS[spec.quantizer], settle=int(spec.fire == "settle"),
        pool_stages=len(spec.pools), pool_cells=pool_cells, address_row=out_row,
        address_columns=spec.output_shape.width, address_channels=out_channels,
        address_channel=spec.channels[0],
    )  # fmt: skip
    kernel, start, sweep = plain_kernel, None, None
    if spec.batch:
        kernel, sweep = batch_kernel, batch_sweep(out)
    elif spec.fire == "settle":
        start = plain_open(out)
    return CompiledLayer(
        record, arrays, kernel(width, out), plain_reset(), start, False, cells,
        pool_cells, np.arange(cells), False, most_touched(spec), _most_firings(spec),
        sweep,
    )  # fmt: skip


def plain_sizes(spec: PartitionSpec) -> LayerSizes:
    """Return how large the tables of `plain_layer` are."""
    rows, columns = spec.rows[1] - spec.rows[0], spec.neuron_shape.width
    channels = spec.channels[1] - spec.channels[0]
    stages, pool_cells, queue = _pool_stages(spec, rows, columns, channels)
    cells = rows * columns * channels
    size = 4 * (cells + spec.weight.size) + stages.nbytes + 8 * 2 * queue * 3
    return LayerSizes(
        False, cells, pool_cells, size, most_touched(spec), _most_firings(spec)
    )


def _most_firings(spec: PartitionSpec) -> int:
    """Return how often one spike can make a neuron fire."""
    if spec.fire != "settle" or not spec.weight.size:
        return 1
    largest = max(int(spec.weight.max()), -int(spec.weight.min()))
    return -(-largest // ONE) + 1


def _pool_stages(
    spec: PartitionSpec, rows: int, columns: int, channels: int
) -> tuple[I64, int, int]:
    """Return the table of stages, cells they remember, and the longest queue."""
    stages = np.zeros((max(len(spec.pools), 1), POOL_FIELDS), np.int64)
    first, queue = 0, 1
    for stage, ((kh, kw), (sh, sw)) in zip(stages, spec.pools, strict=False):
        out_rows, out_columns = (rows - kh) // sh + 1, (columns - kw) // sw + 1
        stage[:] = rows, columns, kh, kw, sh, sw, out_rows, out_columns, first
        first += rows * columns * channels
        queue *= -(-kh // sh) * -(-kw // sw)
        rows, columns = out_rows, out_columns
    return stages, first, queue + 1
