"""Watch the memory of a process and of everything below it."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.support.processes import children

LOOK_S = 0.01


def anonymous_kib(pid):
    """Return a process's own memory; pages of libraries are not counted."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1])
    raise ProcessLookupError(pid)


class Watch:
    """Look again and again, in a thread, until left as a context manager.

    Attributes:
        peaks: Most memory seen of each process, KiB by pid.
    """

    def __init__(self, pid):
        self._pid, self._done = pid, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.peaks = {}

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()

    def _run(self):
        while not self._done.wait(LOOK_S):
            for pid in self._below(self._pid):
                try:
                    found = anonymous_kib(pid)
                except OSError:  # it ended, or is about to
                    continue
                self.peaks[pid] = max(self.peaks.get(pid, 0), found)

    def _below(self, pid):
        yield pid
        for child in children(pid):
            yield from self._below(child)
