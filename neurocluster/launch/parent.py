"""Wait for signals, children and input: the loop of a parent of forked processes."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
from collections.abc import Callable, Mapping
from typing import Final

from neurocluster.controller.watch import silence_ns
from neurocluster.launch.children import WATCH_S, Children, Ended, Role

READ_BYTES: Final = 1 << 16
WORKER: Final = "worker"


class Parent:
    """Run the loop of a process that forks others; it makes no thread.

    Attributes:
        children: What it started.
        stop: Set to True to end.
    """

    def __init__(
        self, roles: Mapping[str, Role], on_end: Callable[[Ended], None]
    ) -> None:
        """Take over the signals of this process.

        Args:
            roles: What a child of each role runs.
            on_end: Told of each child that ended.
        """
        self._wake, self._signal = os.pipe()
        self._selector = selectors.DefaultSelector()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._signal, False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.signal(signal.SIGTERM, self._terminate)
        signal.set_wakeup_fd(self._signal, warn_on_full_buffer=False)
        self._on_end = on_end
        self.stop = False
        self.children = Children(roles, (WORKER,), _longest_silence, self._release)

    def _terminate(self, _number: int, _frame: object) -> None:
        self.stop = True

    def _release(self) -> None:
        self._selector.close()
        os.close(self._wake)
        os.close(self._signal)

    def run(self, on_input: Callable[[bytes], None] | None) -> None:
        """Serve until `stop` is set or standard input ends; end all children.

        Args:
            on_input: Given what standard input brings; None leaves it alone.
        """
        with self._selector as selector:
            if on_input is not None:
                selector.register(0, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            while not self.stop:
                for key, _ in selector.select(WATCH_S if self._watching else None):
                    if key.fd == self._wake:
                        with contextlib.suppress(BlockingIOError):
                            os.read(self._wake, READ_BYTES)
                    elif on_input is not None:
                        self._read(on_input)
                self.children.watch()
                for ended in self.children.reap():
                    self._on_end(ended)
        self.children.end()

    @property
    def _watching(self) -> bool:
        return self.children.count(WORKER) > 0

    def _read(self, on_input: Callable[[bytes], None]) -> None:
        data = os.read(0, READ_BYTES)
        if data:
            on_input(data)
        else:
            self.stop = True


def _longest_silence(workers: int) -> int:
    """Return how long one of so many workers may be silent: longer than to others."""
    return silence_ns(workers, os.cpu_count() or 1) * 5 // 4
