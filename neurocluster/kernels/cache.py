"""Choose where compiled kernels are kept: one folder for each state of the sources.

numba invalidates a cached function by the date of its own file only, while kernels
inline helpers of other files. So the folder's name is a digest of all sources that
are compiled; a changed helper never meets a stale kernel.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from pathlib import Path
from typing import Final

COMPILED: Final = (
    "kernels", "link", "metrics", "worker", "client", "wire", "transport", "bench",
    "simulate",
)  # fmt: skip
KEPT: Final = 4
"""Folders of older sources that stay."""


def sources_digest() -> str:
    """Return a digest of every file whose functions are compiled."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256((root / "dtypes.py").read_bytes())  # constants
    for folder in COMPILED:
        for path in sorted((root / folder).glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Return the folder for these sources; honours NUMBA_CACHE_DIR and XDG."""
    base = os.environ.get("NUMBA_CACHE_DIR")
    if base is None:
        home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        base = f"{home}/neurocluster"
    folder = Path(base) / f"kernels-{sources_digest()}"
    if not folder.exists():
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True)
            _forget_old(folder.parent)
    return folder


def _forget_old(parent: Path) -> None:
    found = sorted(parent.glob("kernels-*"), key=lambda path: path.stat().st_mtime)
    for path in found[:-KEPT]:
        shutil.rmtree(path, ignore_errors=True)
