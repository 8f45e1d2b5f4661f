"""Name the integer widths, array aliases and ids that all modules share."""

from __future__ import annotations

from typing import Final, Literal, NewType

import numpy as np
import numpy.typing as npt

FrameId = NewType("FrameId", int)
LinkId = NewType("LinkId", int)

I8 = npt.NDArray[np.int8]
U8 = npt.NDArray[np.uint8]
I16 = npt.NDArray[np.int16]
U16 = npt.NDArray[np.uint16]
I32 = npt.NDArray[np.int32]
U32 = npt.NDArray[np.uint32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Bool = npt.NDArray[np.bool_]
Records = npt.NDArray[np.void]

Quantizer = Literal["hysteresis", "floor", "round"]
FirePolicy = Literal["once", "settle"]
ClockMode = Literal[
    "none", "pipeline", "layer", "frame", "step", "step-batch", "neighbour"
]
BarrierKind = Literal["central", "dissemination"]
STEP: Final = "step"
BATCH: Final = "step-batch"
NEIGHBOUR: Final = "neighbour"
STEPPED: Final = (STEP, BATCH)
"""Clocks under which a frame has several phases."""

FRACTION_BITS: Final = 16
"""Fractional bits of weights and potentials (units of the threshold)."""
ONE: Final = 1 << FRACTION_BITS
POTENTIAL_LIMIT: Final = (1 << 29) - (1 << 16)
"""A firing neuron whose |V| reaches this has left its range (8,191 levels)."""
CLIENT: Final = "client"
"""Name of the client as an end of a link."""
