"""Say what is computed: a chain of typed layers, their shapes and stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from neurocluster.dtypes import F32

Pair = tuple[int, int]
IMAGE_SCALE: Final = 1 / 255


@dataclass(frozen=True, slots=True)
class Shape:
    """Rows, columns and channels; addresses are row-major over them."""

    height: int
    width: int
    channels: int

    @property
    def size(self) -> int:
        """Return the number of addresses."""
        return self.height * self.width * self.channels

    def __str__(self) -> str:
        """Return ``28x28x1``."""
        return f"{self.height}x{self.width}x{self.channels}"


@dataclass(frozen=True, slots=True)
class Input:
    """The input plane; an integer image is x = value * scale + shift in float64."""

    shape: Shape
    scale: float = IMAGE_SCALE
    shift: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Conv2d:
    """A convolution with symmetric padding.

    Attributes:
        weight: (channels, input channels, kernel rows, kernel columns) float32.
        bias: (channels,) float32.
    """

    name: str
    channels: int
    kernel: Pair
    stride: Pair
    padding: Pair
    relu: bool
    weight: F32
    bias: F32


@dataclass(frozen=True, slots=True, eq=False)
class Dense:
    """A dense layer.

    Attributes:
        weight: (units, inputs) float32; columns in PyTorch's flatten order, that is
            channel, row, column of what feeds it.
        bias: (units,) float32.
    """

    name: str
    units: int
    relu: bool
    weight: F32
    bias: F32


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Max-pooling without padding."""

    name: str
    kernel: Pair
    stride: Pair


@dataclass(frozen=True, slots=True)
class Flatten:
    """Make a plane one-dimensional; addresses stay as they are."""

    name: str


WeightLayer = Conv2d | Dense
Layer = Conv2d | Dense | MaxPool | Flatten


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A weight layer with the pooling fused behind it.

    Attributes:
        index: Position among the stages.
        layer: The weight layer.
        pools: Pooling layers behind it.
        input_shape: What arrives on its links.
        neuron_shape: Its neurons; a dense layer is 1 x 1 x units.
        output_shape: What its links carry, after pooling.
    """

    index: int
    layer: WeightLayer
    pools: tuple[MaxPool, ...]
    input_shape: Shape
    neuron_shape: Shape
    output_shape: Shape


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """A network: input, layers in order, thresholds that suit it.

    Build one through `model.check.checked` or `model.load.load_network`, which
    report every broken rule.

    Attributes:
        thresholds: One, or one per weight layer (output included), or None.
    """

    name: str
    input: Input
    layers: tuple[Layer, ...]
    thresholds: tuple[float, ...] | None = None

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """Return the output shape of each layer."""
        shape, shapes = self.input.shape, []
        for layer in self.layers:
            shape = layer_shape(layer, shape)
            shapes.append(shape)
        return tuple(shapes)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Return the weight layers with what is fused behind each."""
        stages: list[Stage] = []
        arriving = self.input.shape
        for layer, shape in zip(self.layers, self.shapes, strict=True):
            if isinstance(layer, Conv2d | Dense):
                stages.append(Stage(len(stages), layer, (), arriving, shape, shape))
            elif isinstance(layer, MaxPool):
                last = stages.pop()
                pools = (*last.pools, layer)
                made = Stage(
                    last.index, last.layer, pools, last.input_shape,
                    last.neuron_shape, shape,
                )  # fmt: skip
                stages.append(made)
            arriving = stages[-1].output_shape if stages else arriving
        return tuple(stages)

    @property
    def neuron_count(self) -> int:
        """Return input and weight-layer neurons; pooling units are none."""
        stages = sum(stage.neuron_shape.size for stage in self.stages)
        return self.input.shape.size + stages


def layer_shape(layer: Layer, shape: Shape) -> Shape:
    """Return the shape behind a layer; sizes below 1 mean that it does not fit."""
    if isinstance(layer, Dense):
        return Shape(1, 1, layer.units)
    if isinstance(layer, Flatten):
        return Shape(1, 1, shape.size)
    height, width = shape.height, shape.width
    if isinstance(layer, Conv2d):
        height, width = height + 2 * layer.padding[0], width + 2 * layer.padding[1]
    rows = (height - layer.kernel[0]) // layer.stride[0] + 1
    columns = (width - layer.kernel[1]) // layer.stride[1] + 1
    channels = layer.channels if isinstance(layer, Conv2d) else shape.channels
    return Shape(rows, columns, channels)
