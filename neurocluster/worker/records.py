"""Lay out a worker's compiled state: ENGINE.

Fields named ``*_at`` are addresses of arrays that `worker.engine.Engine` owns, or of
kernels.
"""

from __future__ import annotations

from typing import Final

from neurocluster.kernels.records import record
from neurocluster.wire.shapes import FRAME_ROW

REPORT_FIELDS: Final = len(FRAME_ROW)
"""Columns of a report before those of the links."""
ENGINE: Final = record(
    "kernel_at", "reset_at", "start_at", "sweep_at", "layer_at", "states_at",
    "scratch_at", "partition", "is_output", "neurons", "neuron_cells_at", "fast",
    "raised", "reports_at", "report_count", "report_size", "report_width", "output_at",
)  # fmt: skip
