"""Run a cluster over tcp with a key, and look at its processes from outside."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any, Final

import ifaddr

from neurocluster.cli.status import Viewer, as_json
from neurocluster.dtypes import CLIENT
from neurocluster.transport.keys import Keys, read_keys
from tools.faults.byhand import COMMAND, Command, Site, wait_for
from tools.flood.strangers import Address

PARTITIONS: Final = 4
FEW: Final = 50
"""Frames after which a client streams."""
LOOK_S: Final = 0.05
LISTENS: Final = "0A"
"""State of a tcp socket in /proc/net."""
OTHER_CLOCK: Final = (
    "unshare", "--time", "--monotonic", "5000", "--fork", "--kill-child=SIGTERM"
)  # fmt: skip
"""Runs a worker whose clock is not that of the others, so that all answer for theirs.
"""
CLIENT_PROGRAM: Final = (
    sys.executable, "-P", str(Path(__file__).with_name("client.py"))
)  # fmt: skip


def own_address() -> str:
    """Return an address of this machine that other hosts could reach.

    Raises:
        SystemExit: It has none: clusters on loopback have no keys.
    """
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            if ip.is_IPv4 and not str(ip.ip).startswith("127."):
                return str(ip.ip)
    message = "this machine has loopback only: ip address add 10.99.0.1/32 dev lo"
    raise SystemExit(message)


class Flooded:
    """Own the processes of one cluster; use it as a context manager.

    Attributes:
        keys: Of the cluster.
        streams: The client that was there first.
        clocks: One worker has another clock, so there are sockets for time probes.
        peaks: Most memory seen of each process, KiB by pid.
    """

    def __init__(self) -> None:
        """Start nothing yet."""
        self._site = Site()
        self.clocks = os.geteuid() == 0
        self.peaks: dict[int, int] = {}
        self._pids: tuple[int, ...] = ()
        self._end = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._clients = 0

    def __enter__(self) -> Flooded:
        """Start controller, workers and a client; return when frames flow."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._site)
            self._start()
            self._stack = stack.pop_all()
        self._watch.start()
        return self

    def _start(self) -> None:
        file = self._site.folder / "cluster.key"
        self._site.start("keygen", "keygen", file).wait()
        self.keys: Keys = read_keys(file)
        place = f"tcp://{own_address()}:*"
        self._site.controller("controller", "--bind", place, "--key", file)
        self._viewer = Viewer(str(self._site.folder / "c.json"))
        for slot in range(PARTITIONS):
            self.worker(slot, other_clock=self.clocks and slot == PARTITIONS - 1)
        try:
            self.streams = self.client()
        except TimeoutError as error:
            error.add_note(f"{self.status()['sentence']}\n{self.text}")
            raise
        self._pids = tuple(self.processes())

    def __exit__(self, *_error: object) -> None:
        """End everything."""
        self._end.set()
        self._watch.join()
        self._viewer.close()
        self._stack.close()

    # -- processes ---------------------------------------------------------------

    def worker(self, slot: int, *, other_clock: bool = False) -> Command:
        """Start a worker."""
        prefix = OTHER_CLOCK if other_clock else ()
        return self._site.start(
            f"worker-{slot}", "worker", "--connect", "c.json", "--slot", slot,
            program=(*prefix, *COMMAND),
        )  # fmt: skip

    def client(self) -> Command:
        """Start a client; return when its frames flow."""
        self._clients += 1
        found = self._site.start(
            f"client-{self._clients}", "c.json", program=CLIENT_PROGRAM
        )
        wait_for(lambda: self.finished() > FEW, "frames of a client")
        return found

    @property
    def text(self) -> str:
        """Return what every process has written."""
        logs = self._site.folder.glob("*.log")
        return "\n".join(path.read_text(errors="replace") for path in logs)

    # -- status --------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """Return what ``neurocluster status --json`` prints."""
        found: dict[str, Any] = json.loads(json.dumps(as_json(self._viewer.look())))
        return found

    def finished(self) -> int:
        """Return how many frames the present client has finished in this epoch."""
        found = self.status()
        clients = [m for m in found.get("members", ()) if m["node"] == CLIENT]
        return int(clients[0]["frame"]) if clients else 0

    def counted(self, pid: int) -> tuple[int, int]:
        """Return connections and messages that a process has turned away."""
        found = self.status()
        if not found["answered"]:
            return 0, 0
        doors = [*found["members"], {**found, "pid": found["controller"]["pid"]}]
        for door in doors:
            if door["pid"] == pid:
                return int(door["refused"]), int(door["strangers"])
        return 0, 0  # it is lost, which a recovery tells

    def processes(self) -> dict[int, str]:
        """Return the name of each process by its pid."""
        found = self.status()
        names = {int(m["pid"]): m["node"] or "spare" for m in found["members"]}
        return names | {int(found["controller"]["pid"]): "controller"}

    # -- /proc -----------------------------------------------------------------------

    def _look(self) -> None:
        while not self._end.wait(LOOK_S):
            for pid in self._pids:
                self.peaks[pid] = max(self.peaks.get(pid, 0), anonymous_kib(pid))


def anonymous_kib(pid: int) -> int:
    """Return a process's own memory; 0 if it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(k.split()[1]) for k in lines if k.startswith("RssAnon")), 0)


def descriptors(pid: int) -> list[str]:
    """Return what a process has open."""
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.append(str(entry.readlink()))
        except OSError:
            continue
    return found


def listening(pid: int, kind: str) -> list[Address]:
    """Return where a process listens.

    Args:
        pid: Of the process.
        kind: ``tcp`` or ``udp``.
    """
    inodes = {k[8:-1] for k in descriptors(pid) if k.startswith("socket:[")}
    found = []
    for line in Path(f"/proc/{pid}/net/{kind}").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[9] in inodes and (kind == "udp" or fields[3] == LISTENS):
            host, port = fields[1].split(":")
            numbers = reversed(bytes.fromhex(host))
            found.append((".".join(map(str, numbers)), int(port, 16)))
    return found
