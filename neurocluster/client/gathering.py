"""Gather a session's reports of frames: the partitions' and the client's own."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from neurocluster.client.engine import Engine
from neurocluster.client.records import RESULTS
from neurocluster.client.reports import FrameReports, Unequal
from neurocluster.dtypes import I64, U64
from neurocluster.errors import MalformedMessage

MESSAGES: Final = 4
"""FRAMES of each partition that are joined together: those of 0.4 s."""
_log = logging.getLogger(__name__)


class Gathering:
    """Join reports, and keep single frames' for whoever wants them."""

    def __init__(self, network: Mapping[str, Any], *, keeps: bool) -> None:
        """Take the plan, and whether every frame's report is kept or only sums."""
        self._reports, self._keeps = FrameReports(network), keeps
        self._most = MESSAGES * len(network["partitions"])
        self._own: list[tuple[int, U64]] = []
        self._waiting: list[tuple[int, int, bytes]] = []
        self._kept: list[I64] = []

    def collected(self, engine: Engine, *, all_of_it: bool = False) -> None:
        """Take the client's own reports, before there is no room for more."""
        if all_of_it or engine.unreported > RESULTS // 2:
            self._own.append((engine.epoch, engine.take_reports()))

    def reported(
        self, engine: Engine, epoch: int, partition: int, rows: bytes
    ) -> Unequal | None:
        """Take a partition's reports; return a link that lost spikes, if one did."""
        self._waiting.append((epoch, partition, rows))
        if len(self._waiting) >= self._most:
            self.join(engine)
        return self._reports.unequal

    def join(self, engine: Engine) -> None:
        """Join all that came. In large pieces: a small one costs nearly as much."""
        self.collected(engine, all_of_it=True)
        own, self._own = self._own, []
        for epoch, tables in itertools.groupby(own, lambda pair: pair[0]):
            self._reports.add_own(epoch, np.concatenate([table for _, table in tables]))
        waiting, self._waiting = self._waiting, []
        waiting.sort(key=lambda message: message[:2])  # stable: each one's in order
        for (epoch, partition), messages in itertools.groupby(waiting, lambda m: m[:2]):
            try:
                self._reports.add(epoch, partition, b"".join(m[2] for m in messages))
            except MalformedMessage as error:
                _log.warning("dropped frame reports: %s", error)
        done = self._reports.take()
        if self._keeps:
            self._kept.append(done)

    def complete(self, engine: Engine) -> bool:
        """Tell whether everybody has reported all frames that an engine started."""
        self.join(engine)
        return self._reports.complete(engine.epoch, engine.started)

    # -- tables --------------------------------------------------------------------

    def frames(self) -> I64:
        """Return what is known of single frames; see `FrameReports.take`."""
        return np.concatenate([*self._kept, np.zeros((0, 5), np.int64)])

    def stages(self) -> dict[int, I64]:
        """Return by partition (4,) int64: spikes, pooling spikes, SynOps, service."""
        return dict(enumerate(self._reports.totals))

    def links(self) -> I64 | None:
        """Return `FrameReports.links`; None if no frame is complete."""
        return self._reports.links if self._reports.frames else None
