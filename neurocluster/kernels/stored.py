"""Keep compiled kernels in files that many processes write at the same time.

numba numbers the files of one function's forms and lists them in an index. Workers
that compile two forms of a function at once take the same number, and from then on
one form's code is found under the key of the other (numba issue 4807 and its like):
a kernel runs on tables of another shape. Here a file is named by a digest of its key
and holds the key; there is no index, so nothing is shared but what is equal.

The folder is named by a digest of all sources, so the place of a checkout or an
environment is left out of names: a second one finds what the first compiled.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import pickle
import uuid
from pathlib import Path
from typing import Any, Final, cast

import numba
from numba.core.serialize import dumps

ROOT: Final = Path(__file__).resolve().parents[1]
_log = logging.getLogger(__name__)


def keep_together(caching: Any) -> None:
    """Have numba name folders of this package's kernels by module, not by place.

    Args:
        caching: ``numba.core.caching``; the class's name has an underscore before 0.66.
    """
    name = "UserProvidedCacheLocator"
    locator = getattr(caching, name, None) or getattr(caching, f"_{name}")
    by_place = locator.get_suitable_cache_subpath

    def folder_of(file: str) -> str:
        parent = Path(file).resolve().parent
        if not parent.is_relative_to(ROOT):
            return str(by_place(file))
        return ".".join((ROOT.name, *parent.relative_to(ROOT).parts))

    locator.get_suitable_cache_subpath = staticmethod(folder_of)


class KernelFiles:
    """Hold the compiled forms of one function; takes numba's `IndexDataCacheFile`."""

    def __init__(self, cache_path: str, filename_base: str, source_stamp: Any) -> None:
        """Take where they are kept, and what changes when the source does."""
        self._folder, self._name = Path(cache_path), filename_base
        self._version = (numba.__version__, source_stamp)

    def _path(self, key: Any) -> Path:
        digest = hashlib.sha256(repr((self._version, key)).encode()).hexdigest()[:24]
        return self._folder / f"{self._name}.{digest}.nbc"

    def load(self, key: Any) -> Any:
        """Return what was saved under a key, or None."""
        try:
            found, data = pickle.loads(self._path(key).read_bytes())
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):
            return None
        return data if found == key else None

    def save(self, key: Any, data: Any) -> None:
        """Keep something under a key; without room it is compiled again next time."""
        path = self._path(key)
        part = path.with_suffix(f".{uuid.uuid4().hex[:16]}")
        try:
            part.write_bytes(cast("Any", dumps)((key, data)))
            part.replace(path)
        except OSError as error:
            _log.warning("cannot keep a compiled kernel: %s", error)
            with contextlib.suppress(OSError):
                part.unlink()

    def flush(self) -> None:
        """Forget all forms."""
        for path in self._folder.glob(f"{self._name}.*.nbc"):
            path.unlink(missing_ok=True)
