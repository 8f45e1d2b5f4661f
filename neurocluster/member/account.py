"""Keep account of what a member did in a session: its links, its process."""

from __future__ import annotations

import copy
import os
import resource
import time
from typing import Any

from neurocluster.member.data import DataPath
from neurocluster.member.totals import Totals


class Account:
    """Hold the counters of epochs that are over, and make reports.

    Attributes:
        epoch: Of the engine that was built last.
        partition: Index of the partition that it runs; -1 for the client.
    """

    def __init__(self) -> None:
        """Start empty."""
        self.epoch, self.partition = 0, -1
        self._generation = self._lag_ns = self._go_cpu_ns = self._strangers = 0
        self._totals, self._spikes = Totals(), dict[int, int]()

    def begin(self, generation: int) -> None:
        """Note which controller's session this is; forget those of another."""
        if generation != self._generation:
            self._generation = generation
            self.forget()

    def forget(self) -> None:
        """Start anew: a session is over."""
        self._totals, self._go_cpu_ns = Totals(), 0

    def run(self) -> None:
        """Note that the cluster runs."""
        self._go_cpu_ns = self._go_cpu_ns or time.process_time_ns()

    def late(self, lag_ns: int) -> None:
        """Note how late the event loop was."""
        self._lag_ns = max(self._lag_ns, lag_ns)

    def add(self, data: DataPath) -> None:
        """Take the counters of an epoch that is over."""
        data.add_to(self._totals)
        self._spikes = data.spikes()
        self._strangers += data.strangers

    def strangers(self, data: DataPath | None) -> int:
        """Return the messages of strangers that this process has dropped so far."""
        return self._strangers + (data.strangers if data is not None else 0)

    def totals(self, data: DataPath | None) -> Totals:
        """Return the counters of this session, those of a present epoch included."""
        totals = copy.deepcopy(self._totals)
        if data is not None:
            data.add_to(totals)
        return totals

    def report(self, data: DataPath | None, refused: int) -> dict[str, Any]:
        """Return the tables of this session, those of a present epoch included.

        Args:
            data: Of the present epoch.
            refused: Connections that this process has turned away.
        """
        totals, spikes = self.totals(data), self._spikes
        if data is not None:
            spikes = data.spikes()
        cpu_ns = time.process_time_ns()
        totals.worker |= {
            "partition": self.partition,
            "pid": os.getpid(),
            "epoch": self.epoch,
            "cpu_ns": cpu_ns,
            "run_cpu_ns": cpu_ns - (self._go_cpu_ns or cpu_ns),
            "rss_kib": int(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss),
            "loop_lag_ns_max": self._lag_ns,
            "refused": refused,
            "strangers": self.strangers(data),
        }
        return totals.report(spikes)
