"""Gather a session's reports of frames: the partitions' and the client's own."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from neurocluster.client.engine import Engine
from neurocluster.client.reports import FrameReports, Unequal
from neurocluster.dtypes import I64, U64
from neurocluster.errors import MalformedMessage

_log = logging.getLogger(__name__)


class Gathering:
    """Join reports, and keep single frames' for whoever wants them."""

    def __init__(self, network: Mapping[str, Any], *, keeps: bool) -> None:
        """Take the plan, and whether every frame's report is kept or only sums."""
        self._reports, self._keeps = FrameReports(network), keeps
        self._own: list[tuple[int, U64]] = []
        self._kept: list[I64] = []

    def collected(self, engine: Engine) -> None:
        """Take the client's own report of frames that finished."""
        self._own.append((engine.epoch, engine.take_reports()))

    def reported(self, epoch: int, partition: int, rows: bytes) -> Unequal | None:
        """Take a partition's reports; return a link that lost spikes, if one did."""
        self._join_own()
        try:
            self._reports.add(epoch, partition, rows)
        except MalformedMessage as error:
            _log.warning("dropped frame reports: %s", error)
        done = self._reports.take()
        if self._keeps:
            self._kept.append(done)
        return self._reports.unequal

    def _join_own(self) -> None:
        own, self._own = self._own, []
        for epoch, tables in itertools.groupby(own, lambda pair: pair[0]):
            self._reports.add_own(epoch, np.concatenate([table for _, table in tables]))

    def complete(self, engine: Engine) -> bool:
        """Tell whether everybody has reported all frames that an engine started."""
        self._join_own()
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
