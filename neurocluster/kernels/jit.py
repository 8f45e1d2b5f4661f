"""Wrap numba's decorators once, typed, with the options every kernel shares.

A kernel is found again in the cache only if it is a module-level function, or
closes over integers alone. Kernels therefore never close over other kernels:
they call module-level helpers, take literals for what must be specialised, and
reach each other through addresses kept in records (`kernels.memory.call`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

import numba
from numba.core import caching
from numba.extending import intrinsic as _numba_intrinsic

from neurocluster.kernels.cache import cache_folder
from neurocluster.kernels.stored import KernelFiles, keep_together

numba.config.CACHE_DIR = str(cache_folder())
caching.IndexDataCacheFile = KernelFiles  # type: ignore[misc]
keep_together(caching)

F = TypeVar("F", bound=Callable[..., Any])


class Native(Protocol):
    """Describe a compiled function that C code, or another kernel, can call."""

    @property
    def address(self) -> int:
        """Return the address of the machine code."""


def jit(function: F) -> F:
    """Compile a module-level function on its first call; keep it in the cache."""
    compiled = numba.njit(
        nogil=True, boundscheck=False, error_model="numpy", cache=True
    )(function)
    return cast("F", compiled)


def inline(function: F) -> F:
    """Compile a small helper without reference counting, to be inlined by LLVM."""
    compiled = numba.njit(
        nogil=True,
        boundscheck=False,
        error_model="numpy",
        cache=True,
        _nrt=False,
    )(function)
    return cast("F", compiled)


def native(signature: str) -> Callable[[F], Native]:
    """Compile a function at once into one callable by address.

    Args:
        signature: numba's notation, for example ``int64(uint64, int64)``.
    """

    def wrap(function: F) -> Native:
        compiled = numba.cfunc(  # type: ignore[call-arg]
            signature,
            cache=True,
            nogil=True,
            boundscheck=False,
            error_model="numpy",
        )(function)
        return cast("Native", compiled)

    return wrap


def intrinsic(function: Callable[..., Any]) -> Callable[..., Any]:
    """Define code in LLVM IR; integer constants arrive as literals.

    The function takes numba's typing context first; callers leave it out.
    """
    made = _numba_intrinsic(prefer_literal=True)(function)
    return cast("Callable[..., Any]", made)
