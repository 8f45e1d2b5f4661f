"""Give compiled turns the C functions that reach a node's sockets.

A turn calls ``zmq_recv``, ``zmq_send``, ``zmq_getsockopt`` and ``zmq_errno`` by
address. They come from the library that pyzmq itself has loaded; a turn in Python
would cost two to three times as much. Where that library cannot be found (pyzmq may
be linked statically), and for the transport in memory, functions of the same
signatures call an `Inbox` and `Outlet`s in Python instead.
"""

from __future__ import annotations

import ctypes
import errno
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import zmq

from neurocluster.transport.base import Inbox, Outlet

_log = logging.getLogger(__name__)
NAMES: Final = ("zmq_recv", "zmq_send", "zmq_getsockopt", "zmq_errno")
_TRANSFER: Final = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int
)
_OPTION: Final = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_size_t, ctypes.c_int, ctypes.c_size_t, ctypes.c_size_t
)
_ERRNO: Final = ctypes.CFUNCTYPE(ctypes.c_int)


@dataclass(frozen=True, slots=True)
class Calls:
    """Hold addresses of functions, and the sockets that they take.

    Attributes:
        functions: Addresses of receive, send, read an option, read errno.
        inbox: First argument when receiving.
        outlets: First argument when sending, by link.
        kept: Objects that must live as long.
    """

    functions: tuple[int, int, int, int]
    inbox: int
    outlets: tuple[int, ...]
    kept: tuple[Any, ...] = ()


@cache
def library_functions() -> tuple[int, int, int, int] | None:
    """Return the functions of the libzmq that pyzmq uses; None if it is not found."""
    for path in _loaded_libraries():
        try:
            library = ctypes.CDLL(path, mode=os.RTLD_NOW | os.RTLD_NOLOAD)
            if _version(library) != zmq.zmq_version_info():
                continue
            addresses = [
                ctypes.cast(getattr(library, name), ctypes.c_void_p).value
                for name in NAMES
            ]
        except (OSError, AttributeError):
            continue
        recv, send, option, error = (address or 0 for address in addresses)
        return recv, send, option, error
    _log.warning("libzmq was not found in this process; links turn in Python, slower")
    return None


def _loaded_libraries() -> list[str]:
    """Return the paths of loaded libraries that may hold libzmq's functions."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
    paths = dict.fromkeys(line.split(maxsplit=5)[-1] for line in maps)
    return [path for path in paths if "zmq" in Path(path).name]


def _version(library: ctypes.CDLL) -> tuple[int, int, int]:
    parts = [ctypes.c_int() for _ in range(3)]
    library.zmq_version(*(ctypes.byref(part) for part in parts))
    major, minor, patch = (part.value for part in parts)
    return major, minor, patch


def calls_of(inbox: Inbox, outlets: Sequence[Outlet], buffer: memoryview) -> Calls:
    """Return how a turn reaches an inbox and outlets.

    Args:
        inbox: Where packets come from.
        outlets: One a outgoing link.
        buffer: What the turn receives into.
    """
    sockets = [getattr(end, "handle", None) for end in (inbox, *outlets)]
    if None not in sockets and (functions := library_functions()) is not None:
        return Calls(functions, sockets[0] or 0, tuple(k or 0 for k in sockets[1:]))
    return python_calls(inbox, outlets, buffer)


def python_calls(inbox: Inbox, outlets: Sequence[Outlet], buffer: memoryview) -> Calls:
    """Return functions that call an inbox and outlets in Python; see `calls_of`."""
    ends = _PythonEnds(inbox, outlets, buffer)
    functions = (
        _TRANSFER(ends.receive), _TRANSFER(ends.send), _OPTION(ends.option),
        _ERRNO(ends.errno),
    )  # fmt: skip
    recv, send, option, error = (
        ctypes.cast(function, ctypes.c_void_p).value or 0 for function in functions
    )
    handles = tuple(range(len(outlets)))
    return Calls((recv, send, option, error), 0, handles, (functions, ends))


class _PythonEnds:
    """Stand in for libzmq; an exception becomes a failed socket, never silence."""

    def __init__(
        self, inbox: Inbox, outlets: Sequence[Outlet], buffer: memoryview
    ) -> None:
        self._inbox, self._outlets, self._buffer = inbox, outlets, buffer
        self._errno = errno.EAGAIN

    def _guarded(self, action: Callable[[], int]) -> int:
        self._errno = errno.EAGAIN
        try:
            return action()
        except Exception:  # noqa: BLE001 - C cannot take it
            _log.exception("a socket failed")
            self._errno = errno.EIO
            return -1

    def receive(self, _socket: int, _at: int, _room: int, _flags: int) -> int:
        return self._guarded(lambda: self._inbox.receive_into(self._buffer))

    def send(self, socket: int, at: int, size: int, _flags: int) -> int:
        packet = memoryview((ctypes.c_char * size).from_address(at)).cast("B")
        outlet = self._outlets[socket]
        return self._guarded(lambda: size if outlet.send(packet) else -1)

    def option(self, _socket: int, _option: int, _value: int, _size: int) -> int:
        return 0  # the value stays 0: an outlet says itself when there is room

    def errno(self) -> int:
        return self._errno
