"""Be the parent of some workers that were asked for together: `worker --workers N`.

It forks warmed workers and starts a crashed one again, so that a crash is the same
under every engine. It ends when all its workers have ended for good, with the exit
code of the last, or on a signal, with 0.
"""

from __future__ import annotations

import gc
import logging
import signal
from typing import Final

from neurocluster.controller.reasons import exit_cause
from neurocluster.errors import StartTimeout
from neurocluster.launch.children import Ended, Pulse
from neurocluster.launch.parent import WORKER, Parent
from neurocluster.launch.roles import former_of
from neurocluster.member.meeting import Meeting
from neurocluster.worker.run import WorkerOptions, run_worker
from neurocluster.worker.warm import warm_worker

EXIT_LOST: Final = 75
_log = logging.getLogger(__name__)


class Nanny:
    """Keep a number of workers alive."""

    def __init__(self, meeting: Meeting) -> None:
        """Take how the workers meet their controller."""
        self._meeting = meeting
        self._parent = Parent({WORKER: self._work}, self._ended)
        self._code = 0
        signal.signal(signal.SIGINT, lambda _number, _frame: self._stop())

    def _stop(self) -> None:
        self._parent.stop = True

    def run(self, slots: list[int | None], *, die_with_stdin: bool) -> int:
        """Start a worker for each slot; return the exit code when all have ended.

        Raises:
            StartTimeout: The system takes no more processes or descriptors.
        """
        children = self._parent.children
        for number, slot in enumerate(slots):
            arguments = {"slot": "" if slot is None else str(slot)}
            try:
                pid = children.fork(str(number), WORKER, arguments, None)
            except OSError as error:
                children.end()
                message = (
                    f"cannot start worker {number + 1} of {len(slots)}: "
                    f"{error.strerror}; ask for fewer, or raise the limit (ulimit)"
                )
                raise StartTimeout(message) from error
            _log.info("worker %d of %d: pid %d", number + 1, len(slots), pid)
        self._parent.run((lambda _data: None) if die_with_stdin else None)
        return self._code

    def _work(self, arguments: dict[str, str], pulse: Pulse) -> int:
        slot = int(arguments["slot"]) if arguments["slot"] else None
        return run_worker(
            WorkerOptions(
                self._meeting,
                slot=slot,
                leased=True,
                gives_up=True,
                pulse=pulse.beat,
                former=former_of(arguments),
            )
        )

    def _ended(self, ended: Ended) -> None:
        children, code = self._parent.children, ended.code
        cause = ended.problem or exit_cause(code)
        # After 75 its controller is lost for 30 s: whoever started us may know more.
        if ended.again and code != EXIT_LOST:
            try:
                pid = children.again(ended, cause)
            except OSError as error:
                _log.error("cannot start a worker again: %s", error.strerror)
            else:
                _log.warning("a worker (pid %d) %s; new: %d", ended.pid, cause, pid)
                return
        level = logging.INFO if code == 0 else logging.ERROR
        _log.log(level, "a worker (pid %d) %s", ended.pid, cause)
        self._code = code if code >= 0 else 128 - code
        if not children.count(WORKER):
            self._stop()


def run_nanny(
    meeting: Meeting, slots: list[int | None], *, die_with_stdin: bool
) -> int:
    """Run workers until all have ended; return the exit code.

    Args:
        meeting: How they meet their controller.
        slots: The partition that each worker wishes for, or None.
        die_with_stdin: End when standard input does.
    """
    warm_worker()
    gc.collect()
    gc.freeze()  # children share these pages; a collection would touch them all
    return Nanny(meeting).run(slots, die_with_stdin=die_with_stdin)
