"""Start the fork template early: it imports while its parent does the same.

This module imports nothing heavy, so that a command can call it first of all.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ONE_THREAD: Final = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONUNBUFFERED": "1",
}


@dataclass(frozen=True, slots=True)
class Template:
    """A running template process and the private folder of its cluster.

    It ends with its standard input, so at the latest with this process.

    Attributes:
        lent: The process is another's and serves further clusters after this one.
    """

    process: subprocess.Popen[bytes]
    folder: Path
    lent: bool = False

    def lend(self) -> Template:
        """Return the same process for one cluster, with a folder for that alone.

        Lend it to one cluster at a time; the next may have it once that has closed.
        """
        return Template(self.process, _private_folder(), lent=True)

    @property
    def alive(self) -> bool:
        """Tell whether the process runs."""
        return self.process.poll() is None

    def discard(self) -> None:
        """End the template if it still runs, and remove the folder."""
        if self.lent:
            shutil.rmtree(self.folder, ignore_errors=True)
            return
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def log(self) -> Path:
        """Return the file of its standard error."""
        return self.folder / "launcher.log"


def spawn_template() -> Template:
    """Start a template; `launch.local.LocalLauncher` takes it over."""
    folder = _private_folder()
    with (folder / "launcher.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "neurocluster.launch.template"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            start_new_session=True, env=os.environ | ONE_THREAD,
        )  # fmt: skip
    return Template(process, folder)


def _private_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="nc-"))
