"""Fork templates from a warmed process, so that a cluster starts in milliseconds.

A cluster's template needs half a second of imports, the same ones each time. Here one
process imports once and forks each template; everything behind the import is the code
that a user runs. Requests carry the template's standard streams over a socket.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from neurocluster.launch.spawn import ONE_THREAD, Template


class Forged:
    """A template forked by a forge: what `launch.spawn.Template` needs of a Popen.

    The forge reaps it; `poll` learns of its end through a pidfd, not its status.
    """

    def __init__(self, pid, stdin, stdout):
        self.pid, self.stdin, self.stdout = pid, stdin, stdout
        self._pidfd = os.pidfd_open(pid)
        self._poll = select.poll()
        self._poll.register(self._pidfd, select.POLLIN)

    def _ended(self, timeout_ms):
        if self._pidfd >= 0 and self._poll.poll(timeout_ms):
            os.close(self._pidfd)
            self._pidfd = -1
        return self._pidfd < 0

    def poll(self):
        return 0 if self._ended(0) else None

    def wait(self):
        self._ended(None)
        return 0

    def kill(self):
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)


class Forge:
    """Own the warmed process; use it as a context manager."""

    def __enter__(self):
        self._socket, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.forge", str(theirs.fileno())],
                pass_fds=[theirs.fileno()], env=os.environ | ONE_THREAD,
            )  # fmt: skip
        return self

    def __exit__(self, *_error):
        self._socket.close()
        self.process.wait()

    def spawn(self):
        """Do as `launch.spawn.spawn_template` does, without its imports."""
        folder = Path(tempfile.mkdtemp(prefix="nc-"))
        reader, stdin = os.pipe()
        stdout, writer = os.pipe()
        with (folder / "launcher.log").open("ab") as log:
            socket.send_fds(self._socket, [b"x"], [reader, writer, log.fileno()])
        os.close(reader)
        os.close(writer)
        pid = int(self._socket.recv(32))
        process = Forged(pid, os.fdopen(stdin, "wb"), os.fdopen(stdout, "rb"))
        return Template(process, folder)


def main(descriptor):
    from neurocluster.launch.roles import ROLES, warm
    from neurocluster.launch.template import Template as Process

    warm()
    requests = socket.socket(fileno=descriptor)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    while True:
        data, streams, _, _ = socket.recv_fds(requests, 1, 3)
        if not data:
            return
        pid = os.fork()
        if pid == 0:
            requests.close()
            os.setsid()
            for target, stream in enumerate(streams):
                os.dup2(stream, target)
                os.close(stream)
            os._exit(Process(ROLES).run())
        for stream in streams:
            os.close(stream)
        requests.send(str(pid).encode())


if __name__ == "__main__":
    main(int(sys.argv[1]))
