"""Run a whole network as one chain in one process, with the compiled kernels.

There are no links and no packets: the single-process reference that a chain of
partitions must equal to the last spike, and the yardstick of its kernels.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import carray

from neurocluster.coding.delay import input_order, rank_table
from neurocluster.dtypes import I32, I64, U8, FirePolicy, Quantizer, Records
from neurocluster.errors import PotentialRangeError
from neurocluster.kernels.clock import monotonic_clock
from neurocluster.kernels.encode import encode_image
from neurocluster.kernels.jit import jit
from neurocluster.kernels.memory import call1, call5, pointer
from neurocluster.kernels.records import STATE, record
from neurocluster.kernels.tables import CompiledLayer, compile_layer
from neurocluster.model.convert import FixedNetwork
from neurocluster.model.partition import make_plan
from neurocluster.model.spec import partition_spec

STEP: Final = record(
    "kernel_at", "reset_at", "start_at", "layer_at", "state_at", "words_at",
)  # fmt: skip
Order = Callable[[int, npt.NDArray[Any]], npt.NDArray[Any]]
"""Given a stage and the addresses of its input's spikes; returns their new order."""
FIGURES: Final = 5
"""Per frame and stage: words out, fired, pooled, synops, nanoseconds."""
U = np.uint64


@jit
def run_stages(
    steps: Records, count: int, clock: int, scratch: int, figures: I64
) -> int:
    """Run the stages on the words in the first buffer; return the stage at fault.

    Args:
        steps: (stages + 1,) STEP; the last holds only the buffer behind the network.
        count: Words in the first buffer.
        clock: Address of a clock function.
        scratch: Its argument.
        figures: (stages, FIGURES) int64, written.
    """
    fault = -1
    for k in range(steps.size - 1):
        step = steps[k]
        begin = call1(U(clock), U(scratch))
        call5(step.reset_at, step.layer_at, step.state_at, U(0), U(0), U(0))
        out = steps[k + 1].words_at
        written = np.int64(0)
        if step.start_at:
            written = call5(
                step.start_at, step.layer_at, step.state_at, U(0), U(0), out
            )
        width = U(figures[k, 0])
        written += call5(
            step.kernel_at, step.layer_at, step.state_at, step.words_at, U(count),
            out + U(written) * width,
        )  # fmt: skip
        state = carray(pointer(step.state_at), 1, STATE)[0]
        figures[k, 0], figures[k, 1], figures[k, 2] = written, state.fired, state.pooled
        figures[k, 3] = state.synops
        figures[k, 4] = call1(U(clock), U(scratch)) - begin
        if state.out_of_range and fault < 0:
            fault = k
        count = written
    return fault


@jit
def time_frames(
    steps: Records, images: U8, ranks_at: int, starts_at: int, live_at: int,
    rank_count: int, width: int, clock: int, scratch: int, figures: I64,
) -> int:  # fmt: skip
    """Encode and run frames one after the other; return the nanoseconds it took.

    Args:
        steps: (stages + 1,) STEP, see `run_stages`.
        images: (frames, pixels) uint8.
        ranks_at: See `kernels.encode.encode_image`, as the next three.
        starts_at: Scratch.
        live_at: Scratch.
        rank_count: One more than the highest rank.
        width: Bytes of a word of the input.
        clock: Address of a clock function.
        scratch: Its argument.
        figures: (stages, FIGURES) int64, written anew by each frame.
    """
    begin = call1(U(clock), U(scratch))
    words = figures[:, 0].copy()
    for k in range(images.shape[0]):
        figures[:, 0] = words
        count = encode_image(
            ranks_at, starts_at, live_at, rank_count, images[k], steps[0].words_at,
            width,
        )  # fmt: skip
        run_stages(steps, count, clock, scratch, figures)
    return call1(U(clock), U(scratch)) - begin


@dataclass(frozen=True, slots=True, eq=False)
class ChainRun:
    """Results of a chain over some frames.

    Attributes:
        counts: (frames, outputs) int32, net output spikes.
        potentials: (frames, outputs) int32.
        figures: (frames, stages, FIGURES) int64.
        inputs: (frames,) int64, input spikes.
    """

    counts: I32
    potentials: I32
    figures: I64
    inputs: I64

    @property
    def spikes(self) -> I64:
        """Return (frames,) int64: firings of input and neurons."""
        return self.inputs + self.figures[:, :, 1].sum(1)

    @property
    def spikes_pool(self) -> I64:
        """Return (frames,) int64: firings of pooling units."""
        return self.figures[:, :, 2].sum(1)

    @property
    def synops(self) -> I64:
        """Return (frames,) int64: weights added because of spikes."""
        return self.figures[:, :, 3].sum(1)


class Chain:
    """Hold the compiled stages of a network, one partition each."""

    def __init__(
        self,
        fixed: FixedNetwork,
        quantizer: Quantizer = "hysteresis",
        fire: FirePolicy = "once",
    ) -> None:
        """Compile or load the kernels and allocate one frame's state."""
        self._input = fixed.graph.input
        plan = make_plan(fixed.graph)
        self._widths = [link.width for link in plan.links]
        self.layers: list[CompiledLayer] = []
        self._names: list[str] = []
        self._kept: list[object] = []
        self._sizes = [stage.output_shape.size for stage in fixed.graph.stages]
        self._steps: Records = np.zeros(len(plan.partitions) + 1, STEP)
        room = self._input.shape.size
        for k, partition in enumerate(plan.partitions):
            spec = partition_spec(
                fixed, partition, quantizer=quantizer, fire=fire, window=1, max_spikes=1
            )
            layer = compile_layer(spec, self._widths[k], self._widths[k + 1])
            states, kept = layer.new_states(1)
            buffer = np.empty(room * self._widths[k] + 64, np.uint8)
            step = self._steps[k]
            step["kernel_at"], step["reset_at"] = (
                layer.kernel.address,
                layer.reset.address,
            )
            step["start_at"] = layer.start.address if layer.start is not None else 0
            step["layer_at"], step["state_at"] = (
                layer.record.ctypes.data,
                states.ctypes.data,
            )
            step["words_at"] = buffer.ctypes.data
            self.layers.append(layer)
            self._names.append(partition.name.rpartition(".")[0])
            self._kept += [states, kept, buffer]
            self._buffers = buffer
            # Untouched pages cost nothing: room for every neuron at every spike.
            most = layer.most_firings * layer.most_touched
            room = min(max(room * most, 1), 1 << 26) + 16 * spec.neurons
        last = np.empty(room * self._widths[-1] + 64, np.uint8)
        self._kept.append(last)
        self._steps[-1]["words_at"] = last.ctypes.data
        self._out_states = states
        self._potentials, self._levels = kept[-3], kept[-2]
        self._ranks = rank_table(self._input)
        self._scratch = [
            np.zeros(2, np.int64),
            np.zeros(258, np.int64),
            np.zeros(self._input.shape.size + 1, np.int32),
        ]

    def run(self, images: U8, order: Order | None = None) -> ChainRun:
        """Run frames one after the other.

        Args:
            images: (frames, ...) uint8 or float images of the input's size.
            order: Another order for the spikes of each stage; default theirs.

        Raises:
            PotentialRangeError: A potential left its range.
        """
        flat = np.ascontiguousarray(images.reshape(len(images), -1))
        frames, stages = len(flat), len(self.layers)
        figures = np.zeros((frames, stages, FIGURES), np.int64)
        figures[:, :, 0] = self._widths[1:]
        outputs = len(self.layers[-1].neuron_cells)
        counts = np.zeros((frames, outputs), np.int32)
        potentials = np.zeros((frames, outputs), np.int32)
        inputs = np.zeros(frames, np.int64)
        clock = monotonic_clock()
        address = self._scratch[0].ctypes.data
        for k, image in enumerate(flat):
            inputs[k] = count = self._encode(image)
            if order is None:
                fault = run_stages(self._steps, count, clock, address, figures[k])
            else:
                fault = self._run_ordered(count, order, figures[k])
            if fault >= 0:
                raise PotentialRangeError(self._names[fault], self._first_bad(fault), k)
            layer = self.layers[-1]
            counts[k] = layer.levels(self._potentials, self._levels)
            potentials[k] = layer.potentials(self._potentials, self._levels)
        return ChainRun(counts, potentials, figures, inputs)

    def _run_ordered(self, count: int, order: Order, figures: I64) -> int:
        """Run one frame stage by stage; return the stage at fault, or -1."""
        clock, scratch, fault = monotonic_clock(), self._scratch[0].ctypes.data, -1
        for k in range(len(self.layers)):
            words = self._words(k, count)
            words[:] = words[order(k, words >> 1)]
            part = figures[k : k + 1]
            bad = run_stages(self._steps[k : k + 2], count, clock, scratch, part)
            fault = k if bad >= 0 and fault < 0 else fault
            count = int(part[0, 0])
        return fault

    def _words(self, stage: int, count: int) -> npt.NDArray[Any]:
        """Return the words in a stage's input buffer, as the array itself."""
        width = self._widths[stage]
        at = int(self._steps[stage]["words_at"])
        view = (ctypes.c_uint8 * (count * width)).from_address(at)
        return np.frombuffer(view, np.uint16 if width == 2 else np.uint32)

    def time_ns(self, images: U8) -> float:
        """Return the nanoseconds a frame that encoding and kernels take.

        Args:
            images: (frames, ...) uint8 images of the input's size; their potentials
                are not checked, `run` does that.
        """
        flat = np.ascontiguousarray(images.reshape(len(images), -1))
        figures = np.zeros((len(self.layers), FIGURES), np.int64)
        figures[:, 0] = self._widths[1:]
        clock, starts, live = (array.ctypes.data for array in self._scratch)
        spent = time_frames(
            self._steps, flat, self._ranks.ctypes.data, starts, live,
            int(self._ranks.max()) + 1, self._widths[0], monotonic_clock(), clock,
            figures,
        )  # fmt: skip
        return spent / len(flat)

    def address_counts(self, images: U8) -> list[I64]:
        """Return spikes by address over some frames: input, then each stage."""
        flat = np.ascontiguousarray(images.reshape(len(images), -1))
        sizes = [self._input.shape.size, *self._sizes]
        counts = [np.zeros(size, np.int64) for size in sizes]
        for image in flat:
            run = self.run(image[None])
            words = [int(run.inputs[0]), *run.figures[0, :, 0].tolist()]
            for k, count in enumerate(words):
                np.add.at(counts[k], self._words(k, count) >> 1, 1)
        return counts

    def _encode(self, image: U8) -> int:
        words_at = int(self._steps[0]["words_at"])
        if image.dtype == np.uint8:
            starts, live = self._scratch[1].ctypes.data, self._scratch[2].ctypes.data
            return int(
                encode_image(
                    self._ranks.ctypes.data,
                    starts,
                    live,
                    int(self._ranks.max()) + 1,
                    image,
                    words_at,
                    self._widths[0],
                )
            )
        order = input_order(image, self._input)
        kind = np.uint16 if self._widths[0] == 2 else np.uint32
        words = (order << 1).astype(kind)
        first = self._kept[2]
        if isinstance(first, np.ndarray):
            first[: words.nbytes] = words.view(np.uint8)
        return len(order)

    def _first_bad(self, stage: int) -> int:
        address = int(self._steps[stage]["state_at"])
        for kept in self._kept:
            if isinstance(kept, np.ndarray) and kept.ctypes.data == address:
                cell = int(kept["out_of_range"][0]) - 1
                where = np.flatnonzero(self.layers[stage].neuron_cells == cell)
                return int(where[0]) if len(where) else 0
        return 0
