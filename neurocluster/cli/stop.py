"""Do `neurocluster stop`: end a cluster in order and wait until it is over."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from neurocluster.cli.endpoint import find_connection
from neurocluster.cli.exits import EXIT_DONE, EXIT_FAILED
from neurocluster.cli.status import ANSWER_S
from neurocluster.controller.connection import Connection
from neurocluster.controller.explain import explain, unanswered
from neurocluster.controller.process import state_of
from neurocluster.controller.status import ENDED, UNSEEN, Status
from neurocluster.errors import ControllerLost
from neurocluster.transport.ask import Asker
from neurocluster.transport.keys import keys_in_file
from neurocluster.wire.control import Control

PATIENCE_S: Final = 2.0
"""Who waits longer is told what goes on."""
LOOK_S: Final = 0.5
EXIT_S: Final = 5.0
"""How long processes may take to end once the cluster has."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """How a cluster ended.

    Attributes:
        code: Exit code of the controller.
        text: Its last words.
        workers: How many workers it had.
        had_client: A client was there, and was told.
        left: Processes that still run though they should not.
    """

    code: int
    text: str
    workers: int
    had_client: bool
    left: tuple[str, ...]


def stop_command(connect: str | None, key: Path | None = None, *, now: bool) -> int:
    """Stop a cluster; return the exit code."""
    ended = stop_cluster(find_connection(connect, key), now=now, tell=_tell)
    if ended.code != EXIT_DONE:
        print(f"error: the cluster ended, but {ended.text}", file=sys.stderr)
        return EXIT_FAILED
    workers = f"{ended.workers} worker" + ("" if ended.workers == 1 else "s")
    told = "; its client saves what finished" if ended.had_client else ""
    print(f"stopped: the controller and {workers} have ended{told}")
    for name in ended.left:
        print(f"warning: {name} still runs", file=sys.stderr)
    return EXIT_DONE


def _tell(text: str) -> None:
    print(text, file=sys.stderr)


def stop_cluster(
    connection: Connection, *, now: bool, tell: Callable[[str], None]
) -> Stopped:
    """Ask a cluster to stop and wait until all its processes have ended.

    Args:
        connection: Where its controller is.
        now: Do not wait for frames in flight.
        tell: Given a line about what goes on, when that takes a while.

    Raises:
        ControllerLost: It does not answer, or not any more.
    """
    with Asker(connection.endpoint, keys_in_file(connection.secret)) as asker:
        first = asker.ask("status", ANSWER_S)
        if first is None or first.body["status"] is None:
            raise ControllerLost(_silence(connection, asker.refusal))
        status = Status.from_wire(first.body["status"])
        asker.send("stop now" if now else "stop")
        last = _last_words(asker, connection, tell)
    left = _wait(_processes(status, first.body["controller"]))
    return Stopped(
        last.body["code"], last.body["text"], len(status.workers),
        status.client is not None, left,
    )  # fmt: skip


def _silence(connection: Connection, refusal: str = "") -> str:
    process = state_of(connection.pid, connection.host, connection.start)
    return unanswered(connection, process, refusal)


def _last_words(
    asker: Asker, connection: Connection, tell: Callable[[str], None]
) -> Control:
    """Wait for the answer that says how the cluster ended."""
    begin = heard = time.monotonic()
    told = ""
    while time.monotonic() - heard < ANSWER_S:
        for answer in _answers(asker, LOOK_S):
            heard = time.monotonic()
            if answer.body["code"] is not None:
                return answer
            status = answer.body["status"]
            if status is not None and heard - begin > PATIENCE_S:
                text = explain(Status.from_wire(status).seen(state_of))
                if text != told:
                    tell(text)
                told = text
        asker.send("status")
    raise ControllerLost(f"{_silence(connection)}; nobody knows how it ended")


def _answers(asker: Asker, seconds: float) -> Iterator[Control]:
    """Yield what is answered within some seconds."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if (answer := asker.listen(left)) is not None:
            yield answer


def _processes(
    status: Status, controller: dict[str, Any]
) -> dict[str, tuple[int, str, int]]:
    """Return pid, host and start, by name, of who should end with the cluster."""
    found = {f"{m.name} (pid {m.pid})": (m.pid, m.host, 0) for m in status.workers}
    pid = controller["pid"]
    found[f"the controller (pid {pid})"] = pid, controller["host"], controller["start"]
    return found


def _wait(processes: dict[str, tuple[int, str, int]]) -> tuple[str, ...]:
    """Wait for processes of this machine to end; return the names of who does not."""
    end = time.monotonic() + EXIT_S
    while True:
        left = tuple(name for name, of in processes.items() if not _over(*of))
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.02)


def _over(pid: int, host: str, start: int) -> bool:
    state = state_of(pid, host, start)
    return state == UNSEEN or state in ENDED
