"""Injure clusters that were started by hand: client, controller, parents, zombies.

Everything runs as a user would run it: commands, connection file, run folders.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

COMMAND: Final = (sys.executable, "-m", "neurocluster")
LIMIT_S: Final = 60.0
SLOW: Final = ("--window", 1)
"""One frame in flight: a stream takes some seconds."""
ENVIRONMENT: Final = os.environ | {"NO_COLOR": "1"}


class Command:
    """One running command; its output goes to a file."""

    def __init__(
        self, folder: Path, name: str, *arguments: object,
        program: Sequence[str] = COMMAND,
    ) -> None:  # fmt: skip
        """Start it in a folder; ``program`` is what takes the arguments."""
        self.name, self._log = name, folder / f"{name}.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [*program, *map(str, arguments)], cwd=folder, env=ENVIRONMENT,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        self.pid = self._process.pid

    @property
    def text(self) -> str:
        """Return what it has printed."""
        return self._log.read_text(errors="replace")

    @property
    def alive(self) -> bool:
        """Tell whether it runs."""
        return self._process.poll() is None

    def wait(self, seconds: float = LIMIT_S) -> int:
        """Wait for its end; return its exit code."""
        return self._process.wait(seconds)

    def end(self) -> None:
        """End it if it runs."""
        if self.alive:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


class Site:
    """A folder with a cluster started by hand; leaving it ends every command."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._stack = contextlib.ExitStack()
        self.folder = Path()
        self._count = 0

    def __enter__(self) -> Site:
        """Make the folder."""
        name = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="ncf-"))
        self.folder = Path(name)
        return self

    def __exit__(self, *_error: object) -> None:
        """End every command."""
        self._stack.close()

    def start(
        self, name: str, *arguments: object, program: Sequence[str] = COMMAND
    ) -> Command:
        """Start a command; see `Command`."""
        command = Command(self.folder, name, *arguments, program=program)
        self._stack.callback(command.end)
        return command

    def controller(self, name: str = "controller", *arguments: object) -> Command:
        """Start a controller and wait for its connection file."""
        file = self.folder / "c.json"
        before = file.read_text() if file.exists() else ""
        command = self.start(name, "controller", "--connection", "c.json", *arguments)
        wait_for(lambda: file.exists() and file.read_text() != before, "the controller")
        return command

    def workers(self, count: int, *arguments: object) -> Command:
        """Start a parent of workers."""
        self._count += 1
        return self.start(
            f"workers-{self._count}", "worker", "--connect", "c.json", "--workers",
            count, *arguments,
        )  # fmt: skip

    def stream(self, out: str, *arguments: object) -> Command:
        """Start a client."""
        return self.start(
            f"stream-{out}", "stream", "--connect", "c.json", "--out", out,
            "--no-compare", *arguments,
        )  # fmt: skip

    def roster(self, out: str) -> dict[str, Any]:
        """Wait until a client's cluster runs; return who is in it."""
        path = self.folder / out / "roster.json"
        wait_for(path.exists, f"the roster of {out}")
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def frames(self, out: str) -> list[dict[str, str]]:
        """Return the lines of a run's frames.csv."""
        with (self.folder / out / "frames.csv").open() as file:
            return list(csv.DictReader(file))


def wait_for(condition: Callable[[], object], what: str, limit_s: float = 30) -> float:
    """Wait until something holds; return how long that took.

    Raises:
        TimeoutError: It did not within the limit.
    """
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > limit_s:
            message = f"waited {limit_s:.0f} s for {what} in vain"
            raise TimeoutError(message)
        time.sleep(0.005)
    return time.monotonic() - begin


def said_after(command: Command, pattern: str, skip: int = 0) -> re.Match[str] | None:
    """Return the first match in what a command printed after some characters."""
    return re.compile(pattern).search(command.text, skip)


@contextlib.contextmanager
def ready_site(workers: int = 4, *arguments: object) -> Iterator[tuple[Site, Command]]:
    """Give a site whose controller and workers wait for a client.

    Args:
        workers: How many.
        *arguments: Of the workers' command.
    """
    with Site() as site:
        controller = site.controller("controller", *SLOW)
        site.workers(workers, *arguments)
        wait_for(lambda: controller.text.count("registered") >= workers, "the workers")
        yield site, controller
