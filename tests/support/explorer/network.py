"""A virtual clock, control channels, and the sockets of the data path.

Sockets are as unkind as real ones: what is sent to a closed inbox vanishes, an inbox
of a process that does not run stays open and fills, queues are bounded.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

from neurocluster.wire.control import Control, Kind, decode_control, encode_control
from neurocluster.wire.packet import decode_packet, encode_packet

MS = 1_000_000
SECOND = 1_000 * MS
decode = lru_cache(4096)(decode_control)


class Loop:
    """Run actions in order of their time."""

    def __init__(self, seed: int) -> None:
        self.now = 0
        self.random = random.Random(f"loop {seed}")
        self._queue: list[tuple[int, int, Callable[[], Any]]] = []
        self._count = 0

    def at(self, delay_ns: int, action: Callable[[], Any]) -> None:
        """Run an action after a time."""
        self._count += 1
        heapq.heappush(self._queue, (self.now + delay_ns, self._count, action))

    def step(self) -> bool:
        """Run the next action; False if there is none."""
        if self._queue:
            self.now, _, action = heapq.heappop(self._queue)
            action()
        return bool(self._queue)

    def between(self, low_ms: float, high_ms: float) -> int:
        """Return a random time, ns."""
        return int(MS * (low_ms + (high_ms - low_ms) * self.random.random()))


class Way:
    """One direction of a control channel: in order, late, sometimes lossy.

    Attributes:
        late_ns: Added to each message's time now.
        lose: How many of the next messages are lost.
        held: Messages that wait for the network to heal; None if it is whole.
    """

    def __init__(self, loop: Loop, deliver: Callable[[Control], None]) -> None:
        self._loop, self._deliver = loop, deliver
        self._last = 0
        self.late_ns = self.lose = 0
        self.held: list[Control] | None = None

    def release(self) -> None:
        """Send what was held."""
        held, self.held = self.held or [], None
        for message in held:
            self.send(message)

    def send(self, message: Control) -> bool:
        """Send; return False if the message is lost."""
        data = encode_control(message)
        if self.lose and message.kind is not Kind.ACK:
            self.lose -= 1
            return False
        if self.held is not None:
            self.held.append(message)
            return True
        time = self._loop.now + self._loop.between(0.02, 0.6) + self.late_ns
        self._last = time = max(time, self._last)
        self._loop.at(time - self._loop.now, lambda: self._deliver(decode(data)))
        return True


class Packet(NamedTuple):
    """What a link carries; `origin` and `sender` are for the checks alone."""

    epoch: int
    link: int
    sequence: int
    frame: int
    spikes: int
    close: int
    value: int
    origin: int
    sender: object


class Inbox:
    """Receive from all pipes that lead here, fairly; owned by one process."""

    def __init__(
        self, net: Network, epoch: int, host: str, wake: Callable[[], None]
    ) -> None:
        self.net, self.epoch, self.host, self.wake = net, epoch, host, wake
        self.pipes: list[Pipe] = []
        self.open = True
        net.count += 1
        self.endpoint = f"mem://{net.count}"
        net.inboxes[self.endpoint] = self

    def take(self) -> Any:
        """Return the next message that has arrived."""
        now = self.net.loop.now
        for k, pipe in enumerate(self.pipes):
            if pipe.queue and pipe.queue[0][0] <= now:
                self.pipes.append(self.pipes.pop(k))
                item = pipe.queue.popleft()[1]
                pipe.on_room()
                return item
        return None

    def close(self) -> None:
        """Close for ever; what waits is lost, whoever waits for room has it."""
        self.open = False
        self.net.inboxes.pop(self.endpoint, None)
        for pipe in self.pipes:
            pipe.queue.clear()
            pipe.on_room()


class Pipe:
    """The sending end of a link in one epoch."""

    def __init__(
        self, net: Network, link: int, epoch: int, host: str, endpoint: str,
        on_room: Callable[[], None],
    ) -> None:  # fmt: skip
        self.net, self.link, self.epoch, self.on_room = net, link, epoch, on_room
        self.host = host
        self.queue: deque[tuple[int, Any]] = deque()
        self.inbox = net.inboxes.get(endpoint)
        self._last = 0
        self.cut = False
        if self.inbox is not None:
            self.inbox.pipes.append(self)

    def send(self, item: Any) -> bool:
        """Take a message; return False if there is no room."""
        inbox, loop = self.inbox, self.net.loop
        if len(self.queue) >= self.net.hwm:
            return False
        for part in self.net.tampered(self, item):
            if inbox is None or not inbox.open or self.cut or self.link in self.net.cut:
                continue
            if frozenset((self.host, inbox.host)) in self.net.apart:
                continue
            self._last = max(self._last, loop.now + loop.between(0.01, 0.2))
            self.queue.append((self._last, part))
            loop.at(self._last - loop.now, inbox.wake)
        return True

    def close(self) -> None:
        """Close; what is on its way may still arrive."""
        self.on_room = lambda: None
        if self.net.loop.random.random() < 0.5:
            self.queue.clear()


class Network:
    """Hold the inboxes of all processes, and what is wrong with links now.

    Attributes:
        cut: Links on which everything vanishes.
        apart: Hosts between which everything vanishes.
        tamper: By link, what happens to its next packet.
    """

    def __init__(self, loop: Loop, hwm: int) -> None:
        self.loop, self.hwm, self.count = loop, hwm, 0
        self.inboxes: dict[str, Inbox] = {}
        self.cut: set[int] = set()
        self.apart: set[frozenset[str]] = set()
        self.tamper: dict[int, str] = {}
        self.pipes: dict[int, Pipe] = {}

    def connect(self, *args: Any) -> Pipe:
        """Make a pipe: link, epoch, host, endpoint, on_room."""
        pipe = Pipe(self, *args)
        self.pipes[pipe.link] = pipe
        return pipe

    def tampered(self, pipe: Pipe, item: Any) -> list[Any]:
        """Return what is sent in place of a message."""
        if isinstance(item, Control) or pipe.link not in self.tamper:
            return [item]
        how = self.tamper.pop(pipe.link)
        if how in ("double", "drop"):
            return [item, item] if how == "double" else []
        packet = decode_packet(item, len(item)) if isinstance(item, bytes) else item
        add = {"count": 3 if packet.close else 0, "sequence": 1, "frame": 100}[how]
        field = "close" if how == "count" else how
        if isinstance(packet, Packet):
            return [packet._replace(**{field: getattr(packet, field) + add})]
        changed = replace(packet, **{field: getattr(packet, field) + add})
        return [encode_packet(changed)]
