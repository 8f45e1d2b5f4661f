"""Record what kernels do with frames, and do it again without computing; compiled.

A copy of a network need not compute what the first one did. A recording keeps, of each
partition and frame, every call of the kernel: spikes in, spikes out, SynOps, firings,
and the words that came out. A replayed kernel takes the spikes that come and gives out
as many of the recorded words as the recording had after as many: between two calls in
proportion. Engines, links, packets and turns are the real ones. So a replayed chain has
the spikes, SynOps and counts of the recorded one in every frame, whatever its timing;
where a partition has several inputs, the recording fixes their order. Potentials are
not replayed: they are 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numba import carray

from neurocluster.dtypes import I64, U8, Records
from neurocluster.errors import ClusterError
from neurocluster.kernels.jit import jit, native
from neurocluster.kernels.layer import CompiledLayer
from neurocluster.kernels.memory import call5, copy_bytes, pointer
from neurocluster.kernels.records import STATE, record
from neurocluster.link.records import CONTEXT, NODE
from neurocluster.worker.engine import Engine

U = np.uint64
ROWS: Final = 1 << 22
WORD_BYTES: Final = 1 << 28
"""Room of a recording; pages that are never written take no memory."""
COLUMNS: Final = 6  # frame, spikes in, spikes out, SynOps, firings, those of pooling
RECORDER: Final = record(
    "kernel_at", "reset_at", "start_at", "layer_at", "states_at", "node_at", "width",
    "rows_at", "rows", "words_at", "bytes",
)  # fmt: skip
REPLAY: Final = record(
    "states_at", "node_at", "width", "frames", "shift",
    "first_at",  # int64 (frames + 1,): first row of a frame
    "rows_at",  # int64 (rows, 5): totals of the frame after a call
    "offset_at",  # int64 (frames,): first byte of a frame's words
    "words_at",
)  # fmt: skip
STATE_BYTES = STATE.itemsize


@jit
def frame_of(node_at: int, states_at: int, state_at: int) -> int:
    """Return the frame that a state is of."""
    node = carray(pointer(node_at), 1, NODE)[0]
    contexts = carray(pointer(U(node.contexts_at)), node.window, CONTEXT)
    return contexts[np.int64(state_at - states_at) // STATE_BYTES].frame


@jit
def recorded(recorder: Records, function: int, state_at: int, words: int, count: int,
             out: int) -> int:  # fmt: skip
    """Call a kernel, write down what it did."""
    state = carray(pointer(state_at), 1, STATE)[0]
    synops, fired, pooled = state.synops, state.fired, state.pooled
    written = call5(function, recorder.layer_at, state_at, words, U(count), out)
    k, size = recorder.rows, written * recorder.width
    recorder.rows += 1
    if k < ROWS and recorder.bytes + size <= WORD_BYTES:
        row = carray(pointer(recorder.rows_at), (ROWS, COLUMNS), np.int64)[k]
        row[0] = frame_of(recorder.node_at, recorder.states_at, state_at)
        row[1], row[2], row[3] = count, written, state.synops - synops
        row[4], row[5] = state.fired - fired, state.pooled - pooled
        copy_bytes(recorder.words_at + U(recorder.bytes), U(out), U(size))
    recorder.bytes += size
    return written


@jit
def replayed(replay: Records, state_at: int, count: int, out: int) -> int:
    """Give out the words that the recording had after as many spikes."""
    state = carray(pointer(state_at), 1, STATE)[0]
    frame = frame_of(replay.node_at, replay.states_at, state_at)
    k = (frame + replay.shift) % replay.frames
    first = carray(pointer(replay.first_at), replay.frames + 1, np.int64)
    begin, end = first[k], first[k + 1]
    rows = carray(pointer(replay.rows_at), (end + 1, 5), np.int64)
    # Of a replayed state, these two count spikes in and words given out.
    state.touched_first += count
    taken, at = state.touched_first, begin
    while at < end - 1 and rows[at, 0] < taken:
        at += 1
    if at >= end:
        return 0
    before = at - 1 if at > begin else np.int64(-1)
    base = rows[before, 0] if before >= 0 else 0
    step = max(rows[at, 0] - base, 1)
    part = min(max(taken - base, 0), step) if rows[at, 0] > 0 else step
    now, written = state.touched_last, state.touched_last
    for j in range(1, 5):
        low = rows[before, j] if before >= 0 else 0
        value = low + (rows[at, j] - low) * part // step
        if j == 1:
            now = value
        elif j == 2:
            state.synops = value
        elif j == 3:
            state.fired = value
        else:
            state.pooled = value
    offsets = carray(pointer(replay.offset_at), replay.frames, np.int64)
    source = replay.words_at + U(offsets[k] + written * replay.width)
    copy_bytes(U(out), source, U((now - written) * replay.width))
    state.touched_last = now
    return now - written


@jit
def forget(state_at: int) -> None:
    """Set a replayed state to the start of a frame."""
    state = carray(pointer(state_at), 1, STATE)[0]
    state.touched_first = state.touched_last = 0
    state.fired = state.pooled = state.synops = state.out_of_range = 0


@dataclass(frozen=True, slots=True)
class Function:
    """A compiled function, see `kernels.jit.Native`."""

    address: int


@cache
def functions() -> tuple[int, int, int, int, int, int]:
    """Return kernel, start, reset of a recording, then those of a replay."""

    @native("int64(uint64, uint64, uint64, uint64, uint64)")
    def record_kernel(at: int, state: int, words: int, count: int, out: int) -> int:
        recorder = carray(pointer(at), 1, RECORDER)[0]
        function = recorder.kernel_at
        return recorded(recorder, function, state, words, np.int64(count), out)

    @native("int64(uint64, uint64, uint64, uint64, uint64)")
    def record_start(at: int, state: int, words: int, count: int, out: int) -> int:
        recorder = carray(pointer(at), 1, RECORDER)[0]
        function = recorder.start_at
        return recorded(recorder, function, state, words, np.int64(count), out)

    @native("int64(uint64, uint64, uint64, uint64, uint64)")
    def record_reset(at: int, state: int, words: int, count: int, out: int) -> int:
        recorder = carray(pointer(at), 1, RECORDER)[0]
        return call5(recorder.reset_at, recorder.layer_at, state, words, count, out)

    @native("int64(uint64, uint64, uint64, uint64, uint64)")
    def replay_kernel(at: int, state: int, words: int, count: int, out: int) -> int:
        return replayed(carray(pointer(at), 1, REPLAY)[0], state, np.int64(count), out)

    @native("int64(uint64, uint64, uint64, uint64, uint64)")
    def replay_start(at: int, state: int, words: int, count: int, out: int) -> int:
        return replayed(carray(pointer(at), 1, REPLAY)[0], state, np.int64(0), out)

    @native("int64(uint64, uint64, uint64, uint64, uint64)")
    def replay_reset(at: int, state: int, words: int, count: int, out: int) -> int:
        forget(state)
        return np.int64(0)

    return (
        record_kernel.address, record_start.address, record_reset.address,
        replay_kernel.address, replay_start.address, replay_reset.address,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """What one partition did with some frames.

    Attributes:
        first: (frames + 1,) int64, first row of a frame.
        rows: (rows, 5) int64: totals of the frame after a call of the kernel: spikes
            in, words out, SynOps, firings, those of pooling units.
        offset: (frames,) int64, first byte of a frame's words.
        words: uint8.
        width: Bytes of a word.
        starts: Whether a kernel runs when a frame opens.
        outputs: Neurons of an output partition, else 0.
    """

    first: I64
    rows: I64
    offset: I64
    words: U8
    width: int
    starts: bool
    outputs: int

    @property
    def most(self) -> int:
        """Return the most words of a frame."""
        last = self.first[1:] - 1
        some = last >= self.first[:-1]
        return int(self.rows[last[some], 1].max(initial=0))


class Recorder:
    """Write down what the kernels of one engine do; keep it with the engine."""

    def __init__(self, engine: Engine) -> None:
        """Stand between the engine, or its meter, and the kernels."""
        self._engine = engine
        self._rows: I64 = np.empty((ROWS, COLUMNS), np.int64)
        self._words: U8 = np.empty(WORD_BYTES, np.uint8)
        self._record: Records = np.zeros(1, RECORDER)
        self._width = engine.node.outbound_specs[0].width
        inner, kernel = engine.record[0], functions()
        for name, value in {
            "kernel_at": inner["kernel_at"], "reset_at": inner["reset_at"],
            "start_at": inner["start_at"], "layer_at": inner["layer_at"],
            "states_at": inner["states_at"],
            "node_at": engine.node.record.ctypes.data, "width": self._width,
            "rows_at": self._rows.ctypes.data, "words_at": self._words.ctypes.data,
        }.items():  # fmt: skip
            self._record[0][name] = value
        self._starts = bool(inner["start_at"])
        inner["kernel_at"], inner["reset_at"] = kernel[0], kernel[2]
        inner["start_at"] = kernel[1] if self._starts else 0
        inner["layer_at"] = self._record.ctypes.data

    def trace(self, frames: int) -> Trace:
        """Return what was written down of the first frames.

        Raises:
            ClusterError: It was more than there is room for.
        """
        rows, size = int(self._record[0]["rows"]), int(self._record[0]["bytes"])
        if rows > ROWS or size > WORD_BYTES:
            message = f"{frames} frames are too many to record; use fewer"
            raise ClusterError(message)
        table = self._rows[:rows]
        order = np.argsort(table[:, 0], kind="stable")
        sorted_ = table[order]
        first = np.searchsorted(sorted_[:, 0], np.arange(frames + 1)).astype(np.int64)
        ends = table[:, 2].cumsum() * self._width
        begins = ends - table[:, 2] * self._width
        pieces = [self._words[begins[k] : ends[k]] for k in order[: first[-1]]]
        words = np.concatenate(pieces) if pieces else np.zeros(0, np.uint8)
        totals = np.zeros((first[-1], 5), np.int64)
        offset = np.zeros(frames, np.int64)
        before = 0
        for k in range(frames):
            part = sorted_[first[k] : first[k + 1], 1:].cumsum(0)
            totals[first[k] : first[k + 1]] = part
            offset[k] = before
            before += int(part[-1, 1]) * self._width if len(part) else 0
        spec = self._engine.spec
        outputs = spec.neurons if spec.is_output else 0
        return Trace(first, totals, offset, words, self._width, self._starts, outputs)


class ReplayedLayer:
    """A partition of a copy that computes nothing."""

    def __init__(self, trace: Trace, max_spikes: int, shift: int) -> None:
        """Take what is replayed.

        Args:
            trace: Of the partition.
            max_spikes: Of a full packet.
            shift: Frames by which the recording is turned.
        """
        kernel = functions()
        self._trace = trace
        self._record: Records = np.zeros(1, REPLAY)
        for name, value in {
            "width": trace.width, "frames": len(trace.offset), "shift": shift,
            "first_at": trace.first.ctypes.data, "rows_at": trace.rows.ctypes.data,
            "offset_at": trace.offset.ctypes.data, "words_at": trace.words.ctypes.data,
        }.items():  # fmt: skip
            self._record[0][name] = value
        cells = max(trace.outputs, 1)
        self.layer = CompiledLayer(
            self._record, (np.zeros(cells, np.int32),), Function(kernel[3]),
            Function(kernel[5]), Function(kernel[4]) if trace.starts else None,
            fast=False, cells=0, pool_cells=0, neuron_cells=np.arange(cells),
            raised=False, most_touched=trace.most // max_spikes + 1, most_firings=1,
        )  # fmt: skip

    def bind(self, engine: Engine) -> None:
        """Say which engine it is part of."""
        self._record[0]["states_at"] = engine.states.ctypes.data
        self._record[0]["node_at"] = engine.node.record.ctypes.data
