"""Write idx files for tests."""

from __future__ import annotations

import struct

import numpy as np


def idx_bytes(array: np.ndarray, kind: int = 8) -> bytes:
    """Return an array as an idx file's bytes; ``kind`` is the type's code."""
    head = struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape)
    return head + array.tobytes()
