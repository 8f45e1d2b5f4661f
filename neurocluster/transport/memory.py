"""Implement the transport in memory, for whole clusters in one process.

A `Wire` is one ordered link with room for ``hwm`` packets. When a packet may be
received is the test's to decide: a wire asks its `Delay` for the time of arrival.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

Arrival = Callable[[bytes], int]
"""Return the time (ns) at which a packet sent now may be received."""
Tamper = Callable[[bytes], Sequence[bytes]]
"""Return what arrives in place of a packet: nothing, it, two of it, another."""


class Wire:
    """Carry packets of one link in order; the sending end is an `Outlet`."""

    def __init__(
        self,
        hwm: int,
        arrival: Arrival,
        tamper: Tamper = lambda packet: (packet,),
    ) -> None:
        """Make an empty wire with room for ``hwm`` packets."""
        self._hwm, self._arrival, self._tamper = hwm, arrival, tamper
        self._queue: deque[tuple[int, bytes]] = deque()
        self.on_send: Callable[[int], None] = lambda _time: None
        self.on_room: Callable[[], None] = lambda: None
        self._full = False

    def send(self, packet: memoryview | bytes) -> bool:
        """Take one packet; see `transport.base.Outlet`."""
        if len(self._queue) >= self._hwm:
            self._full = True
            return False
        for data in self._tamper(bytes(packet)):
            time = self._arrival(data)
            if self._queue:
                time = max(time, self._queue[-1][0])
            self._queue.append((time, data))
            self.on_send(time)
        return True

    def ready(self, now_ns: int) -> bool:
        """Tell whether a packet may be received now."""
        return bool(self._queue) and self._queue[0][0] <= now_ns

    def take(self) -> bytes:
        """Return the oldest packet."""
        _, data = self._queue.popleft()
        if self._full:
            self._full = False
            self.on_room()
        return data

    def close(self) -> None:
        """Drop what waits."""
        self._queue.clear()


class MemoryInbox:
    """Receive from several wires, fairly."""

    def __init__(self, wires: Sequence[Wire], clock: Callable[[], int]) -> None:
        """Read ``wires`` in turn; ``clock`` tells which packets have arrived."""
        self._wires, self._clock = list(wires), clock
        self._next = 0

    def receive_into(self, buffer: memoryview) -> int:
        """Receive one message; see `transport.base.Inbox`."""
        now, count = self._clock(), len(self._wires)
        for step in range(count):
            wire = self._wires[(self._next + step) % count]
            if wire.ready(now):
                self._next = (self._next + step + 1) % count
                data = wire.take()
                kept = min(len(data), len(buffer))
                buffer[:kept] = data[:kept]
                return len(data)
        return -1

    def close(self) -> None:
        """Drop what waits."""
        for wire in self._wires:
            wire.close()
