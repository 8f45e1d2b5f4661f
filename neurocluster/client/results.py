"""Hold results: one `Result` a frame for the API, `FrameTable` for whole runs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from neurocluster.client.records import RESULT
from neurocluster.coding.readout import class_by_count, class_by_potential
from neurocluster.dtypes import I32, I64, Records


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """One frame's result.

    Attributes:
        frame: Position in what was streamed.
        class_by_count: Class of the largest net spike count; -1 if it failed.
        class_by_potential: Class of the largest potential; -1 if it failed.
        counts: (outputs,) int32, net output spikes.
        potentials: (outputs,) int32, units of threshold / 2^16.
        latency_ns: From just before the first send to the last output's close.
        first_output_ns: To the first output packet with a spike, or None.
        decided_ns: To the packet after which the leading class stayed.
        error: Why the frame failed, or None.
    """

    frame: int
    class_by_count: int
    class_by_potential: int
    counts: I32
    potentials: I32
    latency_ns: int
    first_output_ns: int | None
    decided_ns: int
    error: str | None = None


@dataclass(slots=True)
class Chunk:
    """Frames that finished together, in order of submission.

    Attributes:
        frames: (n,) int64, positions in what was streamed.
        rows: (n,) RESULT.
        counts: (n, outputs) int32.
        potentials: (n, outputs) int32.
        errors: By position.
        epoch: In which they finished; ``rows["frame"]`` counts in it.
    """

    frames: I64
    rows: Records
    counts: I32
    potentials: I32
    errors: dict[int, str] = field(default_factory=dict)
    epoch: int = 0

    def results(self) -> list[Result]:
        """Return the frames one by one."""
        by_count = class_by_count(self.counts, self.potentials)
        by_potential = class_by_potential(self.potentials)
        made = []
        for k, frame in enumerate(self.frames.tolist()):
            row, error = self.rows[k], self.errors.get(frame)
            start, first = int(row["started_ns"]), int(row["first_output_ns"])
            made.append(
                Result(
                    frame,
                    -1 if error else int(by_count[k]),
                    -1 if error else int(by_potential[k]),
                    self.counts[k],
                    self.potentials[k],
                    int(row["done_ns"]) - start,
                    first - start if first else None,
                    int(row["decided_ns"]) - start,
                    error,
                )
            )
        return made


@dataclass(slots=True)
class Recovery:
    """Tell what failed and was survived.

    Attributes:
        reason: Words of the controller.
        last: Position of the frame that had finished last, or -1.
        lost_s: When the client heard of it, by its monotonic clock.
        seconds: How long it took from there until the next epoch ran; None before.
    """

    reason: str
    last: int
    lost_s: float
    seconds: float | None = None


@dataclass(slots=True, eq=False)
class FrameTable:
    """All frames of a run, as arrays in order of submission.

    Attributes:
        frames: (n,) int64, index in the data set.
        rows: (n,) RESULT.
        counts: (n, outputs) int32.
        potentials: (n, outputs) int32.
        errors: By index in the data set.
        reports: (n, 3) int64: spikes, spikes_pool, synops; -1 where unreported.
    """

    frames: I64
    rows: Records
    counts: I32
    potentials: I32
    errors: dict[int, str]
    reports: I64

    @property
    def good(self) -> I64:
        """Return (n,) bool-like mask of frames without an error, as indices."""
        bad = np.isin(self.frames, list(self.errors))
        return np.flatnonzero(~bad)


def _reports_of(epochs: I64, rows: Records, reports: I64) -> I64:
    """Return (n, 3) int64 for frames: spikes, pooling spikes, SynOps.

    -1 where nothing is known: a refused frame, or one whose report was lost.
    """
    keys = (reports[:, 0] << 32) + reports[:, 1]  # ascending, as they were completed
    wanted = (epochs << 32) + rows["frame"]
    at = np.searchsorted(keys, wanted)
    found = np.full((len(rows), 3), -1, np.int64)
    known = (at < len(keys)) & (rows["started_ns"] > 0)
    known[known] = keys[at[known]] == wanted[known]
    found[known] = reports[at[known], 2:]
    return found


def table_of(chunks: list[Chunk], reports: I64, frames: I64) -> FrameTable:
    """Join chunks into one table.

    Args:
        chunks: All of a run.
        reports: See `reports.FrameReports.take`.
        frames: (streamed,) int64, each image's index in the data set.
    """
    errors = {
        int(frames[k]): text for chunk in chunks for k, text in chunk.errors.items()
    }
    empty = np.zeros((0, chunks[0].counts.shape[1] if chunks else 0), np.int32)
    rows = np.concatenate([c.rows for c in chunks] or [np.zeros(0, RESULT)])
    positions = np.concatenate([c.frames for c in chunks] or [np.zeros(0, np.int64)])
    epochs = np.repeat([c.epoch for c in chunks], [len(c.frames) for c in chunks])
    own = _reports_of(epochs.astype(np.int64), rows, reports)
    known = own[:, 0] >= 0
    own[known, 0] += rows["input_spikes"][known]
    return FrameTable(
        frames[positions], rows, np.concatenate([c.counts for c in chunks] or [empty]),
        np.concatenate([c.potentials for c in chunks] or [empty]), errors, own,
    )  # fmt: skip
