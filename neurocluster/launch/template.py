"""Be the parent of a cluster's processes on this machine: a warmed fork template.

``python -m neurocluster.launch.template`` imports and compiles once, then forks a
process in milliseconds for each request line on its standard input:

    {"slot": "worker-0", "role": "worker", "log": "/path", "arguments": {...}}

It answers {"started": slot, "pid": n}, or {"failed": slot, "problem": text}, and later
{"exited": slot, "pid", "code",
"problem", "left"}: ``problem`` if it killed a child that was silent, ``left`` the
workers that remain or are started again. A worker that crashed or was silent is
started again, at most three times a minute, and {"started": ...} said again. At
{"end": true} it ends its children, says {"ended": true} and can serve the next
cluster; when its own standard input closes it ends its children and itself. The
controller learns of each exit through the pipe that is its standard input.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import sys
from collections.abc import Mapping

from neurocluster.controller.reasons import exit_cause
from neurocluster.launch.children import Ended, Role
from neurocluster.launch.parent import WORKER, Parent


class Template:
    """Fork children on request, reap them, report their ends."""

    def __init__(self, roles: Mapping[str, Role]) -> None:
        """Take the functions that a child of each role runs."""
        self._parent = Parent(roles, self._ended)
        self._pending = b""
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def run(self) -> int:
        """Serve until standard input ends; return the exit code."""
        _say({"ready": os.getpid()})
        self._parent.run(self._read)
        return 0

    def _read(self, data: bytes) -> None:
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            request = json.loads(line)
            if "end" in request:
                self._parent.children.end()
                _say({"ended": True})
                continue
            slot = request["slot"]
            try:
                pid = self._parent.children.fork(
                    slot, request["role"], request["arguments"], request["log"]
                )
            except OSError as error:
                _say({"failed": slot, "problem": str(error.strerror)})
            else:
                _say({"started": slot, "pid": pid})

    def _ended(self, ended: Ended) -> None:
        children, problem = self._parent.children, ended.problem
        event = {
            "exited": ended.child.slot, "pid": ended.pid, "code": ended.code,
            "problem": problem, "left": children.count(WORKER) + ended.again,
        }  # fmt: skip
        self._tell_controller(event)  # first: it has frames to save
        _say(event)
        if ended.again:
            self._again(ended, problem or exit_cause(ended.code))

    def _again(self, ended: Ended, cause: str) -> None:
        children, slot = self._parent.children, ended.child.slot
        try:
            _say({"started": slot, "pid": children.again(ended, cause)})
        except OSError as error:
            event = {
                "exited": slot, "pid": ended.pid, "code": ended.code,
                "problem": f"{cause}, and cannot be started again: {error.strerror}",
                "left": children.count(WORKER),
            }  # fmt: skip
            self._tell_controller(event)
            _say(event)

    def _tell_controller(self, event: dict[str, object]) -> None:
        line = json.dumps(event).encode() + b"\n"
        for child in self._parent.children.by_pid.values():
            if child.role == "controller":
                with contextlib.suppress(OSError):
                    os.write(child.lease, line)


def _say(event: dict[str, object]) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(event).encode() + b"\n")


def main() -> int:
    """Import everything that children need, then serve."""
    from neurocluster.launch.roles import ROLES, warm

    warm()
    gc.collect()
    gc.freeze()  # children share these pages; a collection would touch them all
    return Template(ROLES).run()


if __name__ == "__main__":
    sys.exit(main())
