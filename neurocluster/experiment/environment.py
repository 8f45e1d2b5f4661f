"""Record where and when an experiment ran: machine, load, versions, commit.

An experiment that is taken up again has a further session, maybe of another machine.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import neurocluster
from neurocluster.bench.environment import environment
from neurocluster.experiment.timers import timers
from neurocluster.results.folder import RunFolder

NAME: Final = "environment.json"
SCHEMA: Final = 1
GIT_S: Final = 5.0
"""How long git may take to name a commit."""
SAME: Final = ("cpu", "cores", "system", "versions", "commit")
"""What should not differ between the sessions of an experiment."""


def now() -> str:
    """Return the local time, ISO 8601."""
    return datetime.now().astimezone().isoformat(timespec="seconds")


class Sessions:
    """Keep environment.json: one entry each time that the experiment is run."""

    def __init__(self, files: RunFolder) -> None:
        """Read those before; begin this one."""
        self._files = files
        self._before = _read(files.path / NAME)
        machine = environment()
        load = machine.pop("load_average")
        self._machine = {
            **machine, "kernel": platform.release(), "commit": commit(),
            "timers": timers(),
        }  # fmt: skip
        self._now: dict[str, Any] = {
            "started": now(), "ended": None, "load_before": load, "load_after": None,
        }  # fmt: skip

    @property
    def cores(self) -> int:
        """Return how many cores this process may use."""
        return int(self._machine["cores"])

    def differences(self) -> list[str]:
        """Return what of this session is not as it was in the first."""
        first = self._before[0] if self._before else self._machine
        return [key for key in SAME if first.get(key) != self._machine[key]]

    def write(self, *, ended: bool) -> None:
        """Write the file: the first session's machine, and all sessions."""
        if ended:
            self._now |= {"ended": now(), "load_after": list(os.getloadavg())}
        sessions = [*self._before, {**self._now, **self._machine}]
        first, last = sessions[0], sessions[-1]
        told = {
            **{key: first[key] for key in self._machine},
            "load_before": first["load_before"],
            "load_after": last["load_after"],
        }
        value = {"schema": SCHEMA, **told, "sessions": sessions}
        self._files.write_json(NAME, value)


def _read(path: Path) -> Sequence[Mapping[str, Any]]:
    try:
        sessions = json.loads(path.read_text(encoding="utf-8"))["sessions"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return sessions if isinstance(sessions, list) else []


def commit() -> str | None:
    """Return the commit of the sources, with ``+`` if they differ from it.

    None if they are no checkout, or git is not there.
    """
    source = Path(neurocluster.__file__).parent
    ours = _git(source, "ls-files", "--error-unmatch", "version.py")
    found = _git(source, "rev-parse", "HEAD")
    if found is None or ours is None:  # installed within another project's checkout
        return None
    changed = _git(source, "status", "--porcelain", "--untracked-files=no", ".")
    return found.strip() + ("+" if changed else "")


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True,
            timeout=GIT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
