"""See to it that a connection file has one controller."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from neurocluster.cli.stop import stop_cluster
from neurocluster.controller.connection import FILE, Connection, read_connection
from neurocluster.controller.explain import unanswered
from neurocluster.controller.process import state_of
from neurocluster.controller.status import ENDED, STOPPED
from neurocluster.errors import ConfigError
from neurocluster.transport.ask import Asker
from neurocluster.transport.keys import keys_in_file

ANSWER_S: Final = 1.0
"""A controller that does not answer a ping within this time has lost its file."""
_log = logging.getLogger(__name__)


def claim_connection(path: Path, *, replace: bool) -> None:
    """Make way for a controller that will write a connection file.

    A file whose controller does not answer is nobody's.

    Args:
        path: The file.
        replace: Stop a controller that answers, rather than refuse.

    Raises:
        ConfigError: A controller answers, or the file is something else.
        ControllerLost: The one to be replaced fell silent before it had ended.
    """
    if not path.is_file():
        return
    old = read_connection(path)
    if not _answers(old):
        return
    who = f"a controller (pid {old.pid} on {old.host}) answers at {old.endpoint}"
    if not replace:
        message = (
            f"connection: {path}: {who}; end it by 'neurocluster stop {path}', take "
            "its place by --replace, or name another file by --connection"
        )
        raise ConfigError(message)
    _log.info("%s; it is asked to stop", who)
    stop_cluster(old, now=False, tell=_log.info)


def check_not_running(run: Path) -> None:
    """Refuse to go on with a run that somebody runs.

    Raises:
        ConfigError: Its controller answers.
    """
    file = run / FILE
    if file.is_file() and _answers(found := read_connection(file)):
        message = (
            f"resume: {run} is being run: its controller (pid {found.pid} on "
            f"{found.host}) answers; wait for its end, or ask for it by "
            f"'neurocluster stop {run}'"
        )
        raise ConfigError(message)


def _answers(old: Connection) -> bool:
    process = state_of(old.pid, old.host, old.start)
    if process in ENDED:
        return False
    with Asker(old.endpoint, keys_in_file(old.secret)) as asker:
        answered = asker.ask("ping", ANSWER_S) is not None
    if not answered and process in STOPPED:
        _log.warning("%s; its connection file is replaced", unanswered(old, process))
    return answered
