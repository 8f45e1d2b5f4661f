"""Run both ends of a link, each in a fresh interpreter of its own.

A module that measures a link is a program too: ``python -m neurocluster.bench.hop
near {...}``. The near end measures, prints its figures as JSON and ends. The far end
serves until its standard input closes, so that it never takes its socket away before
the near end has read everything; then it prints its own figures.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Protocol

from neurocluster.errors import ClusterError
from neurocluster.launch.spawn import ONE_THREAD
from neurocluster.link.buffers import Handler, LinkBuffers, link_fault
from neurocluster.link.records import MORE
from neurocluster.transport.base import Inbox, Outlet
from neurocluster.transport.calls import Calls
from neurocluster.transport.keys import VARIABLE, Keys, find_keys
from neurocluster.transport.pump import Pump
from neurocluster.transport.sockets import Sockets
from neurocluster.transport.zeromq import ZmqInbox, ZmqOutlet

TIMEOUT_S: Final = 60.0
SOCKETS: Final = 8
_STDIN: Final = 0
LOOPBACK: Final = "127.0.0.1"
NAMES: Final = ("near", "far")
Figures = dict[str, Any]
End = Callable[[Figures], Figures]
Tap = Callable[[Inbox, Sequence[Outlet]], Calls]
"""Return how turns reach an inbox and outlets."""


def run_ends(
    module: str, settings: Mapping[str, Any], *, tcp: bool = False,
    keys: Keys | None = None,
) -> tuple[Figures, Figures]:  # fmt: skip
    """Run both ends of a module; return what the near and the far end found.

    Args:
        module: Of this package.
        settings: For both.
        tcp: Join them over the loopback interface, else by socket files.
        keys: Encrypt, over tcp.

    Raises:
        ClusterError: One of them failed.
    """
    with tempfile.TemporaryDirectory(prefix="nc-bench-") as folder:
        ports = _free_ports() if tcp else None
        text = json.dumps({**settings, "folder": folder, "ports": ports})
        secret = keys.secret if keys is not None else ""
        far, near = (_start(module, end, text, secret) for end in reversed(NAMES))
        try:
            found = _result(near), _result(far)
        except (subprocess.TimeoutExpired, ValueError) as error:
            for process in (near, far):
                process.kill()
            said = "".join(process.communicate()[1] or "" for process in (near, far))
            last = "".join(said.strip().splitlines()[-1:]) or str(error)
            message = f"the ends of {module} failed: {last}"
            raise ClusterError(message) from error
        finally:
            for process in (near, far):
                process.kill()
                process.wait()
    return found


def run_nodes(
    module: str, names: Sequence[str], settings: Mapping[str, Any], folder: str
) -> list[Figures]:
    """Run a process a node, joined by socket files; return what each found.

    Args:
        module: Of this package.
        names: Of the nodes. The first ends by itself, the others serve until it has.
        settings: For all.
        folder: Of the sockets.

    Raises:
        ClusterError: One of them failed.
    """
    given = {**settings, "folder": folder, "names": list(names), "ports": None}
    text = json.dumps(given)
    processes: list[subprocess.Popen[str]] = []
    try:
        processes += (_start(module, n, text, "") for n in (*names[1:], names[0]))
        return [_result(process) for process in (processes[-1], *processes[:-1])]
    except (subprocess.TimeoutExpired, ValueError) as error:
        message = f"a node of {module} failed: {error}"
        raise ClusterError(message) from error
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _free_ports() -> dict[str, int]:
    """Return a port for each end that nobody has now."""
    with contextlib.ExitStack() as stack:
        found = {}
        for name in NAMES:
            end = stack.enter_context(socket.socket())
            end.bind((LOOPBACK, 0))
            found[name] = int(end.getsockname()[1])
        return found


def _start(module: str, end: str, text: str, secret: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"neurocluster.bench.{module}", end, text],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=os.environ | ONE_THREAD | {VARIABLE: secret},
    )  # fmt: skip


def _result(process: subprocess.Popen[str]) -> Figures:
    """Close a process's standard input; return what it prints."""
    output, errors = process.communicate(timeout=TIMEOUT_S)
    try:
        found: Figures = json.loads(output)
    except ValueError:
        raise ValueError("".join(errors.strip().splitlines()[-1:])) from None
    return found


def be_end(ends: Mapping[str, End]) -> None:
    """Be the end that the command line names."""
    _, name, text = sys.argv
    sys.stdout.write(json.dumps(ends[name](json.loads(text))))


class Node(Protocol):
    """What `turning` runs: a node, what turns it, and when to stop."""

    node: LinkBuffers
    done: asyncio.Future[None]

    @property
    def handler(self) -> Handler:
        """Return what a turn calls."""

    def after_turn(self) -> None:
        """Do what follows a turn."""


@contextlib.contextmanager
def turning(
    node: Node, settings: Figures, name: str, peers: Sequence[str],
    *, client: bool = False, tap: Tap | None = None,
) -> Iterator[Callable[[], None]]:  # fmt: skip
    """Join a node to its peers by the product's pump; give what wakes it.

    Args:
        node: The node; a fault ends its ``done`` with an error.
        settings: ``folder`` holds the sockets, or ``ports`` has one for each end;
            ``hwm`` is theirs; ``names`` are all nodes, default near and far.
        name: Of this node's socket.
        peers: Names of the nodes that its outgoing links lead to.
        client: True for a node that always receives.
        tap: Stands between turns and sockets.
    """
    sockets, loop = Sockets(SOCKETS, find_keys(None)), asyncio.get_running_loop()
    ports, hwm = settings["ports"], settings["hwm"]
    where = {
        end: f"tcp://{LOOPBACK}:{ports[end]}" if ports
        else f"ipc://{settings['folder']}/{end}"
        for end in settings.get("names", NAMES)
    }  # fmt: skip
    inbox = ZmqInbox(sockets, [where[name]], hwm, len(node.node.message))
    outlets = [ZmqOutlet(sockets, where[p], hwm, lambda: pump.turn()) for p in peers]
    pump = Pump(
        node.node, inbox, outlets, schedule=loop.call_soon, always_receive=client,
        calls=tap(inbox, outlets) if tap is not None else None,
    )  # fmt: skip
    inbox.watch(pump.turn)

    def fault(code: int) -> None:
        node.done.set_exception(link_fault(node.node, code))

    pump.start(
        node.handler,
        on_fault=fault,
        on_other=lambda _data: MORE,
        after_turn=node.after_turn,
    )
    try:
        yield pump.wake
    finally:
        pump.close()
        sockets.close()


async def until_released() -> None:
    """Wait until standard input closes: the near end has all it wants."""
    loop = asyncio.get_running_loop()
    released: asyncio.Future[None] = loop.create_future()

    def look() -> None:
        if not os.read(_STDIN, 1) and not released.done():
            released.set_result(None)

    loop.add_reader(_STDIN, look)
    await released
    loop.remove_reader(_STDIN)
