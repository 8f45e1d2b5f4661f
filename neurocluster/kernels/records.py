"""Lay out what a kernel works on: one LAYER a partition, one STATE a context.

Fields named ``*_at`` are addresses of arrays that the Python side owns.
"""

from __future__ import annotations

from typing import Final

import numpy as np


def record(*names: str) -> np.dtype[np.void]:
    """Return a record of int64 fields; names ending in ``_at`` are uint64."""
    return np.dtype([(n, "u8" if n.endswith("_at") else "i8") for n in names])


LAYER: Final = record(
    "weights_at",
    "initial_at",
    "offsets_at",  # int32 by input address: first cell touched
    "weight_offsets_at",  # int32 by input address: first weight used
    "synops_at",  # int32 by input address: weights added
    "cells_at",  # int32 (vectors, 4): wire word, three pooling partners
    "stride",  # cells from one row of a block to the next
    "state_cells",
    "list_at",  # pairs of uint64: cell, mask of firing lanes
    # the plain kernel's geometry
    "rows",
    "columns",
    "channels",
    "first_row",
    "input_columns",
    "input_channels",
    "kernel_rows",
    "kernel_columns",
    "stride_rows",
    "stride_columns",
    "padding_rows",
    "padding_columns",
    "relu",
    "quantizer",  # 0 hysteresis, 1 floor, 2 round
    "settle",
    "pools_at",  # int64 (stages, 9)
    "pool_stages",
    "pool_cells",
    "address_row",  # first row of the output plane owned
    "address_columns",
    "address_channels",
    "address_channel",  # first channel owned
    "queue_at",  # int64 (2, n, 3): spikes between pooling stages
    "queue_size",
)
STATE: Final = record(
    "potentials_at",
    "levels_at",
    "counts_at",  # plain kernel: what each pooling stage has seen of its inputs
    "touched_first",
    "touched_last",
    "fired",
    "pooled",
    "synops",
    "out_of_range",  # 1 + cell of the first neuron out of range, or 0
)
