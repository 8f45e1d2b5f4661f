"""Turn a float network into an int32 one: potentials in units of the threshold.

w' = w * theta_in / theta, b' = b / theta with 16 fractional bits, rounded half to
even from float64 (Yousefzadeh et al., AICAS 2019, section II; README, "The neuron").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

import numpy as np

from neurocluster.dtypes import F64, I32, ONE
from neurocluster.errors import ModelError
from neurocluster.model.check import threshold_problems
from neurocluster.model.graph import Dense, Graph, Stage

WEIGHT_LIMIT: Final = 1 << 29
"""|w'| and |b' + offset| stay below this, so that an overflow cannot pass unseen."""
DEFAULT_THRESHOLD: Final = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class FixedStage:
    """A stage in fixed point.

    Attributes:
        stage: What it computes.
        threshold: Its quantization level.
        weight: (outputs, inputs, rows, columns) or (outputs, inputs) int32; the
            columns of a dense layer are in address order.
        bias: (outputs,) int32.
        initial: (outputs,) int32, the potential at the start of a frame: bias plus
            offset in hidden stages.
    """

    stage: Stage
    threshold: float
    weight: I32
    bias: I32
    initial: I32


@dataclass(frozen=True, slots=True, eq=False)
class FixedNetwork:
    """A network in fixed point."""

    graph: Graph
    thresholds: tuple[float, ...]
    offset: float
    stages: tuple[FixedStage, ...]


def resolve_thresholds(
    graph: Graph, thresholds: Sequence[float] | None
) -> tuple[float, ...]:
    """Return one threshold per weight layer: given, else the file's, else 1.

    Raises:
        ModelError: Their number or a value is wrong.
    """
    values = tuple(thresholds or graph.thresholds or (DEFAULT_THRESHOLD,))
    problems = list(threshold_problems(graph, values))
    if problems:
        raise ModelError("; ".join(problems))
    count = len(graph.stages)
    return values * count if len(values) == 1 else values


def convert(
    graph: Graph, thresholds: Sequence[float] | None = None, offset: float = 0.0
) -> FixedNetwork:
    """Convert a network to fixed point.

    Args:
        graph: The network.
        thresholds: One, or one per weight layer; None takes the file's, else 1.
        offset: Fraction of the threshold added to hidden initial potentials.

    Raises:
        ModelError: A threshold is wrong, or a value leaves the fixed-point range.
    """
    values = resolve_thresholds(graph, thresholds)
    if not np.isfinite(offset):
        message = f"offset {offset} must be finite"
        raise ModelError(message)
    arriving = (1.0, *values)
    stages = graph.stages
    made = tuple(
        _stage(stage, before, threshold, offset if stage is not stages[-1] else 0.0)
        for stage, before, threshold in zip(stages, arriving, values, strict=False)
    )
    return FixedNetwork(graph, values, offset, made)


def _stage(stage: Stage, before: float, threshold: float, offset: float) -> FixedStage:
    layer = stage.layer
    weight = layer.weight.astype(np.float64)
    if isinstance(layer, Dense):
        weight = _address_order(weight, stage)
    bias = layer.bias.astype(np.float64) / threshold
    return FixedStage(
        stage,
        threshold,
        _fixed(weight * before / threshold, f"{layer.name}.weight"),
        _fixed(bias, f"{layer.name}.bias"),
        _fixed(bias + offset, f"{layer.name}.bias plus offset"),
    )


def _address_order(weight: F64, stage: Stage) -> F64:
    """Permute columns from (channel, row, column) to (row, column, channel)."""
    shape = stage.input_shape
    cube = weight.reshape(-1, shape.channels, shape.height, shape.width)
    return cast("F64", cube.transpose(0, 2, 3, 1).reshape(len(weight), -1))


def _fixed(values: F64, name: str) -> I32:
    scaled = np.rint(values * ONE)
    if np.abs(scaled).max(initial=0.0) >= WEIGHT_LIMIT:
        largest = float(np.abs(values).max())
        message = (
            f"{name} reaches {largest:.6g} thresholds, the fixed-point range ends at "
            f"{WEIGHT_LIMIT // ONE}; use a larger threshold"
        )
        raise ModelError(message)
    return scaled.astype(np.int32)
