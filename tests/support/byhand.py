"""Start a cluster by hand: a controller, workers, a client; end all of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal

from neurocluster.cli.status import Viewer, as_json
from tests.support.processes import neurocluster, start, wait_for

SLOW = ("--threshold", "0.25", "--window", "2")
"""Options of a controller for a stream that takes some seconds."""


class ByHand:
    """Own the processes of one cluster; use it as a context manager.

    Attributes:
        connection: The connection file.
    """

    def __init__(self, folder):
        self.folder, self.connection = folder, folder / "c.json"
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        for process in self.processes:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGCONT)
            process.kill()
            process.communicate(timeout=10)

    def start(self, *arguments):
        """Start a command here; it ends with the cluster."""
        self.processes.append(start(*arguments, cwd=self.folder))
        return self.processes[-1]

    def controller(self, *options):
        """Start a controller; return when the connection file is its own."""
        process = self.start("controller", "--connection", self.connection, *options)
        wait_for(lambda: self.told().get("pid") == process.pid)
        return process

    def told(self):
        """Return what the connection file says; nothing if there is none."""
        try:
            return json.loads(self.connection.read_text())
        except FileNotFoundError:
            return {}

    def workers(self, count=4):
        """Start workers, one for each of the first partitions; wait for them."""
        made = [
            self.start("worker", "--connect", self.connection, "--slot", slot)
            for slot in range(count)
        ]
        self.wait(lambda found: sum(m["ready"] for m in found["members"]) == count)
        return made

    def client(self, *options):
        """Start a client; return when frames flow."""
        process = self.start(
            "stream", "--connect", self.connection, "--no-compare",
            "--out", self.folder / "out", *options,
        )  # fmt: skip
        self.wait(lambda found: (found["oldest_frame"] or 0) > 50)
        return process

    def ask(self, *options):
        """Run ``neurocluster status``."""
        return neurocluster("status", self.connection, *options, cwd=self.folder)

    def status(self):
        """Return the status as JSON gives it, without a process for it."""
        viewer = Viewer(str(self.connection))
        try:
            return json.loads(json.dumps(as_json(viewer.look())))
        finally:
            viewer.close()

    def wait(self, condition):
        """Wait until a status is as wanted; return it."""

        def look():
            found = self.status()
            return found if found["answered"] and condition(found) else None

        return wait_for(look, 30)


def code(process, seconds=20):
    """Return the exit code of a process that ends."""
    process.communicate(timeout=seconds)
    return process.returncode
