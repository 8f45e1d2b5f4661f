"""Keep compiled kernels in files that many processes write at the same time.

numba numbers the files of one function's forms and lists them in an index. Workers
that compile two forms of a function at once take the same number, and from then on
one form's code is found under the key of the other (numba issue 4807 and its like):
a kernel runs on tables of another shape. Here a file is named by a digest of its key
and holds the key; there is no index, so nothing is shared but what is equal.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import pickle
import uuid
from pathlib import Path
from typing import Any, cast

import numba
from numba.core.serialize import dumps

_log = logging.getLogger(__name__)


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
