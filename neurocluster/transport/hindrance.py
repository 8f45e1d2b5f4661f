"""Own what hinders a node: the delay lines of its links, and its pace."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from neurocluster.dtypes import Records
from neurocluster.impairments import LinkImpairment, WorkerImpairment
from neurocluster.kernels.clock import processor_clock
from neurocluster.kernels.draw import SHAPES
from neurocluster.transport.delay_line import LINE
from neurocluster.transport.pace import PACE

SLOTS, FEWEST = 1024, 16
"""Packets that may be under way on a link."""
LINE_BYTES: Final = 64 << 20
"""What they may take, unless that is less than FEWEST of the largest."""
CHANCE: Final = 1 << 32
US: Final = 1_000
KIB: Final = 1_024


def slots_of(room: int) -> int:
    """Return how many packets of some bytes may be under way on a link."""
    return min(max(LINE_BYTES // room, FEWEST), SLOTS)


class Hindrance:
    """Hold the records that compiled turns read; owns their memory.

    Attributes:
        lines: (links,) LINE, empty if no link has one.
        pace: (1,) PACE, or empty.
    """

    def __init__(
        self, links: Sequence[LinkImpairment | None], rooms: Sequence[int],
        worker: WorkerImpairment | None, seed: Sequence[int | str],
    ) -> None:  # fmt: skip
        """Lay out the lines of a node's outgoing links, and its pace.

        Args:
            links: What hinders each, in the node's order; None: nothing.
            rooms: Bytes of the largest packet of each.
            worker: What slows the node down, or None.
            seed: What says which node this is, in which epoch, of which run.
        """
        self._kept: list[npt.NDArray[np.generic]] = []
        self._seed = tuple(seed)
        self.lines: Records = np.zeros(len(links) if any(links) else 0, LINE)
        for k, (link, room) in enumerate(zip(links, rooms, strict=True)):
            if link is not None:
                self._line(self.lines[k], link, k, room)
        self.pace: Records = np.zeros(0 if worker is None else 1, PACE)
        if worker is not None:
            self._pace(self.pace[0], worker)

    @property
    def lines_at(self) -> int:
        """Return the address of the lines, or 0."""
        return int(self.lines.ctypes.data) if len(self.lines) else 0

    @property
    def pace_at(self) -> int:
        """Return the address of the pace, or 0."""
        return int(self.pace.ctypes.data) if len(self.pace) else 0

    def counts(self) -> list[Mapping[str, int]]:
        """Return, link by link, what was lost and what was sent twice."""
        return [
            {"lost": int(line["lost"]), "duplicated": int(line["duplicated"])}
            for line in self.lines
        ]

    def slept(self) -> Mapping[str, int]:
        """Return the work that was made longer and all that was to be slept, ns."""
        return {
            name: int(pace[name])
            for pace in self.pace
            for name in ("counted_ns", "owed_ns")
        }

    def _keep(self, array: npt.NDArray[np.generic]) -> int:
        self._kept.append(array)
        return int(array.ctypes.data)

    def _random(self, number: int) -> int:
        """Return the address of a random state that belongs to one part."""
        text = repr((*self._seed, number)).encode()
        state = hashlib.blake2b(text, digest_size=8).digest()
        return self._keep(np.frombuffer(state, np.uint64).copy())

    def _line(self, line: Records, link: LinkImpairment, k: int, room: int) -> None:
        slots = slots_of(room)
        byte_ps = round(8e6 / link.rate_mbit) if link.rate_mbit else 0
        for name, value in {
            "delay_ns": round(link.delay_us * US),
            "jitter": SHAPES[link.jitter] if link.jitter_us else 0,
            "jitter_ns": round(link.jitter_us * US),
            "byte_ps": byte_ps,
            "burst_ns": round(link.burst_kib * KIB) * byte_ps // 1000,
            "loss": round(link.loss * CHANCE),
            "resend_ns": round(link.resend_us * US),
            "duplicate": round(link.duplicate * CHANCE),
            "random_at": self._random(k),
            "slots_at": self._keep(np.empty(slots * room, np.uint8)),
            "slot_size": room,
            "slot_count": slots,
            "dues_at": self._keep(np.zeros((slots, 2), np.int64)),
        }.items():
            line[name] = value

    def _pace(self, pace: Records, worker: WorkerImpairment) -> None:
        # Of a log-normal distribution: mean and coefficient of variation.
        variance = np.log1p(worker.service_cv**2)
        median = worker.service_us * US / np.exp(variance / 2)
        for name, value in {
            "extra_ppm": round((worker.slow - 1) * 1e6),
            "frame_ns": round(float(median)),
            "frame_sigma_ppm": round(float(np.sqrt(variance)) * 1e6),
            "pause_ns": round(worker.pause_us * US),
            "pause_every_ns": round(worker.pause_every_us * US),
            "random_at": self._random(-1),
            "cpu_at": processor_clock() if worker.by_processor else 0,
            "cpu_scratch_at": self._keep(np.zeros(2, np.int64)),
        }.items():
            pace[name] = value
