"""Do `neurocluster status`: ask a controller, say what its cluster does."""

from __future__ import annotations

import contextlib
import json as json_
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from neurocluster.cli.endpoint import find_connection
from neurocluster.cli.exits import EXIT_DONE, EXIT_FAILED
from neurocluster.cli.status_table import tables
from neurocluster.cli.terminal import paper
from neurocluster.controller.connection import Connection
from neurocluster.controller.explain import explain, unanswered
from neurocluster.controller.holder import oldest_frame
from neurocluster.controller.process import state_of
from neurocluster.controller.status import Status
from neurocluster.errors import ConfigError
from neurocluster.transport.ask import Asker
from neurocluster.transport.keys import keys_in_file

ANSWER_S: Final = 2.0
"""A controller that does not answer within this time hangs, or is gone."""


@dataclass(frozen=True, slots=True)
class View:
    """What one question brought; ``status`` is None without an answer."""

    sentence: str
    controller: dict[str, Any]
    status: Status | None

    @property
    def code(self) -> int:
        """Return the exit code."""
        return EXIT_DONE if self.status is not None else EXIT_FAILED


class Viewer:
    """Look at one cluster again and again; `close` releases the socket."""

    def __init__(self, connect: str | None, key: Path | None = None) -> None:
        """Find the cluster.

        Raises:
            ConfigError: There is none, or it is named wrongly.
        """
        self._connect, self._key = connect, key
        self._connection = find_connection(connect, key)
        self._asker = _asker(self._connection)

    def look(self) -> View:
        """Ask, and look at the processes of this machine."""
        answer = self._asker.ask("status", ANSWER_S)
        status = answer.body["status"] if answer is not None else None
        if answer is None or status is None:
            view = self._unanswered()
            self._follow()
            return view
        seen = Status.from_wire(status).seen(state_of)
        return View(explain(seen), answer.body["controller"], seen)

    def _unanswered(self) -> View:
        found = self._connection
        process = state_of(found.pid, found.host, found.start)
        about = {**asdict(found), "process": process}
        text = unanswered(found, process, self._asker.refusal)
        return View(text, about, None)

    def _follow(self) -> None:
        """Turn to a controller that took the place of one that does not answer."""
        with contextlib.suppress(ConfigError):
            found = find_connection(self._connect, self._key)
            if found != self._connection:
                self.close()
                self._connection = found
                self._asker = _asker(found)

    def close(self) -> None:
        """Release the socket; may be called twice."""
        self._asker.close()


def _asker(connection: Connection) -> Asker:
    return Asker(connection.endpoint, keys_in_file(connection.secret))


def status_command(
    connect: str | None, key: Path | None, *, json: bool, watch: float | None
) -> int:
    """Say what a cluster does, once or each ``watch`` seconds; return the exit code."""
    viewer, console = Viewer(connect, key), paper()
    try:
        if watch is None:
            view = viewer.look()
            _show(view, console, json=json)
            return view.code
        return _watch(viewer, console, json=json, seconds=watch)
    finally:
        viewer.close()


def _show(view: View, console: Console, *, json: bool) -> None:
    if json:
        print(json_.dumps(as_json(view)), flush=True)
    else:
        console.print(view.sentence, style="bold", soft_wrap=True)
        if view.status is not None:
            console.print(tables(view.status))


def _watch(viewer: Viewer, console: Console, *, json: bool, seconds: float) -> int:
    """Look until Ctrl-C; redraw in a terminal, else print a line a look."""
    code = EXIT_FAILED
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.suppress(KeyboardInterrupt))
        show: Callable[[View], None]
        if json:
            show = _print_json
        elif sys.stdout.isatty():
            live = stack.enter_context(Live(console=console, auto_refresh=False))

            def show(view: View) -> None:
                below = tables(view.status) if view.status is not None else Text()
                shown = Group(Text(view.sentence, style="bold"), below)
                live.update(shown, refresh=True)
        else:
            show = _print_line
        while True:
            begin = time.monotonic()
            view = viewer.look()
            show(view)
            code = view.code
            time.sleep(max(begin + seconds - time.monotonic(), 0))
    return code


def _print_json(view: View) -> None:
    print(json_.dumps(as_json(view)), flush=True)


def _print_line(view: View) -> None:
    print(view.sentence, flush=True)


def as_json(view: View) -> dict[str, Any]:
    """Return a view as one JSON object; WIRE.md names the fields of a status."""
    told: dict[str, Any] = {
        "sentence": view.sentence,
        "answered": view.status is not None,
        "controller": view.controller,
    }
    if view.status is None:
        return told
    told |= asdict(view.status)
    for member in told["members"]:
        del member["received"], member["sent"]  # the links have them by name
    found = oldest_frame(view.status)
    position, cause = found if found is not None else (None, None)
    held = cause.node if cause is not None else None
    return told | {"oldest_frame": position, "held_by": held}
