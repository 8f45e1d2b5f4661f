"""Be the parent of a cluster's processes on this machine: a warmed fork template.

``python -m neurocluster.launch.template`` imports and compiles once, then forks a
process in milliseconds for each request line on its standard input:

    {"slot": "worker-0", "role": "worker", "log": "/path", "arguments": {...}}

It answers {"started": slot, "pid": n} and later {"exited": slot, "pid", "code"}.
Every child has a pipe from here as standard input and ends when that closes; the
template ends its children when its own standard input closes. The controller learns
of each exit through the same pipe. No thread and no ZeroMQ context may exist here.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import selectors
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

STOP_SECONDS: Final = 1.5
"""From SIGTERM to SIGKILL when the template ends."""
READ_BYTES: Final = 1 << 16
EXIT_BUG: Final = 70


@dataclass(frozen=True, slots=True)
class Child:
    """One forked process."""

    slot: str
    role: str
    lease: int


class Template:
    """Fork children on request, reap them, report their ends."""

    def __init__(self, roles: Mapping[str, Callable[[dict[str, str]], int]]) -> None:
        """Take the functions that a child of each role runs."""
        self._roles = roles
        self._children: dict[int, Child] = {}
        self._pending = b""
        self._selector = selectors.DefaultSelector()
        self._wake, self._signal = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._signal, False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, self._terminate)
        signal.set_wakeup_fd(self._signal, warn_on_full_buffer=False)
        self._stop = False

    def _terminate(self, _number: int, _frame: object) -> None:
        self._stop = True

    def run(self) -> int:
        """Serve until standard input ends; return the exit code."""
        _say({"ready": os.getpid()})
        with self._selector as selector:
            selector.register(0, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            while not self._stop:
                for key, _ in selector.select():
                    if key.fd == 0 and not self._read():
                        self._stop = True
                    elif key.fd == self._wake:
                        with contextlib.suppress(BlockingIOError):
                            os.read(self._wake, READ_BYTES)
                self._reap()
        self._end_children()
        return 0

    def _read(self) -> bool:
        data = os.read(0, READ_BYTES)
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            request = json.loads(line)
            if "release" in request:
                self._release(request["release"])
            else:
                self._fork(request)
        return bool(data)

    def _release(self, slot: str) -> None:
        for pid, child in self._children.items():
            if child.slot == slot:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGTERM)

    def _fork(self, request: dict[str, object]) -> None:
        slot, role = str(request["slot"]), str(request["role"])
        reader, lease = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(lease)
            self._become(reader, str(request["log"]))
            arguments = request["arguments"]
            _run_child(self._roles, role, arguments)  # type: ignore[arg-type]
        os.close(reader)
        self._children[pid] = Child(slot, role, lease)
        _say({"started": slot, "pid": pid})

    def _become(self, reader: int, log: str) -> None:
        """Turn a forked copy into a fresh process: own descriptors and signals."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self._selector.close()
        os.close(self._wake)
        os.close(self._signal)
        for child in self._children.values():
            os.close(child.lease)
        os.dup2(reader, 0)
        os.close(reader)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)

    def _reap(self) -> None:
        for pid, child in list(self._children.items()):
            try:
                done, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                done, status = pid, 0
            if not done:
                continue
            del self._children[pid]
            os.close(child.lease)
            event = {
                "exited": child.slot,
                "pid": pid,
                "code": os.waitstatus_to_exitcode(status),
            }
            _say(event)
            self._tell_controller(event)

    def _tell_controller(self, event: dict[str, object]) -> None:
        line = json.dumps(event).encode() + b"\n"
        for child in self._children.values():
            if child.role == "controller":
                with contextlib.suppress(OSError):
                    os.write(child.lease, line)

    def _end_children(self) -> None:
        for pid, child in self._children.items():
            os.close(child.lease)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
                os.kill(pid, signal.SIGCONT)  # one that was stopped must hear it
        deadline = time.monotonic() + STOP_SECONDS
        while self._children:
            late = time.monotonic() > deadline
            for pid in list(self._children):
                if late:
                    os.kill(pid, signal.SIGKILL)
                done, _ = os.waitpid(pid, 0 if late else os.WNOHANG)
                if done:
                    del self._children[pid]
            if self._children:
                time.sleep(0.01)


def _say(event: dict[str, object]) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(event).encode() + b"\n")


def _run_child(
    roles: Mapping[str, Callable[[dict[str, str]], int]],
    role: str,
    arguments: dict[str, str],
) -> None:
    """Run a child's main function and end the process, whatever happens."""
    code = EXIT_BUG
    try:
        code = roles[role](arguments)
    except BaseException:  # noqa: BLE001 - the last frame of a forked process
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> int:
    """Import everything that children need, then serve."""
    from neurocluster.launch.roles import ROLES, warm

    warm()
    gc.collect()
    gc.freeze()  # children share these pages; a collection would touch them all
    return Template(ROLES).run()


if __name__ == "__main__":
    sys.exit(main())
