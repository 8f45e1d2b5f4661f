"""Measure how long processes take to start: workers, and a whole command."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, Final, Self

import zmq

from neurocluster.config import RunConfig
from neurocluster.errors import StartTimeout
from neurocluster.launch.spawn import spawn_template
from neurocluster.wire.control import Control, Kind, decode_control, encode_control

TIMEOUT_S: Final = 20.0
FORKS: Final = 4
FRAMES: Final = 50
_FIRST: Final = re.compile(r"First result after [\d.]+ s")


class Reception:
    """Stand in for a controller: welcome workers and see when they are ready.

    Use it as a context manager; leaving it closes the socket.
    """

    def __init__(self, folder: str) -> None:
        """Bind a control socket in a folder."""
        self._context: zmq.Context[Any] = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.set(zmq.LINGER, 0)
        self.endpoint = f"ipc://{folder}/reception"
        self._socket.bind(self.endpoint)

    def __enter__(self) -> Self:
        """Return this."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close the socket."""
        self._socket.close()
        self._context.term()

    def ready_ns(self) -> int:
        """Welcome the next worker; return the time when it said READY.

        Raises:
            StartTimeout: None came.
        """
        welcome = encode_control(
            Control(Kind.WELCOME, {"lease_ms": 10_000, "cluster": "bench"}, 1)
        )
        end = time.monotonic() + TIMEOUT_S
        ready = None
        while (left := end - time.monotonic()) > 0:
            if not self._socket.poll(int(left * 1000) + 1):
                continue
            peer, data = self._socket.recv_multipart()
            kind = decode_control(data).kind
            if kind is Kind.REGISTER:
                ready = peer
                self._socket.send_multipart([peer, welcome])
            elif kind is Kind.READY and peer == ready:
                return time.monotonic_ns()
        message = f"no worker was ready within {TIMEOUT_S:.0f} s"
        raise StartTimeout(message)


def cold_step() -> dict[str, float]:
    """Start `neurocluster worker` in a fresh interpreter until it is ready."""
    with tempfile.TemporaryDirectory(prefix="nc-") as folder, Reception(folder) as door:
        command = [sys.executable, "-m", "neurocluster", "worker"]
        begin = time.monotonic_ns()
        with subprocess.Popen(
            [*command, "--connect", door.endpoint],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            try:
                spent = door.ready_ns() - begin
            finally:
                process.kill()
    return {"ready_cold_ms": spent / 1e6}


def forked_step() -> dict[str, float]:
    """Fork workers from a warm template, one by one, until each is ready."""
    template = spawn_template()
    try:
        requests, answers = template.process.stdin, template.process.stdout
        if requests is None or answers is None:
            return {}
        answers.readline()  # it is warm
        times = []
        with Reception(str(template.folder)) as door:
            for number in range(FORKS):
                arguments = {"endpoint": door.endpoint, "slot": str(number)}
                request = {
                    "slot": f"worker-{number}", "role": "worker",
                    "log": str(template.folder / "worker.log"), "arguments": arguments,
                }  # fmt: skip
                begin = time.monotonic_ns()
                requests.write(json.dumps(request).encode() + b"\n")
                requests.flush()
                times.append(door.ready_ns() - begin)
    finally:
        template.discard()
    return {"ready_forked_ms": median(times) / 1e6}


def first_result_step(config: RunConfig) -> dict[str, float]:
    """Run `neurocluster run` until it reports its first result; kernels are kept.

    Raises:
        StartTimeout: It reported none.
    """
    command = [sys.executable, "-m", "neurocluster", "run", "--frames", str(FRAMES)]
    command += ["--threshold", ",".join(map(str, config.threshold))]
    if config.network is not None:
        command += ["--network", config.network]
    with tempfile.TemporaryDirectory(prefix="nc-bench-") as folder:
        begin = time.monotonic_ns()
        with subprocess.Popen(
            [*command, "--out", str(Path(folder) / "run")],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            first_ns, last = 0, ""
            for line in process.stderr or ():
                if not first_ns and _FIRST.search(line):
                    first_ns = time.monotonic_ns()
                last = line.strip() or last
    if not first_ns or process.returncode:
        message = f"neurocluster run ended with {process.returncode}: {last}"
        raise StartTimeout(message)
    return {"first_result_s": (first_ns - begin) / 1e9}
