"""Fork warmed processes, reap them, watch that they live, start them again.

The parent that uses this has imported and compiled everything, holds no thread and no
ZeroMQ context. Every child has a pipe from it as standard input and ends when that
closes. A child notes in shared memory that it lives; one that is silent for as long as
the controller bears is killed, so that another can take its place.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from neurocluster.launch.restarts import Restarts

STOP_SECONDS: Final = 1.5
"""From SIGTERM to SIGKILL when the parent ends."""
WATCH_S: Final = 0.25
"""Between two looks at the children's pulses."""
EXIT_BUG: Final = 70


class Pulse:
    """Share with the parent when a child was last alive.

    The time is written as one aligned word: `struct.pack_into` clears the bytes first,
    and a parent that looked at that moment would see a child that never lived.
    """

    def __init__(self) -> None:
        """Map one page; parent and child keep it until they end."""
        self._page = mmap.mmap(-1, mmap.PAGESIZE)
        self._words = memoryview(self._page).cast("Q")

    def beat(self) -> None:
        """Note that this process is alive."""
        self._words[0] = time.monotonic_ns()

    def silent_ns(self) -> int:
        """Return the time since the last beat."""
        return time.monotonic_ns() - self._words[0]

    def close(self) -> None:
        """Give the page back."""
        self._words.release()
        self._page.close()


Role = Callable[[dict[str, str], Pulse], int]
"""What a child runs: given its arguments, returns its exit code."""


@dataclass(slots=True)
class Child:
    """One forked process.

    Attributes:
        arguments: What its role was given.
        log: File of its standard output and error; None shares the parent's.
        lease: Write end of its standard input.
        pulse: When it was last alive.
        problem: Why this parent killed it; empty if it did not.
    """

    slot: str
    role: str
    arguments: dict[str, str]
    log: str | None
    lease: int
    pulse: Pulse
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """Report a child's end.

    Attributes:
        code: Exit status, or minus the signal's number.
        problem: Why the parent killed it; empty if it did not.
        again: True if it may be started again.
    """

    child: Child
    pid: int
    code: int
    problem: str
    again: bool


@dataclass(slots=True)
class Children:
    """Own forked processes; `end` ends them all.

    Attributes:
        roles: What a child of each role runs.
        watched: Roles of which a silent or crashed child is replaced.
        silence_ns: Given their number, how long a child of those may be silent.
        before_child: Run in a child first: release what is the parent's alone.
    """

    roles: Mapping[str, Role]
    watched: tuple[str, ...]
    silence_ns: Callable[[int], int]
    before_child: Callable[[], None]
    restarts: Restarts = field(default_factory=Restarts)
    by_pid: dict[int, Child] = field(default_factory=dict)
    _looked_s: float = field(default_factory=time.monotonic)

    def fork(
        self, slot: str, role: str, arguments: dict[str, str], log: str | None
    ) -> int:
        """Start a child; return its pid.

        Raises:
            OSError: The system has no process, descriptor or memory left.
        """
        reader, lease = os.pipe()
        try:
            pulse = Pulse()
            pulse.beat()  # it may be stopped before it can do so itself
            pid = os.fork()
        except OSError:
            os.close(reader)
            os.close(lease)
            raise
        if pid == 0:
            _run_child(lambda: self._live(role, arguments, log, (reader, lease), pulse))
        os.close(reader)
        self.by_pid[pid] = Child(slot, role, arguments, log, lease, pulse)
        return pid

    def again(self, ended: Ended, cause: str) -> int:
        """Start a child in the place of one that ended; return its pid."""
        child = ended.child
        former = {"former": str(ended.pid), "cause": cause}
        return self.fork(child.slot, child.role, child.arguments | former, child.log)

    def _live(
        self, role: str, arguments: dict[str, str], log: str | None,
        pipe: tuple[int, int], pulse: Pulse,
    ) -> int:  # fmt: skip
        """Be a child, from the fork to its exit code."""
        reader, lease = pipe
        os.close(lease)
        self._become(reader, log)
        return self.roles[role](arguments, pulse)

    def _become(self, reader: int, log: str | None) -> None:
        """Turn a forked copy into a fresh process: own descriptors and signals."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        self.before_child()
        for child in self.by_pid.values():
            os.close(child.lease)
            child.pulse.close()
        os.dup2(reader, 0)
        os.close(reader)
        if log is not None:
            output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.close(output)

    def count(self, role: str) -> int:
        """Return how many children of a role live."""
        return sum(child.role == role for child in self.by_pid.values())

    def reap(self) -> Iterator[Ended]:
        """Yield the children that ended since the last call."""
        for pid, child in list(self.by_pid.items()):
            try:
                done, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                done, status = pid, 0
            if not done:
                continue
            del self.by_pid[pid]
            os.close(child.lease)
            child.pulse.close()
            code = os.waitstatus_to_exitcode(status)
            again = child.role in self.watched and self.restarts.allow(
                child.slot, code, time.monotonic()
            )
            yield Ended(child, pid, code, child.problem, again)

    def watch(self) -> None:
        """Kill watched children that have been silent for too long."""
        now_s = time.monotonic()
        late, self._looked_s = now_s - self._looked_s > 2 * WATCH_S, now_s
        watched = [c for c in self.by_pid.values() if c.role in self.watched]
        limit_ns = self.silence_ns(len(watched))
        for pid, child in self.by_pid.items():
            if child.role not in self.watched:
                continue
            if late:  # this process did not run either: listen anew
                child.pulse.beat()
                continue
            silent_ns = child.pulse.silent_ns()
            if silent_ns > limit_ns and not child.problem:
                child.problem = (
                    f"did not answer for {silent_ns / 1e9:.1f} s and was killed"
                )
                os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        """End all children: SIGTERM, then SIGKILL for who stays; forget their past."""
        for pid, child in self.by_pid.items():
            os.close(child.lease)
            child.pulse.close()
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
                os.kill(pid, signal.SIGCONT)  # one that was stopped must hear it
        deadline = time.monotonic() + STOP_SECONDS
        while self.by_pid:
            late = time.monotonic() > deadline
            for pid in list(self.by_pid):
                if late:
                    os.kill(pid, signal.SIGKILL)
                done, _ = os.waitpid(pid, 0 if late else os.WNOHANG)
                if done:
                    del self.by_pid[pid]
            if self.by_pid:
                time.sleep(0.01)
        self.restarts = Restarts()


def _run_child(live: Callable[[], int]) -> None:
    """Run a child's main function and end the process, whatever happens."""
    code = EXIT_BUG
    try:
        code = live()
    except BaseException:  # noqa: BLE001 - the last frame of a forked process
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
